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

    /// <summary>Breaks the order on purpose, so that a test can see the checks notice.</summary>
    public bool HoldIntents { get; init; }

    /// <summary>Append at which the server dies; 0 for never.</summary>
    public int CrashAt { get; set; }

    /// <summary>Whether it dies before that append is accepted or after.</summary>
    public bool CrashAfter { get; set; }

    /// <summary>Queued appends that survive by luck.</summary>
    public int Surviving { get; set; }

    /// <summary>Whether the server is dead.</summary>
    public bool Crashed { get; private set; }

    /// <summary>Last entry that a crash now would leave.</summary>
    public long Durable { get; private set; }

    /// <summary>Begins to count appends anew.</summary>
    public void Arm(int crashAt, bool after, int surviving)
    {
        lock (_gate)
        {
            (_appends, CrashAt, CrashAfter, Surviving) = (0, crashAt, after, surviving);
        }
    }

    public async Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken)
    {
        bool crash;
        lock (_gate)
        {
            crash = ++_appends == CrashAt;
        }

        if (crash && !CrashAfter)
        {
            Crash();
        }

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
            Durable = durability == Durability.Synced ? entries[^1].Sequence : Durable;
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

    private void Crash()
    {
        Crashed = true;
        inner.Crash(Surviving);
    }
}
