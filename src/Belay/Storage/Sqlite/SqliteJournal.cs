using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Belay.Sessions;

namespace Belay.Storage.Sqlite;

/// <summary>
/// Journals in the data directory's database. The directory belongs to one server, so leases live in memory: taking a session
/// that exists writes nothing, and opening the database again ends them all. Tokens begin with the number of the opening, so
/// they grow across restarts.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim holds nothing to dispose unless its wait handle is asked for.")]
public sealed partial class SqliteJournal(SqliteDatabase database, TimeProvider time) : IJournal
{
    private const int PageEntries = 256;
    private const int PageBytes = 1024 * 1024;

    /// <summary>What an entry takes beside its body while it waits.</summary>
    private const long EntryOverhead = 512;

    /// <summary>Taking a session and the end of releasing it exclude each other, so that it is never looked up while it changes hands.
    /// Sessions share a fixed number of these. Always outside of <see cref="_gate"/>.</summary>
    private readonly SemaphoreSlim[] _handOvers = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, Held> _held = [];
    private readonly JournalNews _news = new();
    private long _tokens;
    private long _lastNumber = -1;

    /// <summary>Told the row of a session after each commit of entries of it, on the writer's thread; it must not wait.</summary>
    internal Action<SessionRow>? Committed { get; set; }

