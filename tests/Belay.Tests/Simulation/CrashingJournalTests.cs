using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Testing.Simulation;

namespace Belay.Tests.Simulation;

/// <summary>Until it crashes, the simulator's journal is one like every other.</summary>
public sealed class CrashingJournalTests : JournalContract
{
    private InMemoryJournal _inner = new(new ManualTime());

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    protected override Task<IJournal> OpenAsync() => Task.FromResult<IJournal>(new CrashingJournal(_inner));

    protected override Task<IJournal> ReopenAsync() => Task.FromResult<IJournal>(new CrashingJournal(_inner = _inner.Reopen()));
}
