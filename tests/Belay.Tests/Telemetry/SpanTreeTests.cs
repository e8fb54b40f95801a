using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Telemetry;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Testing.Telemetry;
using Belay.Tools;

namespace Belay.Tests.Telemetry;

/// <summary>What a turn looks like as spans.</summary>
public sealed class SpanTreeTests
{
    private const string Echo = """{"command":"echo one"}""";

    [Fact]
    public async Task TwoToolTurn_IsATreeUnderOneTrace()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Call(("a1", "shell", Echo), ("a2", "shell", """{"command":"exit 3"}""")).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(
            [
                "invoke_agent test",
                "  execute_event_loop_cycle",
                "    chat",
                "    execute_tool shell",
                "    execute_tool shell !tool_error",
                "  execute_event_loop_cycle",
                "    chat",
            ],
            recorder.Tree());
        var started = (await world.EntriesAsync()).OfType<InvocationStarted>().Single();
        Assert.All(recorder.Spans, span => Assert.Equal(started.TraceId, span.TraceId.ToHexString()));
        Assert.All(recorder.Spans, span => Assert.Equal(EngineWorld.SessionId, span.GetTagItem("session.id")));
        Assert.All(recorder.Spans, span => Assert.Equal("agent-harness", span.GetTagItem("gen_ai.system")));
        Assert.All(recorder.Spans, span => Assert.Equal(span.DisplayName.Split(' ')[0], span.GetTagItem("gen_ai.operation.name")));
        Assert.All(recorder.Spans, span => Assert.Equal("2026-01-01T00:00:00.000000Z", span.GetTagItem("gen_ai.event.start_time")));
        Assert.All(recorder.Spans, span => Assert.StartsWith("2026-01-01T00:00:00.00000", (string)span.GetTagItem("gen_ai.event.end_time")!, StringComparison.Ordinal));
        var root = recorder.Spans[0];
        Assert.Equal(default, root.ParentSpanId);
        Assert.Equal(
            ["test", "fake-1", """["shell"]""", world.Harness.Arn, "1", "DEFAULT", started.InvocationId, "end_turn", 20, 10, 30L],
            Tags(root, "gen_ai.agent.name", "gen_ai.request.model", "gen_ai.agent.tools", "harness.arn", "harness.version", "harness.qualifier", "belay.invocation.id", "stop_reason", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens"));
        var chat = recorder.Spans.First(span => span.DisplayName == "chat");
        Assert.Equal(
            ["fake-1", 10, 5, 15L, 10, 5, 0, 0, 0L, 0L],
            Tags(chat, "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens", "gen_ai.server.time_to_first_token", "gen_ai.server.request.duration"));
        Assert.Equal(["tool_use"], (string[])chat.GetTagItem("gen_ai.response.finish_reasons")!);
        var tool = recorder.Spans.First(span => span.DisplayName == "execute_tool shell");
        Assert.Equal(
            ["shell", "a1", "success", "Runs a command.", """{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}"""],
            Tags(tool, "gen_ai.tool.name", "gen_ai.tool.call.id", "gen_ai.tool.status", "gen_ai.tool.description", "gen_ai.tool.json_schema"));
        Assert.Equal(
            [$"{started.InvocationId}/1", null, $"{started.InvocationId}/2", $"{started.InvocationId}/1"],
            recorder.Spans.Where(span => span.DisplayName == "execute_event_loop_cycle")
                .SelectMany(span => Tags(span, "event_loop.cycle_id", "event_loop.parent_cycle_id")));
    }

    [Fact]
    public async Task ToolsSideBySide_AreOpenAtTheSameTime()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.BuiltIns.Add(new Meeting(2));
        world.Model.Call(("a1", "meet", "{}"), ("a2", "meet", "{}")).Say("Met.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(
            ["execute_tool meet begins", "execute_tool meet begins", "execute_tool meet ends", "execute_tool meet ends"],
            recorder.Happened.Where(one => one.StartsWith("execute_tool", StringComparison.Ordinal)));
        var cycle = recorder.Spans.First(span => span.DisplayName == "execute_event_loop_cycle");
        Assert.All(recorder.Spans.Where(span => span.DisplayName == "execute_tool meet"), span => Assert.Equal(cycle.SpanId, span.ParentSpanId));
    }

    [Fact]
    public async Task FailedModel_IsSaidOnEverySpanAboveIt_AndItsMessageStays()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Fail(ModelFailure.Refused, "no such model: canary");

        await Assert.ThrowsAnyAsync<Exception>(() => world.InvokeAsync(EngineWorld.User("Go")));

