using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Identity;

namespace Belay.Sessions;

/// <summary>
/// Where a session can be forked: after every entry but those between a model's message that asks for tools and the last of their results, because
/// there the conversation is not whole. Where the caller has been asked for results it is a place again: the fork waits for the same ones.
/// </summary>
internal static class ForkPlaces
{
    // Entries that are looked through for the next place. The tools of one message write few; what runs beside them may write more.
    private const int MostAhead = 10_000;

    /// <summary>Whether no call was open before this entry, whatever came before it.</summary>
    public static bool IsClear(EntryBody body) => body switch
    {
        ModelIntent or ModelOutcome { Iteration: > 0 } or ModelSwitched or HistoryRepaired or ContextReduced => true,
        InvocationStarted started => !started.Messages.Any(message => message.Blocks.Any(block => block is Block.ToolResult)),
        _ => false,
    };

    /// <summary>Finds the place that is asked for, or the last one there is.</summary>
    /// <param name="journal">Where sessions are recorded.</param>
    /// <param name="sealer">Opens their bodies.</param>
    /// <param name="session">The session.</param>
    /// <param name="last">Its last entry.</param>
    /// <param name="at">The entry that is asked for; null for the last place.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ServiceException">It cannot be forked there.</exception>
    public static async Task<ForkPlace> FindAsync(IJournal journal, ISealer sealer, SessionKey session, long last, long? at, CancellationToken cancellationToken)
    {
        if (at < 1 || at > last)
        {
            throw Refused($"names entry {at}, and session {session.SessionId} has the entries 1 to {last}.");
        }

        var look = await LookAsync(journal, sealer, session, at ?? last, cancellationToken);
        if (look.Place is { } place)
        {
            return place;
        }

        if (at is null)
        {
            return look.Before is { } before && (await LookAsync(journal, sealer, session, before, cancellationToken)).Place is { } earlier
                ? earlier
                : throw Refused($"can name no entry: session {session.SessionId} has none yet at which it can be forked.");
        }

        var after = await AfterAsync(journal, sealer, session, at.Value, look.Conversation, cancellationToken);
        throw Refused(
            $"names entry {at}, which stands between a message that asks for tools and their results. "
            + $"The nearest entries at which session {session.SessionId} can be forked: {(look.Before is { } one ? $"{one} before it" : "none before it")}, {(after is { } next ? $"{next} after it" : "none after it yet")}.");
    }

    private static async Task<(ForkPlace? Place, long? Before, Conversation Conversation)> LookAsync(
        IJournal journal, ISealer sealer, SessionKey session, long at, CancellationToken cancellationToken)
    {
        var tail = await SessionPast.TailAsync(journal, sealer, session, at, cancellationToken);
        var conversation = new Conversation();

        // What stands before the tail is a place: no call is open there.
        long? before = tail[0] is var first && first.Session == session && first.Opened.Entry.Sequence > 1 ? first.Opened.Entry.Sequence - 1 : null;
        foreach (var placed in tail)
        {
            conversation.Apply(placed.Body);
            var sequence = placed.Opened.Entry.Sequence;
            before = placed.Session == session && sequence < at && IsPlace(conversation) ? sequence : before;
        }

        return (IsPlace(conversation) ? new(tail[^1].Opened.Entry, Convert.ToHexStringLower(tail[^1].Opened.Stored.Hash.Span), conversation.Open is not null) : null, before, conversation);
    }

    private static async Task<long?> AfterAsync(IJournal journal, ISealer sealer, SessionKey session, long at, Conversation conversation, CancellationToken cancellationToken)
    {
        await foreach (var entry in SessionJournal.ReadAsync(journal, sealer, session, at, cancellationToken))
        {
            conversation.Apply(entry.Body);
            if (IsPlace(conversation))
            {
                return entry.Sequence;
            }

            if (entry.Sequence - at >= MostAhead)
            {
                break;
            }
        }

        return null;
    }

    private static bool IsPlace(Conversation conversation) => conversation.Open is null or { Paused: true };

    private static ServiceException Refused(string problem) => ServiceException.Invalid([new FieldProblem("at", problem)]);
}

/// <summary>A place at which a session can be forked.</summary>
/// <param name="Entry">The last entry that is shared.</param>
/// <param name="Hash">Its hash, in lower-case hexadecimal digits.</param>
/// <param name="Waiting">Whether calls wait for the caller's answers there.</param>
internal sealed record ForkPlace(Entry Entry, string Hash, bool Waiting);
