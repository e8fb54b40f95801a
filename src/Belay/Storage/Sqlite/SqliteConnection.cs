using SQLitePCL;

namespace Belay.Storage.Sqlite;

/// <summary>One connection with its prepared statements. It belongs to one thread at a time.</summary>
internal sealed class SqliteConnection : IDisposable
{
    private const int BusyMilliseconds = 5000;
    private readonly sqlite3 _db;

    /// <summary>By the text object itself: every statement is a constant, and hashing its text would cost more than binding.</summary>
    private readonly Dictionary<object, SqliteStatement> _statements = new(ReferenceEqualityComparer.Instance);

    private SqliteConnection(sqlite3 db) => _db = db;

    /// <summary>Opens a file that exists.</summary>
    public static SqliteConnection Open(string path) => Open(path, raw.SQLITE_OPEN_READWRITE);

    /// <summary>Opens a file that exists and that nobody else has open, so that it is read and nothing else. What stands in its log only is read with it,
    /// and stays there.</summary>
    public static SqliteConnection OpenToRead(string path)
    {
        // Without a log there is nothing that SQLite would need files of its own for.
        var hasLog = new FileInfo(path + "-wal") is { Exists: true, Length: > 0 };
        var name = string.Join('/', Path.GetFullPath(path).Split('/').Select(Uri.EscapeDataString));
        return Open($"file:{name}{(hasLog ? "" : "?immutable=1")}", raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI);
    }

    private static SqliteConnection Open(string path, int flags)
    {
        // Without SQLite's own mutex: a connection has one user at a time.
        var code = raw.sqlite3_open_v2(path, out var db, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        var connection = new SqliteConnection(db);
        if (code != raw.SQLITE_OK)
        {
            var failure = connection.Failure(code);
            connection.Dispose();
            throw failure;
        }

        raw.sqlite3_extended_result_codes(db, 1);
        raw.sqlite3_busy_timeout(db, BusyMilliseconds);
        return connection;
    }

    /// <summary>A statement that is prepared once, ready to be bound; disposing it makes it ready again.</summary>
    public SqliteStatement Statement(string sql)
    {
        if (_statements.TryGetValue(sql, out var existing))
        {
            return existing;
        }

        var code = raw.sqlite3_prepare_v2(_db, sql, out var handle);
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }

        return _statements[sql] = new SqliteStatement(this, handle);
    }

    /// <summary>Runs statements that answer nothing of interest, each once: settings, schema, checkpoints.</summary>
    public void Execute(string sql)
    {
        while (!string.IsNullOrWhiteSpace(sql))
        {
            var code = raw.sqlite3_prepare_v2(_db, sql, out var handle, out var rest);
            if (code != raw.SQLITE_OK)
            {
                throw Failure(code);
            }

            using var statement = handle;
            while ((code = raw.sqlite3_step(handle)) == raw.SQLITE_ROW)
            {
            }

            if (code != raw.SQLITE_DONE)
            {
                throw Failure(code);
            }

            sql = rest;
        }
    }

    /// <summary>Runs one statement and answers with the first column of its first row, as a number.</summary>
    public long Number(string sql)
    {
        using var statement = Statement(sql);
        return statement.Step() ? statement.Int64(0) : 0;
    }

    /// <summary>Gives up the open transaction, if there is one: some errors have ended it already.</summary>
    public void Rollback()
    {
        if (raw.sqlite3_get_autocommit(_db) == 0)
        {
            Execute("ROLLBACK");
        }
    }

    public SqliteException Failure(int code) => new(code, raw.sqlite3_errmsg(_db).utf8_to_string());

    public void Dispose()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Close();
        }

        _statements.Clear();
        raw.sqlite3_close_v2(_db);
    }
}
