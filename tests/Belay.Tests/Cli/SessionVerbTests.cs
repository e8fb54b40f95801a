using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class SessionVerbTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string Other = "other-KlMnOpQrSt";

    private const string Summary = $$$"""
        {"sessionId":"{{{Session}}}","harnessId":"{{{FakeService.Id}}}","actorId":"ada","state":"idle","createdAt":"2026-11-21T07:00:00.000Z","lastActivityAt":"2026-11-21T08:00:00.000Z",
         "lastSequence":42,"invocations":2,"iterations":5,"toolCalls":3,"usage":{"input":4321,"output":210,"cacheRead":1000,"cacheWrite":0},"cost":{"amount":0.0123,"currency":"USD"},
         "fault":"RuntimeClientError","why":"The model did not answer.\nIt was asked 3 times.","sandboxId":"sb-1","lastTraceId":"5f0c1d2e3a4b5c6d7e8f901234567890"}
        """;

    private const string Answer = $$$"""
        {"session":{{{Summary}}},"invocations":[
          {"invocationId":"i2","traceId":"5f0c1d2e3a4b5c6d7e8f901234567890","endpoint":"DEFAULT","harnessVersion":"1","startedAt":"2026-11-21T07:59:50.000Z","endedAt":"2026-11-21T08:00:00.000Z","latencyMs":10000,
           "fault":"RuntimeClientError","why":"The model did not answer.","iterations":1,"toolCalls":0,"usage":{"input":0,"output":0,"cacheRead":0,"cacheWrite":0}},
          {"invocationId":"i1","traceId":"0af7651916cd43dd8448eb211c80319c","endpoint":"DEFAULT","harnessVersion":"1","startedAt":"2026-11-21T07:00:00.000Z","endedAt":"2026-11-21T07:00:02.500Z","latencyMs":2500,
           "stopReason":"end_turn","iterations":4,"toolCalls":3,"usage":{"input":4321,"output":210,"cacheRead":1000,"cacheWrite":0},"cost":{"amount":0.0123,"currency":"USD"}}],
         "models":[{"provider":"openai","modelId":"gpt-5-mini","calls":5,"usage":{"input":4321,"output":210,"cacheRead":1000,"cacheWrite":0},"cost":{"amount":0.0123,"currency":"USD"}}]}
        """;

    [Fact]
    public async Task Get_IsTheGoldenText()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("get", "session", Session, "--harness", FakeService.Id));
        GoldenFile.Matches("get-session", run.Output);
        Assert.Equal($"GET /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}", run.Service.Sent.Single().Line);
    }

    [Fact]
    public async Task Get_FindsTheHarness()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("get", "session", Session, "--json"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Answer), JsonNode.Parse(run.Output)));
        Assert.Equal(
            [$"GET /belay/v1/sessions?sessionId={Session}&maxResults=10", $"GET /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}"],
            run.Service.Sent.Select(sent => sent.Line));
    }

    [Fact]
    public async Task Get_OfTwoHarnesses_AsksWhich()
    {
        using var run = New(inOther: true);

        Assert.Equal(1, await run.RunAsync("get", "session", Session));
        Assert.Equal($"More than one harness has a session {Session}: {FakeService.Id}, {Other}.\nSay which is meant with --harness.\n", run.Error);
    }

    [Fact]
    public async Task Get_OfNone_SaysWhereToLook()
    {
        using var run = New();

        Assert.Equal(1, await run.RunAsync("get", "session", "nobody"));
        Assert.Equal("No harness has a session nobody.\nSee what there is: belay list sessions\n", run.Error);
    }

    [Fact]
    public async Task Get_OfAHarnessWithoutIt_IsOneLine()
    {
        using var run = New();

        Assert.Equal(1, await run.RunAsync("get", "session", "nobody", "--harness", FakeService.Id));
        Assert.Equal("Could not get session nobody: There is no such session.\n", run.Error);
    }

    [Fact]
    public async Task List_IsTheGoldenText()
    {
        using var run = New();
        run.Service.On("GET /belay/v1/sessions?", () => FakeService.Json(JsonNode.Parse($$$"""
            {"sessions":[{{{Summary}}},{"sessionId":"\u001b[31mred","harnessId":"{{{Other}}}","state":"running","createdAt":"2026-11-21T07:00:00.000Z","lastActivityAt":"2026-11-21T07:00:01.000Z","lastSequence":3,
             "invocations":1,"iterations":0,"toolCalls":0,"usage":{"input":0,"output":0,"cacheRead":0,"cacheWrite":0}}]}
            """)!));

        Assert.Equal(0, await run.RunAsync("list", "sessions", "--harness", "hello", "--state", "idle", "--actor-id", "ada", "--since", "1d", "--limit", "5"));
        GoldenFile.Matches("list-sessions", run.Output);
        Assert.Equal(
            $"GET /belay/v1/sessions?harnessId={FakeService.Id}&actorId=ada&state=idle&since=2026-11-20T08%3A00%3A00.000Z&maxResults=5", run.Service.Sent[^1].Line);
    }

    [Fact]
    public async Task List_OfNothing_SaysSo()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/sessions?", () => FakeService.Json(JsonNode.Parse("""{"sessions":[]}""")!));

        Assert.Equal(0, await run.RunAsync("list", "sessions"));
        Assert.Empty(run.Output);
        Assert.Equal("There are no such sessions.\n", run.Error);
    }

    [Theory]
    [InlineData("list-usage", "", "{\"invocations\":2,\"modelCalls\":5,\"toolCalls\":3,")]
    [InlineData("list-usage-model", "--group-by harness,model --interval day", "{\"start\":\"2026-11-21T00:00:00.000Z\",\"harnessId\":\"hello-AbCdEfGhIj\",\"provider\":\"openai\",\"modelId\":\"gpt-5-mini\",\"modelCalls\":5,")]
    public async Task Usage_IsTheGoldenText(string golden, string options, string row)
    {
        using var run = new CliRun { Together = true }.WithKey();
        run.Service.On("GET /belay/v1/usage", () => FakeService.Json(JsonNode.Parse(
            """{"since":"2026-11-20T08:00:00.000Z","until":"2026-11-21T08:00:00.000Z","rows":[""" + row + "\"usage\":{\"input\":4321,\"output\":210,\"cacheRead\":1000,\"cacheWrite\":0},\"cost\":{\"amount\":0.0123,\"currency\":\"USD\"}}]}")!));

        Assert.Equal(0, await run.RunAsync(["list", "usage", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        GoldenFile.Matches(golden, run.Output);
        Assert.Equal(options.Length == 0 ? "GET /belay/v1/usage" : "GET /belay/v1/usage?groupBy=harness%2Cmodel&interval=day", run.Service.Sent.Single().Line);
    }

    private static CliRun New(bool inOther = false)
    {
        var run = new CliRun().WithKey();
        var other = JsonNode.Parse(Summary)!;
        other["harnessId"] = Other;
        run.Service
            .On("GET /harnesses?", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray(FakeService.Harness()) }))
            .On("GET /belay/v1/sessions?sessionId=nobody&", () => FakeService.Json(new JsonObject { ["sessions"] = new JsonArray() }))
            .On($"GET /belay/v1/sessions?sessionId={Session}&", () => FakeService.Json(new JsonObject { ["sessions"] = inOther ? new JsonArray(JsonNode.Parse(Summary), other.DeepClone()) : new JsonArray(JsonNode.Parse(Summary)) }))
            .On($"GET /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}", () => FakeService.Json(JsonNode.Parse(Answer)!))
            .On("GET /belay/v1/harnesses/", () => FakeService.Fault(HttpStatusCode.NotFound, "ResourceNotFoundException", """{"message":"There is no such session."}"""));
        return run;
    }
}
