using Belay.Agents;
using Belay.Identity;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>Reads a session's journal for a replay.</summary>
public static class RecordedSession
{
    /// <summary>Its own entries, opened and verified.</summary>
    /// <exception cref="JournalException">The journal cannot be read.</exception>
    public static IAsyncEnumerable<RecordedEntry> ReadAsync(IJournal journal, ISealer sealer, SessionKey key, CancellationToken cancellationToken) =>
        SessionJournal.ReadOpenedAsync(journal, sealer, key, 0, cancellationToken).Select(RecordedEntry.Of);

    /// <summary>The conversation that its own entries go on from: that of the sessions that it was forked from, an empty one when it began by itself.
    /// What happened in those is theirs to replay.</summary>
    /// <exception cref="JournalException">An entry cannot be read, or the past is not what the session was forked from.</exception>
    public static async Task<Conversation> PastAsync(IJournal journal, ISealer sealer, SessionKey key, CancellationToken cancellationToken)
    {
        var conversation = new Conversation();
        foreach (var place in await SessionPast.PlacesAsync(journal, sealer, key, cancellationToken))
        {
            await foreach (var shared in SessionPast.SharedAsync(journal, sealer, place, cancellationToken))
            {
                conversation.Apply(shared.Entry.Body);
            }
        }

        return conversation;
    }
}
