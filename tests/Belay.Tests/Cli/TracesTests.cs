using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class TracesTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string Id = "5f0c1d2e3a4b5c6d7e8f901234567890";

    /// <summary>Two cycles: a model call and two tools, one of which failed with a hostile text; then a model call that runs.</summary>
    private static readonly string Answer = $$$"""
        {"traces":[{"summary":{{{Summary}}},"spans":[
          {"spanId":"01","name":"invoke_agent hello","operation":"invoke_agent","startedAt":"2026-11-21T08:00:00.000Z","status":"running","attributes":{}},
          {"spanId":"02","parentSpanId":"01","name":"execute_event_loop_cycle","operation":"execute_event_loop_cycle","startedAt":"2026-11-21T08:00:00.010Z","durationMs":7990,"status":"ok","attributes":{}},
          {"spanId":"03","parentSpanId":"02","name":"chat belay/scripted","operation":"chat","startedAt":"2026-11-21T08:00:00.020Z","durationMs":4000,"status":"ok","usage":{"input":1234,"output":56,"cacheRead":0,"cacheWrite":0},"outputBytes":512,"attributes":{}},
          {"spanId":"04","parentSpanId":"02","name":"execute_tool shell","operation":"execute_tool","startedAt":"2026-11-21T08:00:04.100Z","durationMs":950,"status":"ok","inputBytes":24,"outputBytes":15300,"attributes":{}},
          {"spanId":"05","parentSpanId":"02","name":"execute_tool \u001b[2Jevil","operation":"execute_tool","startedAt":"2026-11-21T08:00:05.100Z","durationMs":2900,"status":"error","error":"No such \u001b]0;file\u0007.\n","inputBytes":24,"attributes":{}},
          {"spanId":"06","parentSpanId":"01","name":"execute_event_loop_cycle","operation":"execute_event_loop_cycle","startedAt":"2026-11-21T08:00:08.000Z","status":"running","attributes":{}},
          {"spanId":"07","parentSpanId":"06","name":"chat belay/scripted","operation":"chat","startedAt":"2026-11-21T08:00:08.010Z","status":"running","attributes":{"gen_ai.request.model":"second","belay.model.fallback":1,"belay.model.switched_from":"first","belay.model.switch_reason":"Throttled"}},
          {"spanId":"08","parentSpanId":"gone","name":"sandbox.start","operation":"sandbox.start","startedAt":"2026-11-21T08:00:04.000Z","durationMs":75,"status":"ok","attributes":{}}]}]}
        """;

    private const string Summary = $$$$"""
        {"traceId":"{{{{Id}}}}","sessionId":"{{{{Session}}}}","harnessId":"hello-AbCdEfGhIj","invocation":{"invocationId":"inv-1","traceId":"{{{{Id}}}}","endpoint":"DEFAULT",
         "harnessVersion":"1","startedAt":"2026-11-21T08:00:00.000Z","iterations":2,"toolCalls":2,"usage":{"input":1234,"output":56,"cacheRead":0,"cacheWrite":0},"cost":{"amount":0.0123,"currency":"USD"}}}
        """;

    private const string Ended = """
        {"traceId":"0af7651916cd43dd8448eb211c80319c","sessionId":"another-session-with-a-long-name-of-its-own","harnessId":"hello-AbCdEfGhIj","invocation":{"invocationId":"inv-0","endpoint":"DEFAULT",
         "harnessVersion":"1","startedAt":"2026-11-21T07:00:00.000Z","endedAt":"2026-11-21T07:02:05.100Z","latencyMs":125100,"stopReason":"max_iterations_exceeded","iterations":75,"toolCalls":74,
         "usage":{"input":123456,"output":7890,"cacheRead":0,"cacheWrite":0}}}
        """;

    [Theory]
    [InlineData("trace", false, 1000, false)]
    [InlineData("trace-terminal", true, 120, true)]
    [InlineData("trace-narrow", true, 60, false)]
    public async Task Tree_IsTheGoldenText(string golden, bool terminal, int width, bool glyphs)
    {
        using var run = New(terminal, width, glyphs);

        Assert.Equal(0, await run.RunAsync("traces", "get", Id));
        GoldenFile.Matches(golden, run.Output);
        Assert.DoesNotContain('\e', run.Output);
        Assert.Equal($"GET /belay/v1/traces/{Id}", run.Service.Sent.Single().Line);
    }

    [Fact]
    public async Task Tree_InColour_MarksWhatFailed()
    {
        using var run = new CliRun { IsTerminal = true, Colour = true }.WithKey();
        run.Service.On("GET /belay/v1/traces/", () => FakeService.Json(JsonNode.Parse(Answer)!));

        Assert.Equal(0, await run.RunAsync("traces", "get", Id));
        Assert.Contains("\e[31mfailed: No such ␛]0;file␇", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SpansInACircle_AreLeftOutAndNothingHangs()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/traces/", () => FakeService.Json(JsonNode.Parse("""
            {"traces":[{"spans":[{"spanId":"1","parentSpanId":"2","name":"a"},{"spanId":"2","parentSpanId":"1","name":"b"},{"name":"alone"}]}]}
            """)!));

        Assert.Equal(0, await run.RunAsync("traces", "get", Id));
        Assert.Contains("alone", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatTheModelWasNotShown_IsSaid()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/traces/", () => FakeService.Json(JsonNode.Parse("""
            {"traces":[{"spans":[
              {"spanId":"1","name":"cycle","attributes":{"belay.context.reduced":"The oldest 2 messages were left out."}},
              {"spanId":"2","parentSpanId":"1","name":"chat","operation":"chat","attributes":{"gen_ai.request.model":"gpt","belay.context.left_out":1}},
              {"spanId":"3","parentSpanId":"1","name":"chat","attributes":{"belay.context.left_out":0}},
              {"spanId":"4","parentSpanId":"1","name":"tool","outputBytes":15300,"attributes":{"belay.tool.offloaded":".belay/results/a.txt"}}]}]}
            """)!));

        Assert.Equal(0, await run.RunAsync("traces", "get", Id));
        Assert.Contains("conversation shortened: The oldest 2 messages were left out\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("gpt, the oldest 1 message left out\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("more messages than the window holds\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("shown in part, whole in .belay/results/a.txt, 15.3 kB out\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_StandsForItsNewestTrace()
    {
        using var run = New();
        run.Service.WithHarness();

        Assert.Equal(0, await run.RunAsync("traces", "get", "--session-id", Session, "--harness", "hello", "--json"));
        Assert.Equal(
            [
                $"GET /belay/v1/traces?harnessId={FakeService.Id}&sessionId={Session}&since=1970-01-01T00%3A00%3A00.000Z&maxResults=1",
                $"GET /belay/v1/traces/{Id}?harnessId={FakeService.Id}&sessionId={Session}",
            ],
            run.Service.Sent.TakeLast(2).Select(sent => sent.Line));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Answer), JsonNode.Parse(run.Output)));
    }

    [Fact]
    public async Task SessionWithoutATrace_SaysSo()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/traces?", () => FakeService.Json(JsonNode.Parse("""{"traces":[]}""")!));

        Assert.Equal(1, await run.RunAsync("traces", "get", "--session-id", Session));
        Assert.StartsWith($"Session {Session} has no trace", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownTrace_IsOneLine()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/traces/", () => FakeService.Fault(HttpStatusCode.NotFound, "ResourceNotFoundException", """{"message":"There is no such trace."}"""));

        Assert.Equal(1, await run.RunAsync("traces", "get", Id));
        Assert.Equal($"Could not get trace {Id}: There is no such trace.\n", run.Error);
    }

    [Fact]
    public async Task Output_IsAFileOfJson()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("traces", "get", Id, "--output", "trace.json"));
        Assert.Empty(run.Output);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Answer), JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(run.Directory, "trace.json"), TestContext.Current.CancellationToken))));
    }

    [Fact]
    public async Task OutputThatCannotBeWritten_EndsWith1()
    {
        using var run = New();

        Assert.Equal(1, await run.RunAsync("traces", "get", Id, "--output", "missing/trace.json"));
        Assert.StartsWith("Could not write ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_IsTheGoldenText()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("traces", "list", "--since", "2d", "--limit", "2"));
        GoldenFile.Matches("traces-list", run.Output);
        Assert.Equal("GET /belay/v1/traces?since=2026-11-19T08%3A00%3A00.000Z&maxResults=2", run.Service.Sent.Single().Line);
    }

    [Fact]
    public async Task List_ReadsPagesUntilTheLimit()
    {
        using var run = new CliRun().WithKey();
        run.Service.On(
            "GET /belay/v1/traces?",
            () => FakeService.Json(JsonNode.Parse($$"""{"traces":[{{Summary}}],"nextToken":"n"}""")!),
            () => FakeService.Json(JsonNode.Parse($$"""{"traces":[{{Ended}},{{Summary}}]}""")!));

        Assert.Equal(0, await run.RunAsync("traces", "list", "--limit", "2", "--json"));
        Assert.Equal(2, JsonNode.Parse(run.Output)!["traces"]!.AsArray().Count);
        Assert.Equal("GET /belay/v1/traces?maxResults=1&nextToken=n", run.Service.Sent[^1].Line);
    }

    private static CliRun New(bool terminal = false, int width = 1000, bool glyphs = false)
    {
        var run = new CliRun { IsTerminal = terminal, Width = width, Glyphs = glyphs }.WithKey();
        run.Service
            .On("GET /belay/v1/traces/", () => FakeService.Json(JsonNode.Parse(Answer)!))
            .On("GET /belay/v1/traces?", () => FakeService.Json(JsonNode.Parse($$"""{"traces":[{{Summary}},{{Ended}}]}""")!));
        return run;
    }
}
