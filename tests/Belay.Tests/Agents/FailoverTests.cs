using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Replays;
using Belay.Server.Telemetry;
using Belay.Sessions;
using Belay.Telemetry;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Testing.Simulation;
using Belay.Testing.Telemetry;
using Belay.Testing.Tools;
using Belay.Tools;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Tests.Agents;

/// <summary>When another model takes over, what it is shown, and what the journal says of it.</summary>
public sealed class FailoverTests
{
    private static readonly Uri Endpoint = new("http://first/");

    [Theory]
    [InlineData(ModelFailure.Throttled, 6)]
    [InlineData(ModelFailure.Unreachable, 3)]
    [InlineData(ModelFailure.Broken, 6)]
    [InlineData(ModelFailure.Unavailable, 1)]
    [InlineData(ModelFailure.Malformed, 1)]
    public async Task FailureOfTheProvider_NextTakesOver_AfterAllRetries(ModelFailure failure, int attempts)
    {
        await using var world = World(1);
        world.Model.Otherwise = (_, token) => FakeModel.Fail([], new(failure, "fake: down"), token);
        world.Fallbacks[0].Say("From the second.");

        var events = await RetryAsync(world);

        Assert.Equal("From the second.", TextOf(events));
        Assert.Equal(attempts, world.Model.Requests.Count);
        Assert.Equal(
            new ModelSwitched(IdOf(await world.EntriesAsync()), 1, "fake", "fake-1", "provider-1", "model-1", failure, "fake: down"),
            Assert.Single((await world.EntriesAsync()).OfType<ModelSwitched>()));
        await AssertWellAsync(world);
    }

    [Theory]
    [InlineData(ModelFailure.Refused)]
    [InlineData(ModelFailure.ContextTooLong)]
    public async Task WhatAnotherProviderWouldRefuseToo_NobodyTakesOver(ModelFailure failure)
    {
        await using var world = World(1);
        world.Model.Otherwise = (_, token) => FakeModel.Fail([], new(failure, "fake: no"), token);

        await RunAsync(world);

        Assert.Empty(world.Fallbacks[0].Requests);
        Assert.Empty((await world.EntriesAsync()).OfType<ModelSwitched>());
        await AssertWellAsync(world);
    }

    [Theory]
    [InlineData(ModelFailure.Broken)]
    [InlineData(ModelFailure.Throttled)]
    [InlineData(ModelFailure.Malformed)]
    public async Task OnceSomethingWasShown_NothingIsRepeated(ModelFailure failure)
    {
        await using var world = World(1);
        world.Model.Fail(failure, "fake: down", new ModelEvent.Text(0, "Half a "));

        await RunAsync(world);

        Assert.Empty(world.Fallbacks[0].Requests);
        await AssertWellAsync(world);
    }

    [Fact]
    public async Task TheChoiceSticks_AndToolsThatRanAreNotRunAgain()
    {
        await using var world = World(2);
        world.Model.Call(("a1", "shell", """{"command":"effect a1"}""")).Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Call(("b1", "shell", """{"command":"effect b1"}""")).Fail(ModelFailure.Unavailable);
        world.Fallbacks[1].Call(("c1", "shell", """{"command":"effect c1"}""")).Say("Done.");
        var effects = new List<string>();
        world.Disk.OnEffect = (id, _) => effects.Add(id);

        Assert.Equal("Done.", TextOf(await InvokeAsync(world)));

        Assert.Equal(["a1", "b1", "c1"], effects);
        Assert.Equal((2, 2, 2), (world.Model.Requests.Count, world.Fallbacks[0].Requests.Count, world.Fallbacks[1].Requests.Count));
        var entries = await world.EntriesAsync();
        Assert.Equal([1, 2], entries.OfType<ModelSwitched>().Select(switched => switched.Fallback));
        Assert.Equal([1, 0, 2, 0, 3, 4], entries.OfType<ModelOutcome>().Select(outcome => outcome.Iteration));
        Assert.Equal(4, entries.OfType<InvocationEnded>().Single().Iterations);
        await AssertWellAsync(world);

        // The next invocation begins with the first model again.
        world.Model.Say("Back.");
        Assert.Equal("Back.", TextOf(await InvokeAsync(world)));
    }

