using System.Collections.Concurrent;

namespace Belay.Storage.Sqlite;

/// <summary>
/// The database of a data directory: one file in WAL mode, one writer, a few readers. Opening takes the directory's lock, so at
/// most one server has it; each opening also gets a number that the writer checks in every transaction, so that a server whose
/// lock did not hold is fenced off.
/// </summary>
public sealed class SqliteDatabase : IAsyncDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "belay.db";

    private readonly DataDirectoryLock _lock;
    private readonly string _path;
    private readonly SqliteWriter? _writer;
    private readonly SemaphoreSlim _readerPermits;

    /// <summary>The one that was used last is taken first: its cache knows the newest pages.</summary>
    private readonly ConcurrentStack<SqliteConnection> _idleReaders = [];
    private volatile bool _disposed;

    private SqliteDatabase(DataDirectoryLock held, string path, SqliteConnection writer, long epoch, StorageSettings settings, TimeProvider time)
    {
        _lock = held;
        _path = path;
        Epoch = epoch;
        _writer = new SqliteWriter(writer, settings, epoch, time);
        _readerPermits = new SemaphoreSlim(settings.Readers);
    }

    private SqliteDatabase(DataDirectoryLock held, string path, StorageSettings settings)
    {
        _lock = held;
        _path = path;
        _readerPermits = new SemaphoreSlim(settings.Readers);
    }

    /// <summary>Number of this opening, larger than any before.</summary>
    internal long Epoch { get; }

    /// <summary>Opens the database of a directory, making both when there are none.</summary>
    /// <exception cref="StorageException">Another process has the directory, SQLite is missing, or the file is not usable.</exception>
    public static SqliteDatabase Open(string dataDirectory, StorageSettings settings, TimeProvider time)
    {
        if (string.Join(' ', settings.Problems()) is { Length: > 0 } problems)
        {
            throw new ArgumentException(problems, nameof(settings));
        }

        if (File.Exists(dataDirectory))
        {
            throw new StorageException($"The data directory {dataDirectory} is a file; choose a directory, or a path where there is nothing yet.");
        }

        SqliteLibrary.EnsureReady();
        var path = Path.Combine(dataDirectory, FileName);
        DataDirectoryLock? held = null;
        SqliteConnection? connection = null;
        SqliteDatabase? database = null;
        try
        {
            Directory.CreateDirectory(dataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            held = Take(dataDirectory);
            MakeFile(path);
            connection = SqliteConnection.Open(path);
            Prepare(connection, settings);
            SqliteSchema.Migrate(connection);
            connection.Execute("UPDATE store SET epoch = epoch + 1");
            return database = new SqliteDatabase(held, path, connection, connection.Number("SELECT epoch FROM store"), settings, time);
        }
        catch (SqliteException failure)
        {
            throw failure.ToStorage($"Opening {path}");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"Opening {path} failed: {cause.Message}", cause);
        }
        finally
        {
            if (database is null)
            {
                connection?.Dispose();
                held?.Dispose();
            }
        }
    }

    /// <summary>Opens the database of a directory so that it can be read, and nothing of it is changed. Whatever writes fails.</summary>
    /// <exception cref="StorageException">Another process has the directory, SQLite is missing, or the file is not usable as it is.</exception>
    public static SqliteDatabase OpenToRead(string dataDirectory, StorageSettings settings)
    {
        SqliteLibrary.EnsureReady();
        var path = Path.Combine(dataDirectory, FileName);
        DataDirectoryLock? held = null;
        SqliteDatabase? database = null;
        try
        {
            held = Take(dataDirectory);
            using (var connection = SqliteConnection.OpenToRead(path))
            {
                SqliteSchema.ThrowIfOld(connection);
            }

            return database = new SqliteDatabase(held, path, settings);
        }
        catch (SqliteException failure)
        {
            throw failure.ToStorage($"Opening {path}");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"Opening {path} failed: {cause.Message}", cause);
        }
        finally
        {
            if (database is null)
            {
                held?.Dispose();
            }
        }
    }

    /// <summary>Writes what is queued, closes every connection and gives the directory back. Reads must have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }

        while (_idleReaders.TryPop(out var reader))
        {
            reader.Dispose();
        }

        _lock.Dispose();
    }

    /// <summary>Whether it answers: a write that is on the disk, read back.</summary>
    /// <exception cref="StorageException">It does not; the message says why.</exception>
    public async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        await WriteAsync(static writer => { writer.Execute("UPDATE store SET epoch = epoch"); return true; }, cost: 0, synced: true, erases: false, cancellationToken);
        return await ReadAsync(static reader => reader.Number("SELECT epoch FROM store"), cancellationToken) == Epoch;
    }

    /// <summary>Writes everything that is committed now to a new file, as one moment; writing goes on meanwhile.</summary>
    /// <exception cref="StorageException">It cannot be written.</exception>
    internal async Task SnapshotAsync(string path, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        MakeFile(path);
        await Task.Run(() => Snapshot(path), cancellationToken);
    }

    /// <summary>Reads the whole file and compares it with itself.</summary>
    /// <exception cref="StorageException">It is damaged.</exception>
    internal Task CheckAsync(CancellationToken cancellationToken) => ReadAsync(
        static reader =>
        {
            using var check = reader.Statement("PRAGMA integrity_check(1)");
            return check.Step() && check.Text(0) == "ok" ? true : throw new StorageException("the database file is damaged.");
        },
        cancellationToken);

    /// <summary>Runs work on the writer and waits for its commit.</summary>
    internal async Task<T> WriteAsync<T>(Func<SqliteConnection, T> apply, long cost, bool synced, bool erases, CancellationToken cancellationToken)
    {
        await Writer.ReserveAsync(cost, cancellationToken);
        var item = new WriteItem<T>(apply, synced, erases) { Cost = cost };
        Writer.Enqueue(item);
        return await item.Task;
    }

    /// <summary>Waits until everything queued so far is committed.</summary>
    internal Task FlushAsync(CancellationToken cancellationToken) =>
        _writer is null ? Task.CompletedTask : WriteAsync(static _ => true, cost: 0, synced: false, erases: false, cancellationToken);

    /// <summary>See <see cref="SqliteWriter.ReserveAsync"/>.</summary>
    internal ValueTask ReserveAsync(long cost, CancellationToken cancellationToken) => Writer.ReserveAsync(cost, cancellationToken);

    /// <summary>See <see cref="SqliteWriter.Unreserve"/>.</summary>
    internal void Unreserve(long cost) => Writer.Unreserve(cost);

    /// <summary>See <see cref="SqliteWriter.Enqueue"/>.</summary>
    internal void Enqueue(WriteItem item) => Writer.Enqueue(item);

    /// <summary>Reads on the caller's thread with one of the readers, waiting for a free one. Nothing may stay open on it.</summary>
    internal async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await _readerPermits.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var reader = _idleReaders.TryPop(out var idle) ? idle : OpenReader();
            try
            {
                return read(reader);
            }
            finally
            {
                if (_disposed)
                {
                    reader.Dispose();
                }
                else
                {
                    _idleReaders.Push(reader);
                }
            }
        }
        catch (SqliteException failure)
        {
            throw failure.ToStorage("Reading from the data directory");
        }
        finally
        {
            _readerPermits.Release();
        }
    }

    private SqliteWriter Writer => _writer ?? throw new InvalidOperationException("The database was opened to be read.");

    private static DataDirectoryLock Take(string dataDirectory) => DataDirectoryLock.TryTake(dataDirectory)
        ?? throw new StorageException($"The data directory {dataDirectory} is in use by the Belay process with id {DataDirectoryLock.Holder(dataDirectory)}; stop it, or choose another directory.");

    private static void MakeFile(string path)
    {
        // SQLite gives its log and shared memory the mode of this file.
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        new FileStream(path, options).Dispose();
    }

    /// <summary>Sets up the writer's connection: all of this belongs to a connection, not to the file, save for page size and WAL.</summary>
    private static void Prepare(SqliteConnection connection, StorageSettings settings)
    {
        // The page size counts only before the first page is written, and WAL fixes it.
        connection.Execute("PRAGMA page_size = 4096");
        using (var mode = connection.Statement("PRAGMA journal_mode = WAL"))
        {
            if (!mode.Step() || mode.Text(0) != "wal")
            {
                throw new StorageException("The file system of the data directory does not carry SQLite's write-ahead log; choose a local disk.");
            }
        }

        connection.Execute($"PRAGMA synchronous = {(settings.Synchronous == SynchronousMode.Full ? "FULL" : "NORMAL")}");
        connection.Execute("PRAGMA secure_delete = ON; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864");
        Restrict(connection);
    }

    private static void Restrict(SqliteConnection connection) => connection.Execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY");

    // On a connection of its own: a reader of the pool would be missing for as long as it takes.
    private void Snapshot(string path)
    {
        try
        {
            using var connection = SqliteConnection.Open(_path);
            Restrict(connection);
            connection.Statement("VACUUM INTO ?1").Bind(1, path).Run();
        }
        catch (SqliteException failure)
        {
            throw failure.ToStorage("Copying the database");
        }
    }

    private SqliteConnection OpenReader()
    {
        var reader = _writer is null ? SqliteConnection.OpenToRead(_path) : SqliteConnection.Open(_path);
        reader.Execute("PRAGMA query_only = ON; PRAGMA cache_size = -2048");
        Restrict(reader);
        return reader;
    }
}
