using Belay.Contracts.Faults;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>A server that is told to stop, on a clock that only moves when told.</summary>
public sealed class DrainTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task TurnThatEndsInTime_EndsAsIfNothingHadHappened()
    {
        await using var world = new EngineWorld();
        var answer = new TaskCompletionSource();
        world.Model.Reply((_, _) => AnswerAfterAsync(answer.Task));
        await using var accepted = await BeginAsync(world);
        var reading = EngineWorld.ReadAsync(accepted);

        var draining = world.Host.DrainAsync(Patience, CancellationToken.None);
        Assert.False(draining.IsCompleted);
        answer.SetResult();
        await draining;

        Assert.Equal("messageStop EndTurn", Shown.Of((await reading)[^2]));
    }

    [Fact]
    public async Task WhileTurnsFinish_NothingNewIsAccepted()
    {
        await using var world = new EngineWorld();
        world.Model.Hang();
        await using var accepted = await BeginAsync(world);

        var draining = world.Host.DrainAsync(Patience, CancellationToken.None);
        var other = world.Key with { SessionId = EngineWorld.SessionId + "x" };
        var command = await Assert.ThrowsAsync<ServiceException>(() => world.Host.RunCommandAsync(other, world.Harness, "echo", 1, CancellationToken.None));
        var invocation = await Assert.ThrowsAsync<ServiceException>(() => world.StartAsync(world.Request(EngineWorld.User("Go"))));

        Assert.True(world.Host.Draining);
        Assert.All([command, invocation], fault => Assert.Equal((FaultCode.RuntimeClientError, "The server is shutting down."), (fault.Code, fault.Message)));
        world.Time.Advance(Patience);
        await draining;
    }

    [Fact]
    public async Task TurnThatDoesNotEndInTime_IsAPartialTurn_AndTheJournalSaysWhy()
    {
        await using var world = new EngineWorld();
        world.Model.Hang(new ModelEvent.Text(0, "Half"));
        await using var accepted = await BeginAsync(world);
        var reading = EngineWorld.ReadAsync(accepted);

        var draining = world.Host.DrainAsync(Patience, CancellationToken.None);
        world.Time.Advance(Patience - TimeSpan.FromSeconds(1));
        Assert.False(reading.IsCompleted);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        await draining;

        Assert.Equal("messageStop PartialTurn", Shown.Of((await reading)[^2]));
        var ended = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        Assert.Equal("The server shut down.", ended.Why);
    }

    [Fact]
    public async Task Hurry_EndsThePatience()
    {
        await using var world = new EngineWorld();
        world.Model.Hang();
        await using var accepted = await BeginAsync(world);
        var reading = EngineWorld.ReadAsync(accepted);
        using var hurry = new CancellationTokenSource();

        var draining = world.Host.DrainAsync(Patience, hurry.Token);
        await hurry.CancelAsync();
        await draining;

        Assert.Equal("messageStop PartialTurn", Shown.Of((await reading)[^2]));
    }

    [Fact]
    public async Task CommandThatDoesNotEndInTime_IsToldWhy_AndJournaledAsFailed()
    {
        await using var world = new EngineWorld();
        await using var command = await world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 300, CancellationToken.None);
        var reading = ReadAsync(command);
        await world.Disk.Slept.Task;

        var draining = world.Host.DrainAsync(Patience, CancellationToken.None);
        world.Time.Advance(Patience);
        var fault = await Assert.ThrowsAsync<ServiceException>(() => reading);
        await command.DisposeAsync();
        await draining;

        Assert.Equal("The command did not finish. The server shut down.", fault.Message);
        Assert.Equal("FAILED", Assert.Single((await world.EntriesAsync()).OfType<CommandOutcome>()).Status);
    }

    [Fact]
    public async Task NothingRuns_NothingIsWaitedFor()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi.");
        await world.InvokeAsync(EngineWorld.User("Go"));

        await world.Host.DrainAsync(Patience, CancellationToken.None);

        Assert.Equal(0, world.Time.ArmedTimers);
    }

    private static async Task<AcceptedInvocation> BeginAsync(EngineWorld world)
    {
        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        while (world.Model.Requests.Count == 0)
        {
            await Task.Yield();
        }

        return accepted;
    }

    private static async IAsyncEnumerable<ModelEvent> AnswerAfterAsync(Task go)
    {
        await go;
        foreach (var one in FakeModel.Text("Whole."))
        {
            yield return one;
        }
    }

    private static async Task ReadAsync(StartedCommand command)
    {
        await foreach (var _ in command.ReadAsync(CancellationToken.None))
        {
        }
    }
}
