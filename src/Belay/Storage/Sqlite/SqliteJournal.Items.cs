using Belay.Sessions;

namespace Belay.Storage.Sqlite;

/// <content>What the writer does for it: sessions, appends, and waits for both.</content>
public sealed partial class SqliteJournal
{
    /// <summary>The rows of a new session.</summary>
    private sealed class Creation(SqliteJournal journal, Held held) : WriteItem
    {
        private readonly SessionRow _row = held.Row;

        public override bool Urgent => false;

        public override bool Synced => false;

        public override void Apply(SqliteConnection connection)
        {
            var now = _row.CreatedAt.ToUnixTimeMilliseconds();
            Find(
                connection,
                _row.Session,
                "INSERT INTO sessions (account, region, harness_id, session_id, number, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .Bind(5, held.Number)
                .Bind(6, now)
                .Run();
            connection
                .Statement("INSERT INTO heads (session, last_sequence, last_hash, last_at) VALUES (?1, 0, zeroblob(32), ?2)")
                .Bind(1, held.Number)
                .Bind(2, now)
                .Run();
        }

        public override void Complete()
        {
            lock (journal._gate)
            {
                held.Queued--;
            }
        }

        public override void Fail(StorageException failure)
        {
            lock (journal._gate)
            {
                held.Queued--;
                held.Fail(failure, told: false);
            }
        }
    }

    /// <summary>Writes nothing, and completes when what was queued before it is safe.</summary>
    private sealed class Barrier(SqliteJournal journal, Held held) : WriteItem
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        public override bool Urgent => true;

        // An append's commit is synced whether anybody waits for it or not, so there is nothing behind this one that is not.
        public override bool Synced => true;

        public override void Apply(SqliteConnection connection) => journal.ThrowIfFailed(held);

        public override void Complete() => _reached.SetResult();

        public override void Fail(StorageException failure)
        {
            lock (journal._gate)
            {
                held.Fail(failure, told: true);
            }

            _reached.SetException(failure);
        }
    }

    /// <summary>The entries of one append.</summary>
    private sealed class Append(SqliteJournal journal, Held held, IReadOnlyList<StoredEntry> entries, SessionRow row, Durability durability) : WriteItem
    {
        private readonly TaskCompletionSource? _committed =
            durability == Durability.Synced ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null;

        public Task Committed => _committed?.Task ?? Task.CompletedTask;

        public override bool Urgent => _committed is not null;

        public override bool Synced => true;

        public override void Apply(SqliteConnection connection)
        {
            journal.ThrowIfFailed(held);
            foreach (var entry in entries)
            {
                connection
                    .Statement(
                        """
                        INSERT INTO entries (session, sequence, at, kind, actor_ref, key_id, previous_hash, hash, body)
                        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                        """)
                    .Bind(1, held.Number)
                    .Bind(2, entry.Sequence)
                    .Bind(3, entry.At.ToUnixTimeMilliseconds())
                    .Bind(4, (int)entry.Kind)
                    .Bind(5, entry.ActorRef)
                    .Bind(6, entry.KeyId)
                    .Bind(7, entry.PreviousHash.Span)
                    .Bind(8, entry.Hash.Span)
                    .Bind(9, entry.Body.Span)
                    .Run();
            }

            held.Newest = this;
        }

        public override void BeforeCommit(SqliteConnection connection)
        {
            if (held.Newest != this)
            {
                return;
            }

            held.Newest = null;
            connection
                .Statement("UPDATE heads SET last_sequence = ?2, last_hash = ?3, last_kind = ?4, last_at = ?5, actor_ref = ?6, unfinished = ?7 WHERE session = ?1")
                .Bind(1, held.Number)
                .Bind(2, row.LastSequence)
                .Bind(3, row.LastHash.Span)
                .Bind(4, (int)entries[^1].Kind)
                .Bind(5, row.LastActivityAt.ToUnixTimeMilliseconds())
                .Bind(6, row.ActorRef)
                .Bind(7, row.Unfinished ? 1 : 0)
                .Run();
        }

        public override void Complete()
        {
            journal._news.Tell(row.Session);
            journal.Committed?.Invoke(row);
            if (_committed is not null)
            {
                _committed.SetResult();
                return;
            }

            lock (journal._gate)
            {
                held.Queued--;
            }
        }

        public override void Fail(StorageException failure)
        {
            lock (journal._gate)
            {
                held.Queued -= _committed is null ? 1 : 0;
                held.Fail(failure, told: _committed is not null);
            }

            _committed?.SetException(failure);
        }
    }
}