    [Fact]
    public async Task WhenTheLastFailsToo_ItsFailureIsTheInvocations()
    {
        await using var world = World(1);
        world.Model.Fail(ModelFailure.Unavailable, "fake: first");
        world.Fallbacks[0].Fail(ModelFailure.Unavailable, "fake: second");

        Assert.Equal("fake: second", (await RunAsync(world))!.Message);

        await AssertWellAsync(world);
    }

    [Fact]
    public async Task SummaryOfALongConversation_FailsOverToo()
    {
        await using var world = World(1);
        world.Harness = world.Harness with { Truncation = new() { Strategy = HarnessTruncationStrategy.Summarization } };
        for (var i = 0; i < 8; i++)
        {
            world.Model.Say("Hm.");
            await world.InvokeAsync(EngineWorld.User($"Question {i}"));
        }

        world.Model.Fail(ModelFailure.ContextTooLong).Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Say("Notes.").Say("Short.");

        Assert.Equal("Short.", TextOf(await InvokeAsync(world)));

        await AssertWellAsync(world);
    }

    [Fact]
    public async Task SummaryThatFailedOver_IsNoFailureOfTheModelThatTookOver()
    {
        await using var world = World(1);
        world.Harness = world.Harness with { Truncation = new() { Strategy = HarnessTruncationStrategy.Summarization } };
        for (var i = 0; i < 10; i++)
        {
            world.Model.Say("Hm.");
            await world.InvokeAsync(EngineWorld.User($"Question {i}"));
        }

        world.Model.Fail(ModelFailure.ContextTooLong).Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Say("Notes.").Fail(ModelFailure.ContextTooLong).Say("Shorter notes.").Say("Short.");

        Assert.Equal("Short.", TextOf(await InvokeAsync(world)));

        var reduced = (await world.EntriesAsync()).OfType<ContextReduced>().Select(reduced => reduced.Reason).ToList();
        Assert.Equal(2, reduced.Count);
        Assert.All(reduced, reason => Assert.EndsWith("were replaced by a summary.", reason, StringComparison.Ordinal));
        await AssertWellAsync(world);
    }

    [Fact]
    public async Task MessageThatCameMeanwhile_IsTakenByTheModelThatTakesOver()
    {
        await using var world = World(1);
        world.Model.Reply((_, token) => SteeredAsync(token));
        world.Fallbacks[0].Say("Both.");

        await InvokeAsync(world);

        var shown = Assert.Single(world.Fallbacks[0].Requests).Messages.SelectMany(message => message.Blocks).OfType<Block.Text>().Select(text => text.Value);
        Assert.Equal(["Go", "And this."], shown);
        await AssertWellAsync(world);

        async IAsyncEnumerable<ModelEvent> SteeredAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
        {
            await world.Host.SteerAsync(world.Key, "s1", "And this.", token);
            if (!token.IsCancellationRequested)
            {
                throw new ModelException(ModelFailure.Unavailable, "fake: down");
            }

            yield break;
        }
    }

