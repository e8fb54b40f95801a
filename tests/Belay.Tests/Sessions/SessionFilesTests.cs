using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>When the files of a session are saved, and who waits for it.</summary>
public sealed class SessionFilesTests
{
    private readonly List<long> _saved = [];
    private Func<Task> _slow = () => Task.CompletedTask;

    [Fact]
    public async Task SandboxRan_FilesAreSavedAtTheEnd_AndJournaled()
    {
        await using var world = World();
        world.Model.Say("No tool.").Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("First"));
        Assert.Empty(_saved);
        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.Host.SavedAsync(world.Key, CancellationToken.None);

        var entries = await world.EntriesAsync();
        Assert.IsType<WorkspaceSaved>(entries[^1]);
        Assert.IsType<InvocationEnded>(entries[(int)Assert.Single(_saved) - 1]);
        Assert.Equal(SavedFiles.IdOf(_saved[0]), ((WorkspaceSaved)entries[^1]).Id);
    }

    [Fact]
    public async Task SlowSaving_HoldsTheNextInvocation_NotTheStream()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.").Say("Next.");
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _slow = () => done.Task;

        var events = await world.InvokeAsync(EngineWorld.User("Go"));
        Assert.IsType<HarnessMetadataEvent>(events[^1]);
        Assert.Equal(SessionActivity.Idle, world.Host.Look(world.Key));
        var next = world.InvokeAsync(EngineWorld.User("Next"));
        Assert.False(next.IsCompleted);
        Assert.Equal(2, world.Model.Requests.Count);
        done.SetResult();
        await next;

        var entries = await world.EntriesAsync();
        Assert.Equal([typeof(InvocationEnded), typeof(WorkspaceSaved), typeof(InvocationStarted)], entries.SkipWhile(entry => entry is not InvocationEnded).Take(3).Select(entry => entry.GetType()));
    }

    [Fact]
    public async Task SavingThatFails_HarmsNothing()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.").Say("Next.");
        _slow = () => throw new IOException("The disk is full.");

        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.InvokeAsync(EngineWorld.User("Next"));

        Assert.Empty((await world.EntriesAsync()).OfType<WorkspaceSaved>());
    }

    private EngineWorld World() => new()
    {
        Files = new(
            async (_, sequence, _) =>
            {
                await _slow();
                _saved.Add(sequence);
                return new WorkspaceSaved(SavedFiles.IdOf(sequence), 1, 2);
            },
            (_, _, _, _, _) => throw new NotSupportedException()),
    };
}
