using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Replays;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Testing.Simulation;
using Belay.Testing.Tools;
using Belay.Tools;

namespace Belay.Tests.Replays;

/// <summary>Sessions whose server died: each life of an invocation is replayed up to where it was cut, and the next goes on from there.</summary>
public sealed class ReplayRecoveryTests
{
    [Theory]
    [InlineData(true, ToolRecovery.Pure)]
    [InlineData(true, ToolRecovery.Unknown)]
    [InlineData(false, ToolRecovery.Pure)]
    [InlineData(false, ToolRecovery.Unknown)]
    public async Task ToolThatRanWhenTheServerDied_IsReplayed(bool detached, ToolRecovery recovery)
    {
        await using var world = New(detached);
        var runs = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.BuiltIns.Add(Stuck(recovery, runs));
        world.Model.Call(("a0", "shell", """{"command":"effect a0; echo ok"}"""), ("a1", "stuck", "{}"), ("a2", "shell", """{"command":"effect a2; echo ok"}""")).Say("Well.").Say("Yes.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await runs.Task;
        world.Crash();

        await GoOnAsync(world);

        await AssertIdenticalAsync(world);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ModelCallThatWasCutOff_IsReplayed(bool detached)
    {
        await using var world = New(detached);
        world.Model.Hang(FakeModel.Text("Half an ans")[0]).Say("Whole.").Say("Yes.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await Eventually.TrueAsync("the model is asked", () => Task.FromResult(world.Model.Requests.Count == 1), TestContext.Current.CancellationToken);
        world.Crash(survivingAppends: 1);

        await GoOnAsync(world);

        await AssertIdenticalAsync(world);
    }

    [Theory]
    [InlineData("failure")]
    [InlineData("denied call")]
    public async Task DeathOfWhichNoEntrySpeaks_IsReplayed(string last)
    {
        CrashingJournal journal = null!;
        await using var world = New(detached: true, inner => journal = new((InMemoryJournal)inner));
        _ = last switch
        {
            "failure" => world.Model.Fail(ModelFailure.Broken, "no", new ModelEvent.Text(0, "Half a ")),
            _ => world.Model.Call(("a0", "nothing", "{}")),
        };
        world.Model.Say("Whole.").Say("Yes.");
        await using var accepted = await DieBeforeTheEndAsync(world, () => journal);

        await GoOnAsync(world);

        Assert.Equal(2, (await world.EntriesAsync()).TakeWhile(entry => entry is not InvocationEnded).OfType<ModelIntent>().Count());
        Assert.DoesNotContain(await world.EntriesAsync(), entry => entry is ModelVoided or HistoryRepaired);
        await AssertIdenticalAsync(world);
    }

    [Theory]
    [InlineData(true, "answer")]
    [InlineData(true, "malformed")]
    [InlineData(false, "answer")]
    [InlineData(false, "malformed")]
    public async Task EndThatTheNextServerWroteBehindAnAnswer_IsReplayed(bool detached, string last)
    {
        CrashingJournal journal = null!;
        await using var world = New(detached, inner => journal = new((InMemoryJournal)inner));
        _ = last == "answer" ? world.Model.Say("Done.") : world.Model.Fail(ModelFailure.Malformed, "no", new ModelEvent.Text(0, "Bad "));
        world.Model.Say("Yes.");
        await using var accepted = await DieBeforeTheEndAsync(world, () => journal);

        await GoOnAsync(world);

        Assert.Equal(2, (await world.EntriesAsync()).OfType<ModelIntent>().Count());
        await AssertIdenticalAsync(world);
    }

    // No server does that any more, so an engine that does is found.
    [Fact]
    public async Task AnswerThatIsFollowedByAnotherCall_Diverges()
    {
        await using var world = New(detached: true);
        world.Model.Call(("a0", "nothing", "{}")).Say("Whole.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await Eventually.TrueAsync("the invocation is over", async () => (await world.ConversationAsync()) is { Unfinished: null, Context.Count: > 0 }, TestContext.Current.CancellationToken);

        // What asked for a tool that was denied becomes an answer.
        var replayed = await world.ReplayAsync(entry => entry.Body is ModelOutcome { StopReason: HarnessStopReason.ToolUse } outcome
            ? Recorded(entry.Sequence, outcome with { StopReason = HarnessStopReason.EndTurn })
            : entry);

        Assert.Equal(ReplayResult.Diverged, Assert.Single(replayed).Result);
    }

    private static RecordedEntry Recorded(long sequence, EntryBody body) => new(sequence, body, JournalJson.Serialize(body));

    private static async Task<AcceptedInvocation?> DieBeforeTheEndAsync(EngineWorld world, Func<CrashingJournal> newest)
    {
        // After the start, its sync, the intent and the outcome.
        _ = world.Host;
        var dying = newest();
        dying.Arm(crashAt: 5, after: false, surviving: int.MaxValue);
        AcceptedInvocation? accepted = null;
        try
        {
            accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        }
        catch (ObjectDisposedException) when (dying.Crashed)
        {
            // It died before its client could be told.
        }

        await Eventually.TrueAsync("the server is dead", () => Task.FromResult(dying.Crashed), TestContext.Current.CancellationToken);
        world.Crash();
        return accepted;
    }

    private static EngineWorld New(bool detached, Func<IJournal, IJournal>? decorate = null) => new()
    {
        Decorate = decorate,
        Belay = new() { Document = new Dictionary<string, JsonElement> { ["detach"] = JsonElement.Parse(detached ? "true" : "false") } },
    };

    private static async Task GoOnAsync(EngineWorld world)
    {
        await world.RecoverAsync();
        await Eventually.TrueAsync(
            "the invocation is over", async () => (await world.ConversationAsync()).Unfinished is null && world.Host.Look(world.Key) != SessionActivity.Busy, TestContext.Current.CancellationToken);
        await world.InvokeAsync(EngineWorld.User("And?"));
    }

    private static async Task AssertIdenticalAsync(EngineWorld world)
    {
        var replayed = await world.ReplayAsync();

        Assert.All(replayed, invocation => Assert.True(invocation.Divergence is null, $"{invocation.Divergence}"));
        Assert.Equal([ReplayResult.Identical, ReplayResult.Identical], replayed.Select(invocation => invocation.Result));
        Assert.Contains(replayed[1].Events, shown => shown is HarnessMetadataEvent);
    }

    // Its first run never ends.
    private static FakeTool Stuck(ToolRecovery recovery, TaskCompletionSource first)
    {
        var runs = 0;
        return new FakeTool("stuck", async (_, _, cancellationToken) =>
        {
            if (Interlocked.Increment(ref runs) == 1)
            {
                first.SetResult();
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return new(HarnessToolUseStatus.Success, [new ToolContent.Text("done")]);
        })
        { Recovery = recovery };
    }
}
