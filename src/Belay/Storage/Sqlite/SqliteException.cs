using SQLitePCL;

namespace Belay.Storage.Sqlite;

/// <summary>SQLite answered with an error.</summary>
internal sealed class SqliteException(int code, string message) : Exception($"SQLite error {code}: {message}")
{
    /// <summary>The primary result code.</summary>
    public int Code { get; } = code & 0xFF;

    /// <summary>Whether the error lies in the disk or the file, so that the next write would meet it too.</summary>
    public bool IsOfTheDisk => Code is raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB
        or raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_NOMEM or raw.SQLITE_BUSY;

    /// <summary>The same for people: what was attempted and what to do.</summary>
    public StorageException ToStorage(string attempted) => new($"{attempted} failed: {Why ?? Message}", this) { Why = Why };

    // Null where only SQLite's own words are there, which are for the log.
    private string? Why => Code switch
    {
        raw.SQLITE_FULL => "the disk is full. Free some space; what was confirmed before is safe.",
        raw.SQLITE_IOERR => "the disk reports an error. Check the disk and its messages.",
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => "the database file is damaged. Restore the data directory from a backup.",
        raw.SQLITE_READONLY or raw.SQLITE_PERM => "the database file cannot be written. Check owner and mode of the data directory.",
        raw.SQLITE_CANTOPEN => "the database file cannot be opened. Check owner and mode of the data directory.",
        raw.SQLITE_BUSY => "another program holds the database file. Close it.",
        raw.SQLITE_TOOBIG => "a value is too large for the database.",
        _ => null,
    };
}
