using Belay.Sessions;
using Belay.Storage;
using Belay.Testing.Sessions;

namespace Belay.Testing.Simulation;

/// <summary>
/// Stands before a journal in memory: knows what a crash would leave, crashes at a given append, and can be told to break the one rule that
/// everything rests on: <see cref="HoldIntents"/> stores an intent only together with what comes after it.
/// </summary>
public sealed class CrashingJournal(InMemoryJournal inner) : IJournal
{
    private readonly Lock _gate = new();
    private List<StoredEntry> _held = [];
    private int _appends;
    private long _accepted;

    /// <summary>Breaks the order on purpose, so that a test can see the checks notice.</summary>
    public bool HoldIntents { get; init; }

    /// <summary>Breaks the other rule: says that everything is safe when it is not.</summary>
    public bool LieAboutSyncs { get; init; }

    /// <summary>Append or sync at which the server dies; 0 for never.</summary>
    public int CrashAt { get; set; }

    /// <summary>Whether it dies before that append is accepted or after.</summary>
    public bool CrashAfter { get; set; }

    /// <summary>Queued appends that survive by luck.</summary>
    public int Surviving { get; set; }

    /// <summary>Whether the server is dead.</summary>
    public bool Crashed { get; private set; }

    /// <summary>Last entry that a crash now would leave.</summary>
    public long Durable { get; private set; }

    /// <summary>What else is wrong with the disk.</summary>
    public DiskTrouble Trouble { get; private set; } = DiskTrouble.None;

    /// <summary>The clock that a slow disk waits by.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Appends and syncs of this server that failed.</summary>
    public int Failures { get; private set; }

    /// <summary>Whether one has: a session may be broken until it is opened again.</summary>
    public bool Failed => Failures > 0;

    /// <summary>Begins to count appends anew.</summary>
    public void Arm(int crashAt, bool after, int surviving, DiskTrouble? trouble = null)
    {
        lock (_gate)
        {
            (_appends, CrashAt, CrashAfter, Surviving, Trouble) = (0, crashAt, after, surviving, trouble ?? DiskTrouble.None);
        }
    }

    public async Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken)
    {
        bool crash, fail;
        lock (_gate)
        {
            crash = ++_appends == CrashAt;
            fail = _appends == Trouble.FailAt;
        }

        if (crash && !CrashAfter)
        {
            Crash();
        }

        await TakeTimeAsync();
        Fail(fail && !Trouble.FailAfter);
        if (HoldIntents)
        {
            entries = [.. _held, .. entries];
            if (entries[^1].Kind is EntryKind.ToolIntent)
            {
                _held = [.. entries];
                return;
            }

            _held = [];
        }

        await inner.AppendAsync(lease, entries, durability, cancellationToken);
        lock (_gate)
        {
            // One session, so a synced append makes everything before it safe.
            _accepted = entries[^1].Sequence;
            Durable = durability == Durability.Synced ? _accepted : Durable;
        }

        if (crash && CrashAfter)
        {
            Crash();
            throw new ObjectDisposedException(nameof(CrashingJournal), "The simulated server died.");
        }

        Fail(fail);
    }

    public async Task SyncAsync(SessionLease lease, CancellationToken cancellationToken)
    {
        bool crash, fail;
        long accepted;
        lock (_gate)
        {
            crash = ++_appends == CrashAt;
            fail = _appends == Trouble.FailAt;
            accepted = _accepted;
        }

        // Whoever syncs does not stand still meanwhile; how far it comes is what a day differs in.
        for (var turns = accepted % 5; turns > 0; turns--)
        {
            await Task.Yield();
        }

        if (crash && !CrashAfter)
        {
            Crash();
        }

        await TakeTimeAsync();
        Fail(fail);
        if (!LieAboutSyncs)
        {
            await inner.SyncAsync(lease, cancellationToken);
            lock (_gate)
            {
                Durable = Math.Max(Durable, accepted);
            }
        }

        if (crash && CrashAfter)
        {
            Crash();
            throw new ObjectDisposedException(nameof(CrashingJournal), "The simulated server died.");
        }
    }

    public Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken) => inner.TakeAsync(session, owner, cancellationToken);

    public IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, CancellationToken cancellationToken) => inner.ReadAsync(session, afterSequence, cancellationToken);

    public Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken) => inner.FindAsync(session, cancellationToken);

    public IAsyncEnumerable<SessionRow> ListUnfinishedAsync(CancellationToken cancellationToken) => inner.ListUnfinishedAsync(cancellationToken);

    public IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, CancellationToken cancellationToken) => inner.ListAsync(scope, harnessId, after, cancellationToken);

    public IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, CancellationToken cancellationToken) => inner.ReadFeedAsync(scope, query, cancellationToken);

    public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => inner.NextAsync(scope, session, cancellationToken);

    public Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken) => inner.ReleaseAsync(lease, cancellationToken);

    private Task TakeTimeAsync() => Trouble.Slow > TimeSpan.Zero ? Task.Delay(Trouble.Slow, Time, CancellationToken.None) : Task.CompletedTask;

    private void Fail(bool now)
    {
        if (now)
        {
            Failures++;
            throw new StorageException("The simulated disk failed.");
        }
    }

    private void Crash()
    {
        Crashed = true;
        inner.Crash(Surviving);
    }
}