    [Fact]
    public async Task TimeLimit_HoldsForAllOfThemTogether()
    {
        await using var world = World(1);
        world.Model.Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Hang();
        var running = world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 60 });
        await world.Fallbacks[0].CalledAsync();
        world.Time.Advance(TimeSpan.FromSeconds(61));

        var events = await running;

        Assert.Equal(HarnessStopReason.TimeoutExceeded, events.OfType<HarnessMessageStopEvent>().Last().StopReason);
        await AssertWellAsync(world);
    }

    [Fact]
    public async Task Crash_AfterTheSwitch_GoesOnWithTheModelThatTookOver()
    {
        await using var world = World(1);
        world.Belay = new() { Document = new Dictionary<string, JsonElement> { ["detach"] = JsonElement.Parse("true") } };
        var tool = new FakeTool("stuck", (_, _, _) => new TaskCompletionSource<ToolResult>().Task);
        world.BuiltIns.Add(tool);
        world.Model.Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Call(("b1", "stuck", "{}")).Say("Well.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await tool.Called.Task;
        world.Crash();

        await world.RecoverAsync();
        await Eventually.TrueAsync("the invocation ends", async () => (await world.ConversationAsync()).Unfinished is null && world.Host.Look(world.Key) != SessionActivity.Busy, TestContext.Current.CancellationToken);

        Assert.Single(world.Model.Requests);
        Assert.Equal(2, world.Fallbacks[0].Requests.Count);
        Assert.Equal(HarnessStopReason.EndTurn, (await world.EntriesAsync()).OfType<InvocationEnded>().Single().StopReason);
        await AssertWellAsync(world);
    }

    [Fact]
    public async Task OpenCircuit_IsPassedByAtOnce_AndOneProbeIsMade()
    {
        await using var world = World(1, Endpoint);
        world.Model.Otherwise = (_, token) => FakeModel.Fail([], new(ModelFailure.Unavailable, "fake: down"), token);
        world.Fallbacks[0].Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("Second."), token);
        for (var i = 0; i < 3; i++)
        {
            await InvokeAsync(world);
        }

        var before = world.Model.Requests.Count;
        Assert.Equal(3, before);
        Assert.Equal("Second.", TextOf(await InvokeAsync(world)));
        Assert.Equal(before, world.Model.Requests.Count);
        var passed = (await world.EntriesAsync()).OfType<ModelOutcome>().Last(outcome => outcome.FailureKind is not null);
        Assert.Equal((ModelFailure.CircuitOpen, 0, default), (passed.FailureKind!.Value, passed.Attempts, passed.Usage));

        world.Time.Advance(new BreakerSettings().BreakTime);
        Assert.Equal("Second.", TextOf(await InvokeAsync(world)));
        Assert.Equal(before + 1, world.Model.Requests.Count);

        world.Time.Advance(new BreakerSettings().BreakTime);
        world.Model.Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("First."), token);
        Assert.Equal("First.", TextOf(await InvokeAsync(world)));
        await AssertWellAsync(world);
    }

    [Fact]
    public async Task OpenCircuit_WithoutFallbacks_IsAClearErrorAtOnce()
    {
        await using var world = World(0, Endpoint);
        world.Model.Otherwise = (_, token) => FakeModel.Fail([], new(ModelFailure.Unavailable, "fake: down"), token);
        for (var i = 0; i < 3; i++)
        {
            await RunAsync(world);
        }

        var fault = await RunAsync(world);

        Assert.Equal((FaultCode.RuntimeClientError, "fake: fake-1 is not asked now, because its last calls failed; it is tried again in 30 s, at 00:00:30 UTC."), (fault!.Code, fault.Message));
        Assert.Equal(3, world.Model.Requests.Count);
        await AssertWellAsync(world);
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    public async Task RecordingThatSaysAnotherFallback_IsFound(int fallback)
    {
        await using var world = World(1);
        world.Model.Fail(ModelFailure.Unavailable);
        world.Fallbacks[0].Say("Done.");
        await InvokeAsync(world);

        var replayed = await world.ReplayAsync(entry => entry.Body is ModelSwitched switched && switched with { Fallback = fallback } is var changed
            ? entry with { Body = changed, Json = JournalJson.Serialize(changed) }
            : entry);

        Assert.Equal(("fallback", EntryKind.ModelSwitched), (replayed[0].Divergence!.Path, replayed[0].Divergence!.GotKind));
    }

    [Fact]
    public async Task EachModelsTokens_AreItsOwn()
    {
        await using var world = World(1);
        world.Model.Call(("a1", "shell", """{"command":"echo"}""")).Fail(ModelFailure.Unavailable, "no", new ModelEvent.Usage(new(7, 0)));
        world.Fallbacks[0].Say("Done.");

        await InvokeAsync(world);

        var fold = new SessionFold();
        var sequence = 0L;
        foreach (var body in await world.EntriesAsync())
        {
            fold.Apply(new(++sequence, default, body));
        }

        Assert.Equal(
            [("fake-1", new TokenUsage(10, 5)), ("fake-1", new TokenUsage(7, 0)), ("model-1", new TokenUsage(10, 5))],
            fold.Calls.Select(call => (call.ModelId, call.Usage)));
    }

    [Fact]
    public async Task Switch_IsASpanEvent_AndCounted()
    {
        var telemetry = new Instrumentation(new(), new ManualTime());
        using var spans = new SpanRecorder(telemetry);
        using var metrics = new CollectedMetrics(meter => meter == telemetry.Meter);
        await using var world = World(1, telemetry: telemetry);
        world.Model.Fail(ModelFailure.Unavailable, "canary-of-the-provider");
        world.Fallbacks[0].Say("Done.");

        await InvokeAsync(world);

        var cycle = Assert.Single(spans.Spans, span => span.OperationName == Names.Spans.Cycle);
        var told = Assert.Single(cycle.Events);
        Assert.Equal(Names.Events.ModelSwitched, told.Name);
        Assert.Equal(
            ["belay.model.fallback=1", "belay.model.switched_from=fake-1", "error.type=Unavailable", "gen_ai.provider.name=provider-1", "gen_ai.request.model=model-1"],
            told.Tags.Select(tag => $"{tag.Key}={tag.Value}").Order(StringComparer.Ordinal));
        Assert.Contains("belay_model_switches_total{error_type=\"Unavailable\",gen_ai_provider_name=\"fake\",gen_ai_request_model=\"fake-1\"} 1\n", metrics.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("canary", metrics.ToText(), StringComparison.Ordinal);
    }

    private static EngineWorld World(int fallbacks, Uri? endpoint = null, Instrumentation? telemetry = null)
    {
        var world = new EngineWorld { Model = new() { Endpoint = endpoint }, Telemetry = telemetry ?? Instrumentation.None };
        for (var i = 1; i <= fallbacks; i++)
        {
            world.Fallbacks.Add(new() { Provider = $"provider-{i}", ModelId = $"model-{i}" });
        }

        return world;
    }

    private static Task<IReadOnlyList<InvocationEvent>> InvokeAsync(EngineWorld world) => world.InvokeAsync(EngineWorld.User("Go"));

    // Retries wait for a clock that somebody moves.
    private static async Task<IReadOnlyList<InvocationEvent>> RetryAsync(EngineWorld world)
    {
        var running = InvokeAsync(world);
        while (!running.IsCompleted)
        {
            await Task.Yield();
            if (world.Time.ArmedTimers > 1)
            {
                world.Time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        return await running;
    }

    private static async Task<ServiceException?> RunAsync(EngineWorld world)
    {
        try
        {
            await InvokeAsync(world);
            return null;
        }
        catch (ServiceException fault)
        {
            return fault;
        }
    }

    private static string IdOf(IReadOnlyList<EntryBody> entries) => entries.OfType<InvocationStarted>().Single().InvocationId;

    private static string TextOf(IReadOnlyList<InvocationEvent> events) =>
        string.Concat(events.OfType<HarnessContentBlockDeltaEvent>().Select(delta => delta.Delta.Text));

    // Whatever happened, the journal is whole and a replay of it is the same.
    private static async Task AssertWellAsync(EngineWorld world)
    {
        var entries = (await world.EntriesAsync()).Select((body, i) => new Entry(i + 1, default, body)).ToList();
        Assert.Empty(JournalCheck.Problems(entries));
        Assert.All(await world.ReplayAsync(), invocation => Assert.Equal((ReplayResult.Identical, null), (invocation.Result, invocation.Divergence)));
    }
}
