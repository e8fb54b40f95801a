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
    [InlineData("answer")]
    [InlineData("malformed")]
    [InlineData("failure")]
    [InlineData("denied call")]
    public async Task DeathOfWhichNoEntrySpeaks_IsReplayed(string last)
    {
        CrashingJournal journal = null!;
        await using var world = New(detached: true, inner => journal = new((InMemoryJournal)inner));
        _ = last switch
        {
            "answer" => world.Model.Say("Done."),
            "malformed" => world.Model.Fail(ModelFailure.Malformed, "no", new ModelEvent.Text(0, "Bad ")),
            "failure" => world.Model.Fail(ModelFailure.Broken, "no", new ModelEvent.Text(0, "Half a ")),
            _ => world.Model.Call(("a0", "nothing", "{}")),
        };
        world.Model.Say("Whole.").Say("Yes.");
        _ = world.Host;

        // After the start, its sync, the intent and the outcome.
        var dying = journal;
        dying.Arm(crashAt: 5, after: false, surviving: int.MaxValue);
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await Eventually.TrueAsync("the server is dead", () => Task.FromResult(dying.Crashed), TestContext.Current.CancellationToken);
        world.Crash();

        await GoOnAsync(world);

        Assert.Equal(2, (await world.EntriesAsync()).TakeWhile(entry => entry is not InvocationEnded).OfType<ModelIntent>().Count());
        Assert.DoesNotContain(await world.EntriesAsync(), entry => entry is ModelVoided or HistoryRepaired);
        await AssertIdenticalAsync(world);
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
