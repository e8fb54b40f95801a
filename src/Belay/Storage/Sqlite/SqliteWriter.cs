namespace Belay.Storage.Sqlite;

/// <summary>
/// The one writer of a database: a thread that commits whatever has come together while it was busy (group commit). Work that
/// nobody waits for does not wake it; it rides with the next that does, or follows after <see cref="FollowAfter"/>. What waits
/// is bounded: whoever wants to queue more waits for room first.
/// </summary>
internal sealed class SqliteWriter : IAsyncDisposable
{
    /// <summary>How long work that nobody waits for may stay in memory.</summary>
    public static readonly TimeSpan FollowAfter = TimeSpan.FromMilliseconds(10);

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly StorageSettings _settings;
    private readonly long _epoch;
    private readonly ITimer _follow;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LinkedList<Waiter> _waiting = new();
    private List<WriteItem> _queue = [];
    private List<WriteItem> _spare = [];
    private long _reserved;
    private bool _urgent;
    private bool _followArmed;
    private bool _closing;
    private bool _syncing;
    private bool _eraseAgain;

    /// <param name="connection">Its connection; the writer disposes it.</param>
    /// <param name="settings">Settings of the store.</param>
    /// <param name="epoch">Number of this opening; when the database holds another one, another server has opened it.</param>
    /// <param name="time">Where the timer comes from.</param>
    public SqliteWriter(SqliteConnection connection, StorageSettings settings, long epoch, TimeProvider time)
    {
        _connection = connection;
        _settings = settings;
        _epoch = epoch;
        _syncing = settings.Synchronous == SynchronousMode.Full;
        _follow = time.CreateTimer(_ => Follow(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        new Thread(Run) { IsBackground = true, Name = "belay-sqlite-writer" }.Start();
    }

    /// <summary>Waits until there is room for work of a size and reserves it; first come, first served. Cancelled or failed means
    /// that nothing is reserved.</summary>
    public ValueTask ReserveAsync(long cost, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(SqliteDatabase));
            if (_waiting.Count == 0 && HasRoom(cost))
            {
                _reserved += cost;
                return ValueTask.CompletedTask;
            }

            var waiter = new Waiter(cost);
            return new ValueTask(WaitAsync(waiter, _waiting.AddLast(waiter), cancellationToken));
        }
    }

    /// <summary>Gives a reservation back that was not used.</summary>
    public void Unreserve(long cost)
    {
        lock (_gate)
        {
            _reserved -= cost;
            Admit();
        }
    }

