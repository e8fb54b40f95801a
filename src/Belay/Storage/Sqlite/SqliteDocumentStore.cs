using System.Text;

namespace Belay.Storage.Sqlite;

/// <summary>Documents in the data directory's database.</summary>
public sealed class SqliteDocumentStore(SqliteDatabase database) : IDocumentStore
{
    /// <summary>What a write takes beside its body while it waits.</summary>
    private const long WriteOverhead = 512;

    /// <inheritdoc/>
    public Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken) =>
        database.ReadAsync(reader => Get(reader, scope, key), cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken)
    {
        DocumentRules.Check(writes);
        return await database.WriteAsync(
            writer => Apply(writer, scope, writes),
            cost: writes.Sum(write => (write.Body?.Length ?? 0) + WriteOverhead),
            synced: true,
            erases: writes.Any(write => write.Body is null),
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Document>> ListAsync(
        Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return database.ReadAsync<IReadOnlyList<Document>>(reader => List(reader, scope, collection, prefix, after, limit), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<Scope>>(reader => Scopes(reader, collection), cancellationToken);

    private static Document? Get(SqliteConnection reader, Scope scope, DocumentKey key)
    {
        using var row = Find(reader, scope, key, "SELECT etag, body FROM documents WHERE account = ?1 AND region = ?2 AND collection = ?3 AND id = ?4");
        return row.Step() ? new Document(key, row.Int64(0), row.Blob(1)) : null;
    }

    private static bool Apply(SqliteConnection writer, Scope scope, IReadOnlyList<DocumentWrite> writes)
    {
        // All are looked at before any is written, so that answering false changes nothing.
        var etags = new long[writes.Count];
        for (var i = 0; i < writes.Count; i++)
        {
            using var row = Find(writer, scope, writes[i].Key, "SELECT etag FROM documents WHERE account = ?1 AND region = ?2 AND collection = ?3 AND id = ?4");
            etags[i] = row.Step() ? row.Int64(0) : 0;
            if (writes[i].ExpectedEtag is { } expected && expected != etags[i])
            {
                return false;
            }
        }

        for (var i = 0; i < writes.Count; i++)
        {
            var (key, body, _) = writes[i];
            if (body is null)
            {
                Find(writer, scope, key, "DELETE FROM documents WHERE account = ?1 AND region = ?2 AND collection = ?3 AND id = ?4").Run();
            }
            else if (etags[i] == 0)
            {
                Find(writer, scope, key, "INSERT INTO documents (account, region, collection, id, etag, body) VALUES (?1, ?2, ?3, ?4, 1, ?5)")
                    .Bind(5, body.Value.Span)
                    .Run();
            }
            else
            {
                Find(writer, scope, key, "UPDATE documents SET etag = etag + 1, body = ?5 WHERE account = ?1 AND region = ?2 AND collection = ?3 AND id = ?4")
                    .Bind(5, body.Value.Span)
                    .Run();
            }
        }

        return true;
    }

    private static List<Document> List(SqliteConnection reader, Scope scope, string collection, string prefix, string? after, int limit)
    {
        // Every UTF-8 byte is below 0xFF, so the keys with a prefix lie between it and it followed by 0xFF.
        byte[] end = [.. Encoding.UTF8.GetBytes(prefix), 0xFF];
        using var rows = reader
            .Statement(
                """
                SELECT id, etag, body FROM documents
                WHERE account = ?1 AND region = ?2 AND collection = ?3 AND id >= ?4 AND id < ?5 AND id > ?6
                ORDER BY id LIMIT ?7
                """)
            .Bind(1, scope.Account)
            .Bind(2, scope.Region)
            .Bind(3, collection)
            .Bind(4, prefix)
            .BindText(5, end)
            .Bind(6, after ?? string.Empty)
            .Bind(7, limit);
        var documents = new List<Document>();
        while (rows.Step())
        {
            documents.Add(new Document(new DocumentKey(collection, rows.Text(0)), rows.Int64(1), rows.Blob(2)));
        }

        return documents;
    }

    private static List<Scope> Scopes(SqliteConnection reader, string collection)
    {
        // Each step jumps to the next scope by the index, however many documents the one before holds.
        var scopes = new List<Scope>();
        var (account, region) = (string.Empty, string.Empty);
        while (NextScope(reader, account, region) is { } next)
        {
            (account, region) = next;
            using var any = reader
                .Statement("SELECT 1 FROM documents WHERE account = ?1 AND region = ?2 AND collection = ?3 LIMIT 1")
                .Bind(1, account)
                .Bind(2, region)
                .Bind(3, collection);
            if (any.Step())
            {
                scopes.Add(next);
            }
        }

        return scopes;
    }

    private static Scope? NextScope(SqliteConnection reader, string account, string region)
    {
        using var next = reader
            .Statement("SELECT account, region FROM documents WHERE (account, region) > (?1, ?2) ORDER BY account, region LIMIT 1")
            .Bind(1, account)
            .Bind(2, region);
        return next.Step() ? new Scope(next.Text(0), next.Text(1)) : null;
    }

    private static SqliteStatement Find(SqliteConnection connection, Scope scope, DocumentKey key, string sql) => connection
        .Statement(sql)
        .Bind(1, scope.Account)
        .Bind(2, scope.Region)
        .Bind(3, key.Collection)
        .Bind(4, key.Id);
}
