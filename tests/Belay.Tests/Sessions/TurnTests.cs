using Belay.Agents;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class TurnTests
{
    [Fact]
    public async Task TextTurn_HasTheGrammarOfTheWire()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hel", "lo.");

        var events = await world.InvokeAsync(EngineWorld.User("Hi"));

        Assert.Equal(
            ["messageStart assistant", "delta 0 text Hel", "delta 0 text lo.", "stop 0", "messageStop EndTurn", "metadata 10/5"],
            events.Select(Shown.Of));
    }

    [Fact]
    public async Task EachIteration_WaitsForOneSyncedAppend()
    {
        var (three, seven) = (await SyncedAppendsAsync(iterations: 3), await SyncedAppendsAsync(iterations: 7));

        Assert.Equal(4, seven.Count - three.Count);
        Assert.Equal(6, seven.Count(kinds => kinds == "ModelOutcome ToolIntent ToolIntent"));
    }

    [Fact]
    public async Task ModelIsAskedWhileTheStartIsSynced_TheStreamWaits()
    {
        await using var world = new EngineWorld();
        var (asked, safe) = (new TaskCompletionSource(), new TaskCompletionSource());
        world.Journal.OnSync = () => safe.Task;
        world.Model.Reply((_, _) =>
        {
            asked.SetResult();
            return FakeModel.Text("Hi.").ToAsyncEnumerable();
        });

        var starting = world.StartAsync(world.Request(EngineWorld.User("Hi")));
        await asked.Task;
        var early = starting.IsCompleted;
        safe.SetResult();
        await using var accepted = await starting;

        Assert.False(early);
        Assert.Equal("metadata 10/5", Shown.Of((await EngineWorld.ReadAsync(accepted))[^1]));
    }

    [Fact]
    public async Task StartThatCannotBeSynced_IsRefusedBeforeTheStream_AndTheSessionGoesOn()
    {
        await using var world = new EngineWorld();
        // Whether the model is asked before the disk says no is a race, and both are well.
        world.Model.Otherwise = (request, token) => request.Messages[^1].Blocks is [Block.Text { Value: "Again" }]
            ? FakeModel.Yield(FakeModel.Text("Better."), token)
            : FakeModel.HangAsync([], token);
        world.Journal.OnSync = () => Task.FromException(new StorageException("The disk is full."));

        await Assert.ThrowsAsync<StorageException>(() => world.StartAsync(world.Request(EngineWorld.User("Hi"))));
        world.Journal.OnSync = null;
        var events = await world.InvokeAsync(EngineWorld.User("Again"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
    }

    [Fact]
    public async Task TwoTools_OneFailing_ResultsInCallOrderAndTheLoopGoesOn()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "shell", """{"command":"exit 3"}""")).Say("Done.");

        var events = await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(
            [
                "messageStart assistant",
                "start 0 toolUse a1 shell ToolUse", "delta 0 input {\"command\":\"echo one\"}", "stop 0",
                "start 1 toolUse a2 shell ToolUse", "delta 1 input {\"command\":\"exit 3\"}", "stop 1",
                "messageStop ToolUse",
                "messageStart user",
                "start 0 toolResult a1 Success", "delta 0 result one\n", "delta 0 metadata {\"durationMs\":0}", "stop 0",
                "start 1 toolResult a2 Error", "delta 1 result exit 3", "delta 1 metadata {\"durationMs\":0}", "stop 1",
                "messageStop ToolResult",
                "messageStart assistant", "delta 0 text Done.", "stop 0", "messageStop EndTurn",
                "metadata 20/10",
            ],
            events.Select(Shown.Of));
        Assert.Equal(
            ["InvocationStarted", "ModelIntent", "ModelOutcome", "ToolIntent", "ToolIntent", "SandboxStarted", "ToolOutcome", "ToolOutcome", "ModelIntent", "ModelOutcome", "InvocationEnded"],
            (await world.EntriesAsync()).Select(entry => entry.GetType().Name));
        Assert.Equal(3, world.Model.Requests[1].Messages.Count);
    }

    /// <summary>What each synced append of an invocation held; every iteration but the last runs two tools.</summary>
    private static async Task<List<string>> SyncedAppendsAsync(int iterations)
    {
        await using var world = new EngineWorld();
        for (var i = 1; i < iterations; i++)
        {
            world.Model.Call(($"a{i}", "shell", """{"command":"echo one"}"""), ($"b{i}", "shell", """{"command":"exit 3"}"""));
        }

        world.Model.Say("Done.");
        var synced = new List<string>();
        world.Journal.BeforeAppend = (_, entries, durability) =>
        {
            if (durability == Durability.Synced)
            {
                synced.Add(string.Join(' ', entries.Select(entry => entry.Kind)));
            }

            return Task.CompletedTask;
        };
        await world.InvokeAsync(EngineWorld.User("Go"));
        return synced;
    }
}