    /// <summary>Queues work whose cost is reserved. Never waits.</summary>
    public void Enqueue(WriteItem item)
    {
        var arm = false;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(SqliteDatabase));
            _queue.Add(item);
            if (item.Urgent)
            {
                _urgent = true;
                Monitor.Pulse(_gate);
            }
            else if (!_followArmed)
            {
                _followArmed = arm = true;
            }
        }

        if (arm)
        {
            _follow.Change(FollowAfter, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Commits what is queued and ends the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closing = true;
            foreach (var waiter in _waiting)
            {
                waiter.Admitted.TrySetException(new ObjectDisposedException(nameof(SqliteDatabase)));
            }

            _waiting.Clear();
            Monitor.Pulse(_gate);
        }

        await _ended.Task;
        await _follow.DisposeAsync();
    }

    private bool HasRoom(long cost) => _reserved == 0 || _reserved + cost <= _settings.MaxQueuedBytes;

    private void Admit()
    {
        while (_waiting.First is { } first && HasRoom(first.Value.Cost))
        {
            _waiting.RemoveFirst();
            if (first.Value.Admitted.TrySetResult())
            {
                _reserved += first.Value.Cost;
            }
        }
    }

    private async Task WaitAsync(Waiter waiter, LinkedListNode<Waiter> node, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(() =>
        {
            lock (_gate)
            {
                // Admission and cancellation exclude each other: whoever comes first under the lock decides.
                if (waiter.Admitted.TrySetCanceled(cancellationToken))
                {
                    _waiting.Remove(node);
                    Admit();
                }
            }
        });
        await waiter.Admitted.Task;
    }

    private void Follow()
    {
        lock (_gate)
        {
            _followArmed = false;
            if (_queue.Count > 0)
            {
                _urgent = true;
                Monitor.Pulse(_gate);
            }
        }
    }

    private void Run()
    {
        while (Next() is { } batch)
        {
            Commit(batch);
            lock (_gate)
            {
                _reserved -= batch.Sum(item => item.Cost);
                Admit();
            }

            batch.Clear();
            _spare = batch;
        }

        _connection.Dispose();
        _ended.SetResult();
    }

    private List<WriteItem>? Next()
    {
        lock (_gate)
        {
            while (!_urgent && !_closing)
            {
                Monitor.Wait(_gate);
            }

            if (_queue.Count == 0 && _closing)
            {
                return null;
            }

            var batch = _queue;
            _queue = _spare;
            _urgent = false;
            return batch;
        }
    }

    private void Commit(List<WriteItem> batch)
    {
        if (batch.Count == 0)
        {
            return;
        }

        var failure = TryCommit(batch);
        if (failure is { IsOfTheDisk: false } && batch.Count > 1)
        {
            // One item is at fault, not the disk: each gets a transaction of its own, so that only that one fails.
            foreach (var item in batch)
            {
                Commit([item]);
            }
        }
        else if (failure is not null)
        {
            var told = failure.ToStorage("Writing to the data directory");
            batch.ForEach(item => item.Fail(told));
        }
    }

    /// <summary>Commits a batch and tells its items; answers with the error when nothing was committed and nobody was told.</summary>
    private SqliteException? TryCommit(List<WriteItem> batch)
    {
        Dictionary<WriteItem, StorageException>? refused = null;
        try
        {
            Sync(batch.Exists(item => item.Synced));
            _connection.Statement("BEGIN IMMEDIATE").Run();
            if (_connection.Number("SELECT epoch FROM store") != _epoch)
            {
                _connection.Rollback();
                var fenced = new StorageException("Another server has opened this data directory; this one must stop.");
                batch.ForEach(item => item.Fail(fenced));
                return null;
            }

            foreach (var item in batch)
            {
                try
                {
                    item.Apply(_connection);
                }
                catch (StorageException cause)
                {
                    (refused ??= []).Add(item, cause);
                }
            }

            foreach (var item in batch)
            {
                item.BeforeCommit(_connection);
            }

            _connection.Statement("COMMIT").Run();
        }
        catch (SqliteException failure)
        {
            _connection.Rollback();
            return failure;
        }

        Erase(batch.Exists(item => item.Erases));
        foreach (var item in batch)
        {
            if (refused?.GetValueOrDefault(item) is { } cause)
            {
                item.Fail(cause);
            }
            else
            {
                item.Complete();
            }
        }

        return null;
    }

    /// <summary>A commit that nobody needs on the disk is not synced; the next synced one takes it along.</summary>
    private void Sync(bool needed)
    {
        if (_settings.Synchronous == SynchronousMode.Full && needed != _syncing)
        {
            _connection.Execute(needed ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            _syncing = needed;
        }
    }

    /// <summary>Deleted content is zeroed in the database file (secure_delete) and has to leave the log as well. A reader that is
    /// in the way for too long only delays it to the next commit.</summary>
    private void Erase(bool needed)
    {
        if (!needed && !_eraseAgain)
        {
            return;
        }

        try
        {
            _eraseAgain = _connection.Number("PRAGMA wal_checkpoint(TRUNCATE)") != 0;
        }
        catch (SqliteException)
        {
            // The deletion itself is committed; only the log could not be cut yet.
            _eraseAgain = true;
        }
    }

    private sealed record Waiter(long Cost)
    {
        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
