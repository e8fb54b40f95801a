using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class ForkVerbTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string New = "fedcba9876543210fedcba98765432100";

    private const string Answer = $$$"""
        {"harnessId":"{{{FakeService.Id}}}","sessionId":"{{{New}}}","forkedFrom":{"sessionId":"{{{Session}}}","entry":12},"waiting":false,
         "workspace":{"entry":8,"savedAt":"2026-11-21T08:00:00.000Z","files":3,"bytes":1234}}
        """;

    [Fact]
    public async Task Fork_SaysWhatItShares()
    {
        using var run = With(Answer);

        Assert.Equal(0, await run.RunAsync("fork", Session, "--at", "12", "--harness", FakeService.Id, "--session-id", New, "--model-id", "openai/gpt-5", "--system-prompt", "Be brief."));
        GoldenFile.Matches("fork", run.Output);
        var sent = run.Service.Sent.Single();
        Assert.Equal($"POST /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}/forks", sent.Line);
        var body = JsonNode.Parse(sent.Body)!;
        Assert.Equal((12, New, "Be brief."), ((int?)body["at"], (string?)body["newSessionId"], (string?)body["systemPrompt"]![0]!["text"]));
        Assert.Equal("openai/gpt-5", (string?)body["model"]!["liteLlmModelConfig"]!["modelId"]);
    }

    [Fact]
    public async Task Fork_FindsTheHarness_AndSaysWhatIsMissing()
    {
        using var run = With($$"""{"harnessId":"{{FakeService.Id}}","sessionId":"{{New}}","forkedFrom": {"sessionId":"{{Session}}","entry":12},"waiting":true}""");

        Assert.Equal(0, await run.RunAsync("fork", Session));
        Assert.Contains("no snapshot: the workspace starts empty", run.Output, StringComparison.Ordinal);
        Assert.Contains("answers to its tool calls", run.Output, StringComparison.Ordinal);
        Assert.Equal("{}", run.Service.Sent[^1].Body);
    }

    [Fact]
    public async Task Json_IsTheAnswer()
    {
        using var run = With(Answer);

        Assert.Equal(0, await run.RunAsync("fork", Session, "--harness", FakeService.Id, "--json"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Answer), JsonNode.Parse(run.Output)));
    }

    [Theory]
    [InlineData("--at", "0")]
    [InlineData("--session-id", "short")]
    public async Task WrongOptions_AreRefusedBeforeAnythingIsSent(string option, string value)
    {
        using var run = With(Answer);

        Assert.Equal(2, await run.RunAsync("fork", Session, option, value));
        Assert.Empty(run.Service.Sent);
    }

    private static CliRun With(string answer)
    {
        var run = new CliRun().WithKey();
        run.Service
            .On("GET /belay/v1/sessions?", () => FakeService.Json(JsonNode.Parse($$"""{"sessions":[{"sessionId":"{{Session}}","harnessId":"{{FakeService.Id}}"}]}""")!))
            .On("POST /belay/v1/harnesses/", () => FakeService.Json(JsonNode.Parse(answer)!, HttpStatusCode.Created));
        return run;
    }
}
