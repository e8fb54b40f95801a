namespace Belay.Storage.Sqlite;

/// <summary>The tables, as numbered migrations: a migration that was released is never edited, only followed.</summary>
internal static class SqliteSchema
{
    /// <summary>Marks the file as Belay's.</summary>
    private const int ApplicationId = 0x42656C61; // "Bela"

    private static readonly string[] Migrations =
    [
        // 1. Entries lie in append order, so that a commit of many sessions touches few pages; the index finds a session's. What
        // changes with every append (heads) is apart from what never changes (sessions), because a commit writes whole pages.
        """
        CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL);
        INSERT INTO store VALUES (1, 0);

        CREATE TABLE documents (
            account TEXT NOT NULL, region TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
            etag INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE UNIQUE INDEX documents_by_key ON documents (account, region, collection, id);

        CREATE TABLE sessions (
            number INTEGER PRIMARY KEY,
            account TEXT NOT NULL, region TEXT NOT NULL, harness_id TEXT NOT NULL, session_id TEXT NOT NULL,
            created_at INTEGER NOT NULL);
        CREATE UNIQUE INDEX sessions_by_key ON sessions (account, region, harness_id, session_id);

        CREATE TABLE heads (
            session INTEGER PRIMARY KEY,
            last_sequence INTEGER NOT NULL, last_hash BLOB NOT NULL, last_kind INTEGER, last_at INTEGER NOT NULL, actor_ref TEXT);

        CREATE TABLE entries (
            position INTEGER PRIMARY KEY,
            session INTEGER NOT NULL, sequence INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL,
            actor_ref TEXT, key_id TEXT NOT NULL, previous_hash BLOB NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL);
        CREATE UNIQUE INDEX entries_by_session ON entries (session, sequence);
        """,

        // 2. Which sessions have an invocation without an end (kinds 1 and 9), so that a start finds them among any number of others.
        """
        ALTER TABLE heads ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
        UPDATE heads SET unfinished = 1 WHERE
            (SELECT max(sequence) FROM entries WHERE session = heads.session AND kind = 1) >
            coalesce((SELECT max(sequence) FROM entries WHERE session = heads.session AND kind = 9), 0);
        CREATE INDEX heads_unfinished ON heads (session) WHERE unfinished = 1;
        """,
    ];

    /// <summary>Brings a database to the newest form, each migration in a transaction of its own.</summary>
    public static void Migrate(SqliteConnection connection)
    {
        for (var next = (int)FormOf(connection); next < Migrations.Length; next++)
        {
            connection.Execute("BEGIN IMMEDIATE");
            connection.Execute(Migrations[next]);
            connection.Execute($"PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {next + 1}");
            connection.Execute("COMMIT");
        }
    }

    /// <summary>Makes sure that a database can be read as it is.</summary>
    public static void ThrowIfOld(SqliteConnection connection)
    {
        if (FormOf(connection) is var form && form < Migrations.Length)
        {
            throw new StorageException(
                $"The data directory was written by an older version of Belay (form {form}, this one reads {Migrations.Length}); start a server on it once, which brings it up to date.");
        }
    }

    private static long FormOf(SqliteConnection connection)
    {
        var form = connection.Number("PRAGMA user_version");
        var application = connection.Number("PRAGMA application_id");
        if (application != ApplicationId && (application != 0 || connection.Number("SELECT count(*) FROM sqlite_schema") != 0))
        {
            throw new StorageException($"{SqliteDatabase.FileName} is a database of another program; move it away or choose another data directory.");
        }

        return form <= Migrations.Length
            ? form
            : throw new StorageException(
                $"The data directory was written by a newer version of Belay (form {form}, this one knows {Migrations.Length}); run that version, or restore a backup.");
    }
}
