using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>Limits one below, at and one above what a turn needs, and a cancel in each state of a turn: the stop reason, and what is over with it.</summary>
public sealed class StopTableTests
{
    private const string Echo = """{"command":"echo one"}""";
    private const string Sleep = """{"command":"sleep"}""";

    /// <summary>Where a turn is when it is cancelled.</summary>
    public enum State
    {
        BeforeTheFirstDelta,
        InText,
        InATool,
        BetweenTools,
        InARetryWait,
    }

    public static TheoryData<State> States => [.. Enum.GetValues<State>()];

    [Theory]
    [InlineData(2, HarnessStopReason.MaxIterationsExceeded)]
    [InlineData(3, HarnessStopReason.EndTurn)]
    [InlineData(4, HarnessStopReason.EndTurn)]
    public async Task ThreeModelCalls_UnderALimitOfIterations(int limit, HarnessStopReason expected)
    {
        await using var world = ThreeCalls();

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { MaxIterations = limit });

        var end = await EndAsync(world);
        Assert.Equal((expected, Math.Min(limit, 3)), (end.StopReason, end.Iterations));
    }

    [Theory]
    [InlineData(9, HarnessStopReason.MaxOutputTokensExceeded)]
    [InlineData(10, HarnessStopReason.MaxOutputTokensExceeded)]
    [InlineData(11, HarnessStopReason.EndTurn)]
    public async Task TenTokensBeforeTheLastCall_UnderALimitOfTokens(int limit, HarnessStopReason expected)
    {
        await using var world = ThreeCalls();

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { MaxTokens = limit });

        Assert.Equal(expected, (await EndAsync(world)).StopReason);
    }

    [Theory]
    [InlineData(9, HarnessStopReason.EndTurn)]
    [InlineData(10, HarnessStopReason.TimeoutExceeded)]
    [InlineData(11, HarnessStopReason.TimeoutExceeded)]
    public async Task ReplyThatTakesItsTime_UnderALimitOfTenSeconds(int seconds, HarnessStopReason expected)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var world = new EngineWorld();
        world.Model.Reply((_, token) => LateAsync(said.Task.WaitAsync(token)));

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 10 });
        var reading = EngineWorld.ReadAsync(accepted);
        await world.Model.CalledAsync();
        world.Time.Advance(TimeSpan.FromSeconds(seconds));
        said.TrySetResult();
        await reading;

        Assert.Equal(expected, (await EndAsync(world)).StopReason);
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task Cancelled_EndsModelAndToolBeforeAnyTimePasses(State state)
    {
        await using var world = new EngineWorld { Invocations = new() { ToolConcurrency = 1 } };
        _ = state switch
        {
            State.BeforeTheFirstDelta => world.Model.Hang(),
            State.InText => world.Model.Hang(new ModelEvent.Text(0, "Half")),
            State.InATool => world.Model.Call(("a1", "shell", Sleep)),
            State.BetweenTools => world.Model.Call(("a1", "shell", Echo), ("a2", "shell", Sleep), ("a3", "shell", Echo)),
            _ => world.Model.Fail(ModelFailure.Throttled),
        };
        world.Model.Say("Well.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = ReadAsync(accepted);
        await (state switch
        {
            State.BeforeTheFirstDelta => world.Model.CalledAsync(),
            State.InText => reading.FirstDelta,
            State.InATool or State.BetweenTools => world.Disk.Slept.Task,
            _ => RetryWaitAsync(world),
        });
        var before = world.Time.GetTimestamp();

        Assert.Equal(accepted.InvocationId, await world.Host.CancelAsync(world.Key, CancellationToken.None));
        var events = await reading.Events;

        var end = await EndAsync(world);
        Assert.Equal((HarnessStopReason.Interrupted, StopSignal.Describe(StopCause.Cancelled)), (end.StopReason, end.Why));
        Assert.Equal(before, world.Time.GetTimestamp());
        Assert.Equal(HarnessStopReason.Interrupted, events.OfType<HarnessMessageStopEvent>().Last().StopReason);
        Assert.All(world.Sandboxes, sandbox => Assert.Equal(0, sandbox.Current?.Running ?? 0));
        Assert.Contains("messageStop EndTurn", (await world.InvokeAsync(EngineWorld.User("Are you there?"))).Select(Shown.Of));
    }

    [Fact]
    public async Task CancelledWhilePaused_NothingRuns_AndThePauseStays()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with { Tools = [EngineWorld.Inline("approve")] };
        world.Model.Call(("a1", "approve", "{}")).Say("Thanks.");
        await world.InvokeAsync(EngineWorld.User("Go"));

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.CancelAsync(world.Key, CancellationToken.None));
        var events = await world.InvokeAsync(EngineWorld.Results(("a1", "yes")));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains("messageStop EndTurn", events.Select(Shown.Of));
    }

    private static EngineWorld ThreeCalls()
    {
        var world = new EngineWorld();
        world.Model.Call(("a1", "shell", Echo)).Call(("a2", "shell", Echo)).Say("Done.");
        return world;
    }

    private static async Task<InvocationEnded> EndAsync(EngineWorld world) => (await world.EntriesAsync()).OfType<InvocationEnded>().First();

    private static async IAsyncEnumerable<ModelEvent> LateAsync(Task until)
    {
        await until;
        foreach (var one in FakeModel.Text("Late."))
        {
            yield return one;
        }
    }

    // The clock of the invocation is one timer, the wait before the next attempt another.
    private static async Task RetryWaitAsync(EngineWorld world)
    {
        while (world.Model.Requests.Count == 0 || world.Time.ArmedTimers < 2)
        {
            await Task.Yield();
        }
    }

    private static (Task<List<InvocationEvent>> Events, Task FirstDelta) ReadAsync(AcceptedInvocation accepted)
    {
        var delta = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (ReadAllAsync(), delta.Task);

        async Task<List<InvocationEvent>> ReadAllAsync()
        {
            var events = new List<InvocationEvent>();
            await foreach (var item in accepted.ReadAsync(CancellationToken.None))
            {
                events.Add(item);
                if (item is HarnessContentBlockDeltaEvent)
                {
                    delta.TrySetResult();
                }
            }

            return events;
        }
    }
}
