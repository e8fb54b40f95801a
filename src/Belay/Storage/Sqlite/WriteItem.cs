namespace Belay.Storage.Sqlite;

/// <summary>A piece of work for the writer: all of it is committed, or none. The writer calls it on its own thread.</summary>
internal abstract class WriteItem
{
    /// <summary>Memory that it holds while it waits, reserved before it was queued.</summary>
    public long Cost { get; init; }

    /// <summary>Whether the writer starts at once, or the item may ride with the next one that does.</summary>
    public abstract bool Urgent { get; }

    /// <summary>Whether its commit must be on the disk.</summary>
    public abstract bool Synced { get; }

    /// <summary>Whether what it deletes must leave the files too.</summary>
    public virtual bool Erases => false;

    /// <summary>Writes. A <see cref="StorageException"/>, thrown before anything was changed, refuses this item alone.</summary>
    public abstract void Apply(SqliteConnection connection);

    /// <summary>Writes what only the last of several items has to; called in order when all of a transaction have written.</summary>
    public virtual void BeforeCommit(SqliteConnection connection)
    {
    }

    /// <summary>The commit is done.</summary>
    public abstract void Complete();

    /// <summary>Nothing of it was written.</summary>
    public abstract void Fail(StorageException failure);
}

/// <summary>Work with an answer.</summary>
internal sealed class WriteItem<T>(Func<SqliteConnection, T> apply, bool synced, bool erases = false) : WriteItem
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _answer;

    public Task<T> Task => _done.Task;

    public override bool Urgent => true;

    public override bool Synced => synced;

    public override bool Erases => erases;

    public override void Apply(SqliteConnection connection) => _answer = apply(connection);

    public override void Complete() => _done.SetResult(_answer!); // Apply has run, or the commit would not have been reached.

    public override void Fail(StorageException failure) => _done.SetException(failure);
}
