using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Tests.Cli;

/// <summary><c>wait</c>, <c>cancel</c> and <c>invoke --detach</c>.</summary>
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

    [Fact]
    public async Task InATerminal_ALineSteers_AndAnInterruptCancels()
    {
        Action? interrupt = null;
        using var run = new CliRun { IsTerminal = true, Input = "\nLook at b too.\n", OnInterrupt = instead => new Undo(interrupt = instead) }.WithKey();
        run.Service
            .WithHarness()
            .On($"POST {Path}/invocations", () => FakeService.Json(JsonNode.Parse($$"""{"invocationId":"i2","sessionId":"{{Session}}"}""")!))
            .On($"POST {Path}/steer", () => new(System.Net.HttpStatusCode.NoContent))
            .On($"POST {Path}/cancel", () => FakeService.Json(JsonNode.Parse("""{"invocationId":"i2"}""")!))
            .On(
                $"GET {Path}/events",
                () => FakeService.SentEvents(Events(("3.0", "invocationStarted", "i2", """{"endpoint":"DEFAULT","traceId":"5f0c"}"""))),
                () =>
                {
                    interrupt!();
                    return FakeService.SentEvents(Events(
                        ("5.0", "steered", "i2", """{"steerId":"x","text":"Look at b too."}"""),
                        ("6.0", "messageStop", "i2", """{"stopReason":"interrupted"}"""),
                        ("6.1", "invocationEnded", "i2", """{"stopReason":"interrupted","why":"The invocation was cancelled.","iterations":1,"latencyMs":1}""")));
                })
            .On($"GET {Path}", Summary);

        Assert.Equal(1, await run.RunAsync("invoke", "--harness", "hello", "--session-id", Session, "Look at a."));

        Assert.Equal("Look at b too.", (string?)Assert.Single(run.Service.Sent, sent => sent.Line == $"POST {Path}/steer").Json["text"]);
        Assert.Single(run.Service.Sent, sent => sent.Line == $"POST {Path}/cancel");
        Assert.Contains("told: Look at b too.", run.Error, StringComparison.Ordinal);
        Assert.Contains("agent stopped: interrupted", run.Error, StringComparison.Ordinal);
        Assert.Contains("belay traces get 5f0c", run.Error, StringComparison.Ordinal);
    }

    private static HttpResponseMessage Summary() => FakeService.Json(JsonNode.Parse("""{"session":{},"invocations":[{"invocationId":"i2","sequence":3},{"invocationId":"i1","sequence":1}],"models":[]}""")!);

    private static string Events(params (string Id, string Type, string Invocation, string Data)[] events) => string.Concat(events.Select(one =>
        $"id: {one.Id}\nevent: {one.Type}\ndata: {{\"id\":\"{one.Id}\",\"type\":\"{one.Type}\",\"invocationId\":\"{one.Invocation}\",\"data\":{one.Data}}}\n\n"));
}