    /// <inheritdoc/>
    public async Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken)
    {
        var handOver = HandOver(session);
        await handOver.WaitAsync(cancellationToken);
        try
        {
            if (TakeAgain(session, owner) is { } lease)
            {
                return lease;
            }

            var stored = await database.ReadAsync(reader => FindStored(reader, session), cancellationToken);
            var lastStored = Volatile.Read(ref _lastNumber) >= 0
                ? 0
                : await database.ReadAsync(static reader => reader.Number("SELECT max(number) FROM sessions"), cancellationToken);
            lock (_gate)
            {
                // Others may have read it too, and made sessions since.
                _lastNumber = Math.Max(Math.Max(_lastNumber, lastStored), LastSigned);
                Held held;
                if (stored is { } existing)
                {
                    held = new Held(owner, existing.Number, existing.Row);
                }
                else
                {
                    var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
                    held = new Held(owner, ++_lastNumber, new SessionRow(session, 0, EntryChain.Start, null, now, now, null, _lastNumber, Unfinished: false)) { Queued = 1 };
                    database.Enqueue(new Creation(this, held));
                }

                _held[session] = held;
                return Lease(held);
            }
        }
        finally
        {
            handOver.Release();
        }
    }

    /// <inheritdoc/>
    public async Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken)
    {
        var cost = 0L;
        for (var i = 0; i < entries.Count; i++)
        {
            cost += entries[i].Body.Length + EntryOverhead;
        }

        await database.ReserveAsync(cost, cancellationToken);
        var append = Accept(lease, entries, durability, cost);
        if (durability == Durability.Synced)
        {
            await append.Committed;
        }
    }

    /// <inheritdoc/>
    public Task SyncAsync(SessionLease lease, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var barrier = new Barrier(this, Current(lease));
            database.Enqueue(barrier);
            return barrier.Reached;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (HeldRow(session) is { } row && row.LastSequence <= afterSequence)
        {
            yield break;
        }

        await WriteQueuedAsync(session, cancellationToken);
        if (await database.ReadAsync(reader => FindStored(reader, session), cancellationToken) is not { } stored)
        {
            yield break;
        }

        for (var more = true; more;)
        {
            (var page, more) = await database.ReadAsync(reader => ReadPage(reader, stored.Number, afterSequence), cancellationToken);
            foreach (var entry in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return entry;
                afterSequence = entry.Sequence;
            }
        }
    }

    /// <inheritdoc/>
    public async Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return HeldRow(session) ?? (await database.ReadAsync(reader => FindStored(reader, session), cancellationToken))?.Row;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await database.FlushAsync(cancellationToken);
        var (at, number) = after is { } mark ? (mark.LastActivityMs, mark.Number) : (long.MaxValue, long.MaxValue);
        var seen = new HashSet<long>();
        while (true)
        {
            var page = await database.ReadAsync(reader => ListPage(reader, scope, harnessId, at, number), cancellationToken);
            foreach (var row in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                (at, number) = (row.Mark.LastActivityMs, row.Number);
                if (seen.Add(row.Number))
                {
                    yield return row;
                }
            }

            if (page.Count == 0)
            {
                yield break;
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionRow> ListUnfinishedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await database.FlushAsync(cancellationToken);
        for (var after = 0L; ;)
        {
            var page = await database.ReadAsync(reader => UnfinishedPage(reader, after), cancellationToken);
            foreach (var row in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return row;
                after = row.Number;
            }

            if (page.Count < PageEntries)
            {
                yield break;
            }
        }
    }

    /// <inheritdoc/>
    public async Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Held held;
        lock (_gate)
        {
            if (!_held.TryGetValue(lease.Session, out var current) || current.Token != lease.Token)
            {
                return;
            }

            held = current;
            held.Releasing = true;
        }

        // From here on the session is given back whatever happens; waiting ends with the disk, not with the token.
        try
        {
            await WriteQueuedAsync(lease.Session, CancellationToken.None);
        }
        finally
        {
            var handOver = HandOver(lease.Session);
            await handOver.WaitAsync(CancellationToken.None);
            lock (_gate)
            {
                if (held.Token == lease.Token && _held.GetValueOrDefault(lease.Session) == held)
                {
                    _held.Remove(lease.Session);
                }
            }

            handOver.Release();
        }

        lock (_gate)
        {
            held.ThrowIfFailed(onlyNews: true);
        }
    }

    private SemaphoreSlim HandOver(SessionKey session) => _handOvers[(uint)session.GetHashCode() % (uint)_handOvers.Length];

    private SessionLease? TakeAgain(SessionKey session, string owner)
    {
        lock (_gate)
        {
            if (!_held.TryGetValue(session, out var held))
            {
                return null;
            }

            if (held.Owner != owner)
            {
                throw new SessionOwnedElsewhereException(session, held.Owner);
            }

            if (held.Failure is not null)
            {
                // What is stored decides; what was accepted after the failure is refused by the writer.
                _held.Remove(session);
                return null;
            }

            held.Releasing = false;
            return Lease(held);
        }
    }

    private SessionLease Lease(Held held)
    {
        held.Token = (database.Epoch << 32) + ++_tokens;
        return new SessionLease(held.Row.Session, held.Number, held.Token);
    }

    private Append Accept(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, long cost)
    {
        var accepted = false;
        try
        {
            lock (_gate)
            {
                var held = Current(lease);
                var actorRef = JournalRules.Check(held.Row.LastSequence, held.Row.ActorRef, entries);
                var last = entries[^1];
                var row = held.Row with { LastSequence = last.Sequence, LastHash = last.Hash, LastKind = last.Kind, LastActivityAt = last.At, ActorRef = actorRef, Unfinished = JournalRules.Unfinished(held.Row.Unfinished, entries) };
                var append = new Append(this, held, entries, row, durability) { Cost = cost };
                database.Enqueue(append);
                accepted = true;
                held.Row = row;
                held.Queued += durability == Durability.Queued ? 1 : 0;
                return append;
            }
        }
        finally
        {
            if (!accepted)
            {
                database.Unreserve(cost);
            }
        }
    }

    // Under the gate.
    private Held Current(SessionLease lease)
    {
        if (!_held.TryGetValue(lease.Session, out var held) || held.Token != lease.Token || held.Releasing)
        {
            throw new LeaseLostException(lease.Session);
        }

        held.ThrowIfFailed(onlyNews: false);
        return held;
    }

    /// <summary>The row of a session that is held, as of the last accepted entry; null when what is stored decides.</summary>
    private SessionRow? HeldRow(SessionKey session)
    {
        lock (_gate)
        {
            return _held.TryGetValue(session, out var held) && held.Failure is null ? held.Row : null;
        }
    }

    /// <summary>Reads see what was accepted: what of this session is still queued is written first.</summary>
    private async Task WriteQueuedAsync(SessionKey session, CancellationToken cancellationToken)
    {
        bool queued;
        lock (_gate)
        {
            queued = _held.TryGetValue(session, out var held) && held.Queued > 0;
        }

        if (queued)
        {
            await database.FlushAsync(cancellationToken);
        }
    }

    private static Stored? FindStored(SqliteConnection reader, SessionKey session)
    {
        using var row = Find(
            reader,
            session,
            """
            SELECT last_sequence, last_hash, actor_ref, created_at, last_at, last_kind, number, unfinished FROM sessions JOIN heads ON session = number
            WHERE account = ?1 AND region = ?2 AND harness_id = ?3 AND session_id = ?4
            """);
        return row.Step() ? new Stored(row.Int64(6), Row(row, session)) : null;
    }

    // CROSS JOIN keeps the order of the tables: along the index of activity, so that a page reads as many sessions as it shows.
    private static List<SessionRow> ListPage(SqliteConnection reader, Scope scope, string? harnessId, long at, long number)
    {
        using var rows = reader
            .Statement(
                """
                SELECT last_sequence, last_hash, actor_ref, created_at, last_at, last_kind, number, unfinished, harness_id, session_id
                FROM sessions JOIN heads ON session = number
                WHERE account = ?1 AND region = ?2 AND (?3 IS NULL OR harness_id = ?3) AND (last_at, number) < (?4, ?5)
                ORDER BY last_at DESC, number DESC LIMIT ?6
                """)
            .Bind(1, scope.Account)
            .Bind(2, scope.Region)
            .Bind(3, harnessId)
            .Bind(4, at)
            .Bind(5, number)
            .Bind(6, PageEntries);
        var page = new List<SessionRow>();
        while (rows.Step())
        {
            page.Add(Row(rows, new SessionKey(scope, rows.Text(8), rows.Text(9))));
        }

        return page;
    }

    private static List<SessionRow> UnfinishedPage(SqliteConnection reader, long after)
    {
        using var rows = reader
            .Statement(
                """
                SELECT last_sequence, last_hash, actor_ref, created_at, last_at, last_kind, number, unfinished, harness_id, session_id, account, region
                FROM heads INDEXED BY heads_unfinished JOIN sessions ON number = session
                WHERE unfinished = 1 AND session > ?1 ORDER BY session LIMIT ?2
                """)
            .Bind(1, after)
            .Bind(2, PageEntries);
        var page = new List<SessionRow>();
        while (rows.Step())
        {
            page.Add(Row(rows, new SessionKey(new Scope(rows.Text(10), rows.Text(11)), rows.Text(8), rows.Text(9))));
        }

        return page;
    }

    private static SessionRow Row(SqliteStatement row, SessionKey session) => new(
        session,
        row.Int64(0),
        row.Blob(1),
        row.TextOrNull(2),
        DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(3)),
        DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(4)),
        row.IsNull(5) ? null : (EntryKind)row.Int64(5),
        row.Int64(6),
        row.Int64(7) != 0);

    private static (List<StoredEntry> Entries, bool More) ReadPage(SqliteConnection reader, long number, long after)
    {
        using var rows = reader
            .Statement(
                """
                SELECT sequence, at, kind, actor_ref, key_id, previous_hash, hash, body FROM entries
                WHERE session = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3
                """)
            .Bind(1, number)
            .Bind(2, after)
            .Bind(3, PageEntries);
        var page = new List<StoredEntry>();
        for (var bytes = 0; bytes < PageBytes; bytes += page[^1].Body.Length)
        {
            if (!rows.Step())
            {
                return (page, page.Count == PageEntries);
            }

            page.Add(EntryOf(rows));
        }

        return (page, true);
    }

    private static StoredEntry EntryOf(SqliteStatement row) => new(
        row.Int64(0),
        DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(1)),
        (EntryKind)row.Int64(2),
        row.TextOrNull(3),
        row.Text(4),
        row.Blob(5),
        row.Blob(6),
        row.Blob(7));

    private static SqliteStatement Find(SqliteConnection connection, SessionKey session, string sql) => connection
        .Statement(sql)
        .Bind(1, session.Scope.Account)
        .Bind(2, session.Scope.Region)
        .Bind(3, session.HarnessId)
        .Bind(4, session.SessionId);

    // An append before was not written: what comes after it would leave a gap.
    private void ThrowIfFailed(Held held)
    {
        lock (_gate)
        {
            if (held.Failure is { } before)
            {
                throw new StorageException(before.Message, before);
            }
        }
    }

    private readonly record struct Stored(long Number, SessionRow Row);

    /// <summary>A session that somebody holds. Read and changed under the journal's gate.</summary>
    private sealed class Held(string owner, long number, SessionRow row)
    {
        private bool _told;

        public string Owner { get; } = owner;

        public long Number { get; } = number;

        public long Token { get; set; }

        /// <summary>As of the last accepted entry, stored or not.</summary>
        public SessionRow Row { get; set; } = row;

        /// <summary>Items that nobody waits for and that are not committed yet.</summary>
        public int Queued { get; set; }

        public bool Releasing { get; set; }

        /// <summary>The newest append of the transaction that is being written; the writer's thread alone uses it.</summary>
        public Append? Newest { get; set; }

        public StorageException? Failure { get; private set; }

        public void Fail(StorageException failure, bool told)
        {
            Failure ??= failure;
            _told |= told;
        }

        public void ThrowIfFailed(bool onlyNews)
        {
            if (Failure is not null && !(onlyNews && _told))
            {
                _told = true;
                throw new StorageException(Failure.Message, Failure);
            }
        }
    }
}