        Assert.Equal(["invoke_agent test !RuntimeClientError", "  execute_event_loop_cycle", "    chat !Refused"], recorder.Tree());
        Assert.Equal("exception", Assert.Single(recorder.Named("chat").Events).Name);
        Assert.DoesNotContain("canary", recorder.Everything(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RetriedModel_HasASpanForEachAttempt()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Fail(ModelFailure.Unreachable).Say("There.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        await Eventually.TrueAsync(
            "the model is asked again",
            () =>
            {
                world.Time.Advance(TimeSpan.FromMilliseconds(500));
                return Task.FromResult(world.Model.Requests.Count == 2);
            },
            TestContext.Current.CancellationToken);
        await reading;

        Assert.Equal(["invoke_agent test", "  execute_event_loop_cycle", "    chat !Unreachable", "    chat"], recorder.Tree());
    }

    [Fact]
    public async Task ClientLeaves_EverySpanEndsAndSaysSo()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Hang(new ModelEvent.Text(0, "Well"));
        await using (var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go"))))
        {
            await accepted.ReadAsync(CancellationToken.None).GetAsyncEnumerator().MoveNextAsync();
        }

        Assert.Equal(["invoke_agent test", "  execute_event_loop_cycle", "    chat"], recorder.Tree());
        Assert.Equal("interrupted", recorder.Spans[0].GetTagItem("stop_reason"));
        Assert.Equal(true, recorder.Named("chat").GetTagItem("belay.cancelled"));
    }

    [Fact]
    public async Task InlinePause_EndsOneTree_AndTheAnswerBeginsAnother()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Harness = world.Harness with { Tools = [EngineWorld.Inline("ask")] };
        world.Model.Call(("a1", "ask", "{}"), ("a2", "shell", Echo)).Say("Thanks.");

        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.InvokeAsync(EngineWorld.Results(("a1", "yes")));

        var tree = recorder.Tree();
        Assert.Equal(2, tree.Count(line => line == "invoke_agent test"));
        Assert.Equal(["tool_use", "end_turn"], recorder.Spans.Where(span => span.DisplayName == "invoke_agent test").Select(span => span.GetTagItem("stop_reason")));
        Assert.DoesNotContain(tree, line => line.Contains("execute_tool ask", StringComparison.Ordinal) || line.EndsWith("(open)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CallersTrace_GoesOn_AndOutToTheModel()
    {
        await using var world = World();
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Say("Hello.");

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = "a=b", Baggage = "who=canary" });

        Assert.Equal("0af7651916cd43dd8448eb211c80319c", (await world.EntriesAsync()).OfType<InvocationStarted>().Single().TraceId);
        Assert.Equal("b7ad6b7169203331", recorder.Spans[0].ParentSpanId.ToHexString());
        var asked = world.Model.Requests.Single();
        Assert.Equal(new TraceContext("0af7651916cd43dd8448eb211c80319c", recorder.Named("chat").SpanId.ToHexString(), true, "a=b"), asked.Trace);
        Assert.Null(asked.Baggage);
    }

    [Fact]
    public async Task NobodyListens_TheModelIsToldTheTraceAllTheSame()
    {
        await using var world = World();
        world.Model.Say("Hello.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var trace = (await world.EntriesAsync()).OfType<InvocationStarted>().Single().TraceId;
        Assert.Equal($"00-{trace}-{trace![..16]}-00", world.Model.Requests.Single().Trace.ToTraceParent());
    }

    [Fact]
    public async Task Baggage_GoesOutOnlyWhenTheOperatorSaysSo()
    {
        await using var world = new EngineWorld { Invocations = new() { PropagateBaggage = true } };
        world.Model.Say("Hello.");

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { Baggage = "who=me" });

        Assert.Equal("who=me", world.Model.Requests.Single().Baggage);
    }

    private static IEnumerable<object?> Tags(System.Diagnostics.Activity span, params IEnumerable<string> names) => names.Select(span.GetTagItem);

    private static EngineWorld World()
    {
        var time = new Testing.ManualTime();
        return new() { Telemetry = new Instrumentation(new TelemetrySettings(), time) };
    }

    /// <summary>A tool whose calls end when enough of them have begun.</summary>
    private sealed class Meeting(int size) : ITool
    {
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _here;

        public ToolSpec Spec { get; } = new()
        {
            Name = "meet",
            Description = "Meets.",
            InputSchema = JsonElement.Parse("""{"type":"object"}"""),
            Server = AllowedTools.BuiltIn,
            Kind = HarnessToolUseType.ToolUse,
        };

        public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _here) == size)
            {
                _all.SetResult();
            }

            await _all.Task.WaitAsync(cancellationToken);
            return new(HarnessToolUseStatus.Success, [new ToolContent.Text("met")]);
        }
    }
}
