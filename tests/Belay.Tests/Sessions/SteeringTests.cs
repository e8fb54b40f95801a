using System.Runtime.CompilerServices;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class SteeringTests
{
    private static readonly HarnessMessage Go = EngineWorld.User("Go");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SaidWhileTheModelAnswers_TheTurnGoesOnWithIt()
    {
        await using var world = new EngineWorld();
        var go = new TaskCompletionSource();
        world.Model.Reply((_, token) => AfterAsync(go.Task, FakeModel.Text("One."), token)).Say("Two.");
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();

        await SteerAsync(world, "s1", "And more.");
        go.SetResult();
        var events = await EngineWorld.ReadAsync(accepted);

        Assert.Equal(
            [
                "messageStart assistant", "delta 0 text One.", "stop 0", "messageStop EndTurn", "messageStart assistant", "delta 0 text Two.", "stop 0", "messageStop EndTurn",
                "metadata 20/10",
            ],
            events.Select(Shown.Of));
        Assert.Equal(["Go", "One.", "And more."], world.Model.Requests[1].Messages.Select(TextOf));
        var entries = await world.EntriesAsync();
        Assert.Equal([0, 1], entries.OfType<ModelIntent>().Select(intent => intent.Steers));
        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single(entries.OfType<InvocationEnded>()).StopReason);
    }

    [Fact]
    public async Task SaidWhileAToolRuns_TheNextCallTakesIt_AndOnce()
    {
        await using var world = new EngineWorld();
        var steered = false;
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""));
        world.Model.Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("So."), token);
        world.Journal.BeforeAppend = async (_, entries, _) =>
        {
            if (!steered && entries.Any(entry => entry.Kind == EntryKind.ToolOutcome))
            {
                steered = true;
                _ = SteerAsync(world, "s1", "Stop after this.");
                _ = SteerAsync(world, "s1", "Stop after this.");
                await Task.Yield();
            }
        };

        await world.InvokeAsync(Go);
        await world.InvokeAsync(EngineWorld.User("Later."));

        var entries = await world.EntriesAsync();
        Assert.Single(entries.OfType<Steered>());
        Assert.Equal(1, entries.OfType<ModelIntent>().Sum(intent => intent.Steers));
        Assert.Equal(1, world.Model.Requests[^1].Messages.Count(message => TextOf(message).Contains("Stop after this.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task RepeatedId_IsAcknowledgedAndNotTakenTwice_AlsoWhenTheTurnIsOver()
    {
        await using var world = new EngineWorld();
        var go = new TaskCompletionSource();
        world.Model.Reply((_, token) => AfterAsync(go.Task, FakeModel.Text("One."), token)).Say("Two.");
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();
        await SteerAsync(world, "s1", "And more.");
        await SteerAsync(world, "s1", "And more.");
        go.SetResult();
        await EngineWorld.ReadAsync(accepted);

        await SteerAsync(world, "s1", "And more.");

        Assert.Single((await world.EntriesAsync()).OfType<Steered>());
    }

    [Fact]
    public async Task WithoutAnInvocation_IsRefused()
    {
        await using var world = new EngineWorld();
        await Assert.ThrowsAsync<ServiceException>(() => SteerAsync(world, "s1", "Hello?"));
        world.Model.Say("One.");
        await world.InvokeAsync(Go);

        var fault = await Assert.ThrowsAsync<ServiceException>(() => SteerAsync(world, "s1", "Hello?"));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains("No invocation runs", fault.Message, StringComparison.Ordinal);
        Assert.Empty((await world.EntriesAsync()).OfType<Steered>());
    }

    [Fact]
    public async Task LimitThatEndsTheTurn_KeepsWhatWasSaid_ForTheNext()
    {
        await using var world = new EngineWorld();
        var go = new TaskCompletionSource();
        world.Model.Reply((_, token) => AfterAsync(go.Task, FakeModel.Text("One."), token)).Say("Two.");
        await using var accepted = await world.StartAsync(world.Request(Go) with { MaxIterations = 1 });
        await world.Model.CalledAsync();
        await SteerAsync(world, "s1", "And more.");
        go.SetResult();
        var events = await EngineWorld.ReadAsync(accepted);
        await world.InvokeAsync(EngineWorld.User("Well?"));

        Assert.Equal(["messageStop EndTurn", "messageStop MaxIterationsExceeded"], events.Select(Shown.Of).Where(line => line.StartsWith("messageStop", StringComparison.Ordinal)));
        Assert.Equal(["Go", "One.", "And more.", "Well?"], world.Model.Requests[1].Messages.Select(TextOf));
    }

    // Steering races with the end of the turn, over and over: whatever is acknowledged is taken, and the rest is refused.
    [Fact]
    public async Task WhatIsAcknowledged_IsTaken_HoweverCloseTheEnd()
    {
        await using var world = new EngineWorld { Model = new() { Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("So."), token) } };
        var refused = 0;
        for (var turn = 0; turn < 60; turn++)
        {
            await using var accepted = await world.StartAsync(world.Request(Go));
            var steering = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
            {
                for (var j = 0; j < turn % 7; j++)
                {
                    await Task.Yield();
                }

                try
                {
                    await SteerAsync(world, $"s{turn}-{i}", $"said {turn} {i}");
                }
                catch (ServiceException)
                {
                    Interlocked.Increment(ref refused);
                }
            })).ToList();
            await EngineWorld.ReadAsync(accepted);
            await Task.WhenAll(steering);
        }

        var entries = await world.EntriesAsync();
        var acknowledged = entries.OfType<Steered>().Count();
        Assert.Equal(240 - refused, acknowledged);
        Assert.Equal(acknowledged, entries.OfType<ModelIntent>().Sum(intent => intent.Steers));
        Assert.All(entries.OfType<InvocationEnded>(), ended => Assert.Equal(HarnessStopReason.EndTurn, ended.StopReason));
    }

    [Fact]
    public async Task TooManyThatWait_AreRefused()
    {
        await using var world = new EngineWorld();
        world.Model.Hang();
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();
        for (var i = 0; i < 100; i++)
        {
            await SteerAsync(world, $"s{i}", "more");
        }

        var fault = await Assert.ThrowsAsync<ServiceException>(() => SteerAsync(world, "one-more", "more"));

        Assert.Equal(FaultCode.ThrottlingException, fault.Code);
    }

    [Fact]
    public async Task StoredAndNotTaken_SurvivesACrash()
    {
        await using var world = new EngineWorld { Invocations = new() { FinishOnDisconnect = true } };
        world.Model.Hang(new ModelEvent.Text(0, "One"));
        var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();
        await SteerAsync(world, "s1", "And more.");
        world.Crash();
        await accepted.DisposeAsync();
        world.Model.Say("Two.");
        await world.RecoverAsync();
        await Eventually.TrueAsync("the invocation has ended", async () => (await world.EntriesAsync()).Any(entry => entry is InvocationEnded), Token);

        Assert.Equal(["Go", "And more."], world.Model.Requests[1].Messages.Select(TextOf));
    }

    [Fact]
    public async Task Cancel_InText_EndsItAsInterrupted_AndTheSessionStaysUsable()
    {
        await using var world = new EngineWorld();
        world.Model.Hang(new ModelEvent.Text(0, "One")).Say("Two.");
        await using var accepted = await world.StartAsync(world.Request(Go));
        await foreach (var item in accepted.ReadAsync(Token))
        {
            if (Shown.Of(item) == "delta 0 text One")
            {
                break;
            }
        }

        var id = await world.Host.CancelAsync(world.Key, Token);
        var events = await EngineWorld.ReadAsync(accepted);
        var ended = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        await world.InvokeAsync(EngineWorld.User("And?"));

        Assert.Equal(accepted.InvocationId, id);
        Assert.Equal(["stop 0", "messageStop Interrupted", "metadata"], events.Select(Shown.Of).Select(line => line.Split(' ')[0] == "metadata" ? "metadata" : line));
        Assert.Equal("The invocation was cancelled.", ended.Why);
        Assert.Equal(["Go", "One", "And?"], world.Model.Requests[1].Messages.Select(TextOf));
    }

    [Fact]
    public async Task Cancel_InATool_KeepsTheSandbox()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"sleep"}""")).Say("Two.");
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Disk.Slept.Task;

        await world.Host.CancelAsync(world.Key, Token);
        await EngineWorld.ReadAsync(accepted);

        Assert.Equal(0, world.Sandboxes[0].Current!.Running);
        Assert.Empty((await world.EntriesAsync()).OfType<SandboxEnded>());
        Assert.Equal("messageStop EndTurn", Shown.Of((await world.InvokeAsync(EngineWorld.User("And?")))[^2]));
    }

    [Fact]
    public async Task Cancel_WithoutAnInvocation_IsRefused()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.");
        await world.InvokeAsync(Go);

        await Assert.ThrowsAsync<ServiceException>(() => world.Host.CancelAsync(world.Key, Token));
    }

    private static Task SteerAsync(EngineWorld world, string id, string text) => world.Host.SteerAsync(world.Key, id, text, Token);

    private static string TextOf(Message message) => string.Join('\n', message.Blocks.OfType<Block.Text>().Select(block => block.Value));

    private static async IAsyncEnumerable<ModelEvent> AfterAsync(Task go, IReadOnlyList<ModelEvent> events, [EnumeratorCancellation] CancellationToken token)
    {
        await go.WaitAsync(token);
        foreach (var item in events)
        {
            yield return item;
        }
    }
}
