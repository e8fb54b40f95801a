using System.Net;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Tests.Cli;

/// <summary><c>wait</c>, <c>steer</c>, <c>cancel</c> and <c>invoke --detach</c>.</summary>
public sealed class WaitTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string Path = $"/belay/v1/harnesses/{FakeService.Id}/sessions/{Session}";

    [Fact]
    public async Task Wait_ShowsTheInvocationFromItsBeginning_AcrossALostConnection()
    {
        using var run = new CliRun().WithKey();
        run.Service.On(
            $"GET {Path}/events",
            () => FakeService.SentEvents(Events(("3.9", "metadata", "older", "{}"), ("4.0", "messageStart", "i2", """{"role":"assistant"}"""), ("4.1", "contentBlockDelta", "i2", """{"contentBlockIndex":0,"delta":{"text":"Do"}}"""))),
            () => FakeService.SentEvents(Events(
                ("4.2", "contentBlockDelta", "i2", """{"contentBlockIndex":0,"delta":{"text":"ne."}}"""),
                ("4.3", "messageStop", "i2", """{"stopReason":"end_turn"}"""),
                ("6.0", "metadata", "i2", """{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":1500}}"""),
                ("6.1", "invocationEnded", "i2", """{"stopReason":"end_turn","why":"The turn is complete.","iterations":1,"latencyMs":1500}"""))));
        run.Service.On($"GET {Path}", Summary);

        Assert.Equal(0, await run.RunAsync("wait", Session, "--harness", FakeService.Id));

        Assert.Equal("Done.\n", run.Output.Replace("Do\nne.", "Done.", StringComparison.Ordinal));
        Assert.Contains("end_turn · 1 in + 2 out = 3 tokens · 1.50 s", run.Error, StringComparison.Ordinal);
        Assert.Equal(["2", "4.1"], run.Service.Sent.Where(sent => sent.Line.EndsWith("/events", StringComparison.Ordinal)).Select(sent => sent.Headers["Last-Event-ID"]));
    }

    [Fact]
    public async Task Wait_SaysInOneLineThatAnotherModelTookOver()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"GET {Path}/events", () => FakeService.SentEvents(Events(
            ("4.0", "modelSwitched", "i2", """{"fallback":1,"fromProvider":"openai","fromModelId":"first","provider":"openai","modelId":"second","failure":"Throttled","why":"openai: over\u001bloaded (HTTP 503)"}"""),
            ("6.1", "invocationEnded", "i2", """{"stopReason":"end_turn","why":"w","iterations":1,"latencyMs":1}"""))));
        run.Service.On($"GET {Path}", Summary);

        Assert.Equal(0, await run.RunAsync("wait", Session, "--harness", FakeService.Id));

        Assert.Contains("first → second: openai: over␛loaded (HTTP 503)\n", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"stopReason":"interrupted","why":"The invocation was cancelled.","iterations":1,"latencyMs":1}""", "interrupted")]
    [InlineData("""{"fault":"RuntimeClientError","why":"The model did not answer.","iterations":1,"latencyMs":1}""", "The model did not answer.")]
    public async Task Wait_SaysHowItEnded_WithItsExitCode(string ended, string said)
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"GET {Path}/events", () => FakeService.SentEvents(Events(("4.0", "messageStop", "i2", """{"stopReason":"interrupted"}"""), ("6.1", "invocationEnded", "i2", ended))));
        run.Service.On($"GET {Path}", Summary);

        Assert.Equal(1, await run.RunAsync("wait", Session, "--harness", FakeService.Id));
        Assert.Contains(said, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wait_AsJson_IsTheEnd()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"GET {Path}/events", () => FakeService.SentEvents(Events(("6.1", "invocationEnded", "i2", """{"stopReason":"end_turn","why":"w","iterations":1,"latencyMs":1}"""))));
        run.Service.On($"GET {Path}", Summary);

        Assert.Equal(0, await run.RunAsync("wait", Session, "--harness", FakeService.Id, "--json"));
        Assert.Equal("end_turn", (string?)JsonNode.Parse(run.Output)!["stopReason"]);
    }

    [Fact]
    public async Task Wait_WithoutAnInvocation_SaysSo()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"GET {Path}", () => FakeService.Json(JsonNode.Parse("""{"session":{},"invocations":[],"models":[]}""")!));

        Assert.Equal(1, await run.RunAsync("wait", Session, "--harness", FakeService.Id));
        Assert.Equal($"Session {Session} has no invocation to wait for.\nStart one: belay invoke --detach\n", run.Error);
    }

    [Fact]
    public async Task Cancel_NamesTheInvocation()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"POST {Path}/cancel", () => FakeService.Json(JsonNode.Parse("""{"invocationId":"i2"}""")!));

        Assert.Equal(0, await run.RunAsync("cancel", Session, "--harness", FakeService.Id));
        Assert.Equal("Cancelled invocation i2.\n", run.Output);
    }

    [Fact]
    public async Task Steer_HandsOverTheText()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"POST {Path}/steer", () => new(HttpStatusCode.NoContent));

        Assert.Equal(0, await run.RunAsync("steer", Session, "Look at b too.", "--harness", FakeService.Id));
        Assert.Equal("Told; the agent's next model call takes it.\n", run.Output);
        Assert.Equal("Look at b too.", (string?)run.Service.Sent[^1].Json["text"]);
    }

    [Fact]
    public async Task Steer_AsJson_NamesTheMessage()
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"POST {Path}/steer", () => new(HttpStatusCode.NoContent));

        Assert.Equal(0, await run.RunAsync("steer", Session, "Look at b too.", "--harness", FakeService.Id, "--json"));
        var printed = JsonNode.Parse(run.Output)!;
        Assert.Equal((Session, FakeService.Id), ((string?)printed["sessionId"], (string?)printed["harnessId"]));
        Assert.Equal((string?)run.Service.Sent[^1].Json["steerId"], (string?)printed["steerId"]);
    }

    [Theory]
    [InlineData("""{"message":"No invocation runs in session s. It may just have ended; invoke the session instead."}""", "No invocation runs in session s.")]
    [InlineData("""{"message":"1 problem","fieldList":[{"name":"text","message":"must have at most 100000 characters"}]}""", "text must have at most 100000 characters")]
    public async Task Steer_ThatIsRefused_SaysWhy(string fault, string said)
    {
        using var run = new CliRun().WithKey();
        run.Service.On($"POST {Path}/steer", () => FakeService.Fault(HttpStatusCode.BadRequest, "ValidationException", fault));

        Assert.Equal((int)ExitCode.Failed, await run.RunAsync("steer", Session, "Look at b too.", "--harness", FakeService.Id));
        Assert.Contains(said, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Steer_WithoutText_OrWithAnEmptyOne_SendsNothing()
    {
        using var run = new CliRun().WithKey();

        Assert.Equal((int)ExitCode.Usage, await run.RunAsync("steer", Session, " "));
        Assert.Contains("The message is empty.", run.Error, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Usage, await run.RunAsync("steer", Session));
        Assert.Empty(run.Service.Sent);
    }

    [Fact]
    public async Task Steer_OfASessionThatNobodyHas_SaysSo()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/sessions?", () => FakeService.Json(JsonNode.Parse("""{"sessions":[]}""")!));

        Assert.Equal((int)ExitCode.Failed, await run.RunAsync("steer", Session, "Look at b too."));
        Assert.Contains($"No harness has a session {Session}.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Detach_PrintsTheSession_AndSendsWhatInvokeSends()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness().On($"POST {Path}/invocations", () => FakeService.Json(JsonNode.Parse($$"""{"invocationId":"i2","sessionId":"{{Session}}"}""")!));

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "--session-id", Session, "--detach", "--max-iterations", "3", "Take your time."));

        Assert.Equal(Session + "\n", run.Output);
        Assert.Contains($"belay wait {Session}", run.Error, StringComparison.Ordinal);
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"messages":[{"role":"user","content":[{"text":"Take your time."}]}],"maxIterations":3,"detach":true}"""), run.Service.Sent[^1].Json));
    }

    private static HttpResponseMessage Summary() => FakeService.Json(JsonNode.Parse("""{"session":{},"invocations":[{"invocationId":"i2","sequence":3},{"invocationId":"i1","sequence":1}],"models":[]}""")!);

    private static string Events(params (string Id, string Type, string Invocation, string Data)[] events) => string.Concat(events.Select(one =>
        $"id: {one.Id}\nevent: {one.Type}\ndata: {{\"id\":\"{one.Id}\",\"type\":\"{one.Type}\",\"invocationId\":\"{one.Invocation}\",\"data\":{one.Data}}}\n\n"));
}
