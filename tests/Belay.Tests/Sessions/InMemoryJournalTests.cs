using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class InMemoryJournalTests : JournalContract
{
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 4)]
    [InlineData(2, 5)]
    public async Task Crash_LosesWhatIsQueuedAndEveryLease(int survivors, long lastSequence)
    {
        var journal = (InMemoryJournal)Journal;
        var lease = await journal.TakeAsync(Key("s"), "a", Token);
        await journal.AppendAsync(lease, Entries(1, 1), Durability.Queued, Token);
        await journal.AppendAsync(lease, Entries(2, 1), Durability.Synced, Token);
        await journal.AppendAsync(lease, Entries(3, 2), Durability.Queued, Token);
        await journal.AppendAsync(lease, Entries(5, 1), Durability.Queued, Token);
        Assert.Equal(2, journal.UnsyncedAppends);

        journal.Crash(survivors);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => journal.AppendAsync(lease, Entries(6, 1), Durability.Synced, Token));
        Journal = journal.Reopen();

        Assert.Equal(lastSequence, (await Journal.FindAsync(Key("s"), Token))!.LastSequence);
        await Assert.ThrowsAsync<LeaseLostException>(() => Journal.AppendAsync(lease, Entries(lastSequence + 1, 1), Durability.Synced, Token));
        await Journal.TakeAsync(Key("s"), "b", Token);
    }

    [Fact]
    public async Task Crash_WhatRodeWithAnothersCommit_Survives()
    {
        var journal = (InMemoryJournal)Journal;
        var queued = await journal.TakeAsync(Key("queued"), "a", Token);
        var synced = await journal.TakeAsync(Key("synced"), "a", Token);
        await journal.AppendAsync(queued, Entries(1, 1), Durability.Queued, Token);
        await journal.AppendAsync(synced, Entries(1, 1), Durability.Synced, Token);

        journal.Crash();

        Assert.Equal(1, (await journal.Reopen().FindAsync(Key("queued"), Token))!.LastSequence);
    }

    protected override Task<IJournal> OpenAsync() => Task.FromResult<IJournal>(new InMemoryJournal(new ManualTime()));

    protected override Task<IJournal> ReopenAsync() => Task.FromResult<IJournal>(((InMemoryJournal)Journal).Reopen());
}
