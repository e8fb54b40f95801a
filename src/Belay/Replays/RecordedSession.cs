using System.Runtime.CompilerServices;
using Belay.Identity;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>Reads a session's journal for a replay.</summary>
public static class RecordedSession
{
    /// <summary>Its entries, opened and verified. A session that shares the past of another one cannot be replayed by itself.</summary>
    /// <exception cref="ReplayException">The session was forked.</exception>
    /// <exception cref="JournalException">The journal cannot be read.</exception>
    public static async IAsyncEnumerable<RecordedEntry> ReadAsync(
        IJournal journal, ISealer sealer, SessionKey key, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var opened in SessionJournal.ReadOpenedAsync(journal, sealer, key, 0, cancellationToken))
        {
            if (opened.Entry.Body is SessionForked)
            {
                throw new ReplayException($"Session {key.SessionId} was forked; a replay of what follows a fork needs the session that it came from.");
            }

            yield return RecordedEntry.Of(opened);
        }
    }
}
