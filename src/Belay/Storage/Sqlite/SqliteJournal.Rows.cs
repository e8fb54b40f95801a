using System.Runtime.CompilerServices;
using Belay.Sessions;

namespace Belay.Storage.Sqlite;

/// <content>Every session of the store, for whoever verifies it.</content>
public sealed partial class SqliteJournal
{
    /// <summary>Largest number of a session that heads were signed for: a number is never given to another session, even when its own is gone.</summary>
    internal long LastSigned { get; set; }

    /// <summary>Everything that is committed of sessions now, the smallest number first, paged from disk.</summary>
    internal async IAsyncEnumerable<StoredSession> StoredAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = 0L;
        while (true)
        {
            var page = await database.ReadAsync(reader => StoredPage(reader, after), cancellationToken);
            foreach (var session in page)
            {
                yield return session;
                after = session.Number;
            }

            if (page.Count < PageEntries)
            {
                yield break;
            }
        }
    }

    /// <summary>The hash of one entry; null when it is not there.</summary>
    internal Task<byte[]?> HashAsync(long number, long sequence, CancellationToken cancellationToken) => database.ReadAsync(
        reader =>
        {
            using var row = reader.Statement("SELECT hash FROM entries WHERE session = ?1 AND sequence = ?2").Bind(1, number).Bind(2, sequence);
            return row.Step() ? row.Blob(0) : null;
        },
        cancellationToken);

    private static List<StoredSession> StoredPage(SqliteConnection reader, long after)
    {
        using var rows = reader
            .Statement(
                """
                SELECT last_sequence, last_hash, actor_ref, created_at, last_at, last_kind, number, unfinished, account, region, harness_id, session_id
                FROM sessions LEFT JOIN heads ON session = number WHERE number > ?1 ORDER BY number LIMIT ?2
                """)
            .Bind(1, after)
            .Bind(2, PageEntries);
        var page = new List<StoredSession>();
        while (rows.Step())
        {
            var key = new SessionKey(new(rows.Text(8), rows.Text(9)), rows.Text(10), rows.Text(11));
            page.Add(new(rows.Int64(6), key, rows.IsNull(0) ? null : Row(rows, key)));
        }

        return page;
    }
}

/// <summary>A session as it is stored.</summary>
/// <param name="Number">Its number inside the store.</param>
/// <param name="Session">The session.</param>
/// <param name="Row">Its row; null when that is missing, which only damage explains.</param>
internal sealed record StoredSession(long Number, SessionKey Session, SessionRow? Row);
