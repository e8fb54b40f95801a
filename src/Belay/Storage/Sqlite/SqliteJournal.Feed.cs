using System.Runtime.CompilerServices;
using Belay.Sessions;

namespace Belay.Storage.Sqlite;

/// <summary>The entries of all sessions in the order in which they were stored, and waiting for more.</summary>
public sealed partial class SqliteJournal
{
    /// <summary>Positions that one read looks at, so that a reader is not in the way for long when most entries belong to others.</summary>
    private const int FeedSpan = 8192;

    /// <inheritdoc/>
    public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => _news.NextAsync(scope, session, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await database.FlushAsync(cancellationToken);
        var (after, before) = await database.ReadAsync(reader => Bounds(reader, query), cancellationToken);
        while (after < before - 1)
        {
            var (low, high) = query.NewestFirst ? (Math.Max(after, before - 1 - FeedSpan), before) : (after, Math.Min(before, after + 1 + FeedSpan));
            var (page, more) = await database.ReadAsync(reader => FeedPage(reader, scope, query, low, high), cancellationToken);
            foreach (var entry in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return entry;
            }

            if (query.NewestFirst)
            {
                before = more ? page[^1].Position : low + 1;
            }
            else
            {
                after = more ? page[^1].Position : high - 1;
            }
        }
    }

    /// <summary>The positions between which everything of interest lies, both of them outside.</summary>
    private static (long After, long Before) Bounds(SqliteConnection reader, FeedQuery query)
    {
        var end = reader.Number("SELECT max(position) FROM entries") + 1;
        var after = query.Since is { } since ? FirstAt(reader, end, since - FeedQuery.Disorder) - 1 : 0;
        var before = query.Until is { } until ? FirstAt(reader, end, until + FeedQuery.Disorder) : end;
        return (Math.Max(query.After, after), Math.Min(query.Before, before));
    }

    /// <summary>A position before which nothing lies that is later than a time plus the disorder; times nearly grow with positions.</summary>
    private static long FirstAt(SqliteConnection reader, long end, DateTimeOffset time)
    {
        var wanted = time.ToUnixTimeMilliseconds();
        var (low, high) = (1L, end);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            // What was imported is older than its session here, and stands where it came in.
            using var row = reader.Statement(
                "SELECT position, max(at, created_at) FROM entries CROSS JOIN sessions ON number = session WHERE position >= ?1 ORDER BY position LIMIT 1").Bind(1, middle);
            if (row.Step() && row.Int64(1) < wanted)
            {
                low = row.Int64(0) + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static (List<FeedEntry> Entries, bool More) FeedPage(SqliteConnection reader, Scope scope, FeedQuery query, long after, long before)
    {
        // The cross join fixes the order of the loops: entries by position, each one's session by its number.
        const string Sql =
            """
            SELECT sequence, at, kind, actor_ref, key_id, previous_hash, hash, body, position, harness_id, session_id
            FROM entries CROSS JOIN sessions ON number = session
            WHERE position > ?1 AND position < ?2 AND account = ?3 AND region = ?4 AND (?5 IS NULL OR harness_id = ?5) AND (?6 IS NULL OR session_id = ?6)
            ORDER BY position
            """;
        using var rows = reader
            .Statement(query.NewestFirst ? Sql + " DESC LIMIT ?7" : Sql + " LIMIT ?7")
            .Bind(1, after)
            .Bind(2, before)
            .Bind(3, scope.Account)
            .Bind(4, scope.Region)
            .Bind(5, query.HarnessId)
            .Bind(6, query.SessionId)
            .Bind(7, PageEntries);
        var page = new List<FeedEntry>();
        for (var bytes = 0; bytes < PageBytes; bytes += page[^1].Entry.Body.Length)
        {
            if (!rows.Step())
            {
                return (page, page.Count == PageEntries);
            }

            page.Add(new FeedEntry(rows.Int64(8), new SessionKey(scope, rows.Text(9), rows.Text(10)), EntryOf(rows)));
        }

        return (page, true);
    }
}
