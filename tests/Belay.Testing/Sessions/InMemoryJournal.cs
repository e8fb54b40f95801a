using System.Runtime.CompilerServices;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Testing.Sessions;

/// <summary>
/// A journal in memory that behaves as the contract says and can crash. Queued appends stay unsynced until a synced append of
/// any session, or a release, is accepted (real stores follow within 10 ms; the double is as unlucky as the contract allows).
/// </summary>
public sealed class InMemoryJournal : IJournal
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Dictionary<SessionKey, Session> _sessions;
    private readonly List<FeedEntry> _feed;
    private readonly JournalNews _news = new();
    private readonly Dictionary<SessionKey, (string Owner, long Token)> _leases = [];
    private readonly List<(Session Session, IReadOnlyList<StoredEntry> Entries)> _unsynced = [];
    private bool _closed;

    public InMemoryJournal(TimeProvider time)
        : this(time, [], [])
    {
    }

    private InMemoryJournal(TimeProvider time, Dictionary<SessionKey, Session> sessions, List<FeedEntry> feed)
    {
        _time = time;
        _feed = feed;
        _sessions = sessions;
    }

    /// <summary>Runs before an append is accepted; a test makes it throw, wait, count, or crash the journal.</summary>
    public Func<SessionLease, IReadOnlyList<StoredEntry>, Durability, Task>? BeforeAppend { get; set; }

    /// <summary>Runs after an append was accepted and before its caller hears of it: the place where a crash loses the answer only.</summary>
    public Func<SessionLease, IReadOnlyList<StoredEntry>, Durability, Task>? AfterAppend { get; set; }

    /// <summary>Reads of entries that have begun; what a test looks at to know that nothing was read.</summary>
    public int Reads { get; private set; }

    /// <summary>Calls that wait for the next entry.</summary>
    public int Waiting => _news.Waiting;

    /// <summary>Appends that were accepted and would not survive a crash now.</summary>
    public int UnsyncedAppends
    {
        get
        {
            lock (_gate)
            {
                return _unsynced.Count;
            }
        }
    }

    /// <summary>The server dies: what is not synced is lost, save for the oldest <paramref name="survivingAppends"/>, every lease ends and this
    /// object answers <see cref="ObjectDisposedException"/> from now on. <see cref="Reopen"/> continues with what is left.</summary>
    public void Crash(int survivingAppends = 0)
    {
        lock (_gate)
        {
            for (var i = _unsynced.Count - 1; i >= survivingAppends; i--)
            {
                var (session, entries) = _unsynced[i];
                session.Entries.RemoveRange(session.Entries.Count - entries.Count, entries.Count);
                _feed.RemoveAll(fed => entries.Contains(fed.Entry));
            }

            _unsynced.Clear();
            _leases.Clear();
            _closed = true;
        }
    }

    /// <summary>A journal over what survived; without a crash before, everything.</summary>
    public InMemoryJournal Reopen()
    {
        lock (_gate)
        {
            _closed = true;
            return new InMemoryJournal(_time, _sessions, _feed);
        }
    }

    public Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_leases.TryGetValue(session, out var held) && held.Owner != owner)
            {
                throw new SessionOwnedElsewhereException(session, held.Owner);
            }

            if (!_sessions.TryGetValue(session, out var stored))
            {
                stored = new Session(_sessions.Count + 1, DateTimeOffset.FromUnixTimeMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds()));
                _sessions.Add(session, stored);
            }

            var lease = new SessionLease(session, stored.Number, ++stored.Token);
            _leases[session] = (owner, lease.Token);
            return Task.FromResult(lease);
        }
    }

    public async Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (BeforeAppend is { } before)
        {
            await before(lease, entries, durability);
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (!_leases.TryGetValue(lease.Session, out var held) || held.Token != lease.Token)
            {
                throw new LeaseLostException(lease.Session);
            }

            var session = _sessions[lease.Session];
            JournalRules.Check(session.Entries.Count, session.ActorRef, entries);
            session.Entries.AddRange(entries);
            foreach (var entry in entries)
            {
                _feed.Add(new((_feed.Count == 0 ? 0 : _feed[^1].Position) + 1, lease.Session, entry));
            }

            _unsynced.Add((session, entries));
            if (durability == Durability.Synced)
            {
                _unsynced.Clear();
            }
        }

        _news.Tell(lease.Session);
        if (AfterAppend is { } after)
        {
            await after(lease, entries, durability);
        }
    }

    public async IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Reads++;
        }

        for (var index = (int)Math.Max(0, afterSequence); ; index++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            StoredEntry entry;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_closed, this);
                if (!_sessions.TryGetValue(session, out var stored) || index >= stored.Entries.Count)
                {
                    yield break;
                }

                entry = stored.Entries[index];
            }

            yield return entry;
        }
    }

    public Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            return Task.FromResult(_sessions.TryGetValue(session, out var stored) ? stored.Row(session) : null);
        }
    }

    public async IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        SessionRow[] rows;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            rows = [.. _sessions
                .Where(pair => pair.Key.Scope == scope && (harnessId is null || pair.Key.HarnessId == harnessId))
                .OrderByDescending(pair => pair.Value.LastActivityAt)
                .ThenByDescending(pair => pair.Value.Number)
                .Select(pair => pair.Value.Row(pair.Key))
                .Where(row => after is not { } mark || (row.Mark.LastActivityMs, row.Number).CompareTo((mark.LastActivityMs, mark.Number)) < 0)];
        }

        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return row;
        }
    }

    public async IAsyncEnumerable<SessionRow> ListUnfinishedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        SessionRow[] rows;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            rows = [.. _sessions.Select(pair => pair.Value.Row(pair.Key)).Where(row => row.Unfinished).OrderBy(row => row.Number)];
        }

        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return row;
        }
    }

    public async IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        FeedEntry[] entries;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            Reads++;
            entries = [.. _feed.Where(fed => fed.Session.Scope == scope
                && fed.Position > query.After && fed.Position < query.Before
                && (query.HarnessId is null || fed.Session.HarnessId == query.HarnessId)
                && (query.SessionId is null || fed.Session.SessionId == query.SessionId)
                && !(fed.Entry.At < query.Since) && !(fed.Entry.At >= query.Until))];
        }

        foreach (var entry in query.NewestFirst ? entries.Reverse() : entries)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }
    }

    public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => _news.NextAsync(scope, session, cancellationToken);

    public Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_leases.TryGetValue(lease.Session, out var held) && held.Token == lease.Token)
            {
                _leases.Remove(lease.Session);
                _unsynced.Clear();
            }
        }

        return Task.CompletedTask;
    }

    private sealed class Session(long number, DateTimeOffset createdAt)
    {
        public long Number { get; } = number;

        public long Token { get; set; }

        public List<StoredEntry> Entries { get; } = [];

        public string? ActorRef => Entries.Find(entry => entry.ActorRef is not null)?.ActorRef;

        public DateTimeOffset LastActivityAt => Entries.Count == 0 ? createdAt : Entries[^1].At;

        public SessionRow Row(SessionKey key) => new(
            key,
            Entries.Count,
            Entries.Count == 0 ? new byte[JournalRules.HashBytes] : Entries[^1].Hash,
            ActorRef,
            createdAt,
            LastActivityAt,
            Entries.Count == 0 ? null : Entries[^1].Kind,
            Number,
            JournalRules.Unfinished(before: false, Entries));
    }
}
