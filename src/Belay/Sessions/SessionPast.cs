using System.Runtime.CompilerServices;
using Belay.Identity;

namespace Belay.Sessions;

/// <summary>
/// What a session shares with those that it was forked from. Nothing is copied: a fork's first entry names the other session, its last shared
/// entry and the hash of that, so a past that is not the same any more is found.
/// </summary>
public static class SessionPast
{
    /// <summary>Sessions that a past may lead through.</summary>
    public const int Deepest = 64;

    // Entries that are looked at first for where calls may be open; most turns are shorter.
    private const int FirstLook = 16;

    /// <summary>Every entry that a session's conversation is made of: the shared ones first, the oldest of them first, then its own.</summary>
    /// <exception cref="JournalException">An entry cannot be read, or the past is not what the session was forked from.</exception>
    public static IAsyncEnumerable<PastEntry> ReadAsync(IJournal journal, ISealer sealer, SessionKey session, CancellationToken cancellationToken) =>
        ReadAsync(journal, sealer, session, SessionJournal.ReadAsync(journal, sealer, session, 0, cancellationToken), cancellationToken);

    /// <summary>The same for a session whose own entries somebody reads.</summary>
    internal static async IAsyncEnumerable<PastEntry> ReadAsync(
        IJournal journal, ISealer sealer, SessionKey session, IAsyncEnumerable<Entry> own, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in own.WithCancellation(cancellationToken))
        {
            if (entry is { Sequence: 1, Body: SessionForked forked })
            {
                foreach (var place in await PlacesAsync(journal, sealer, session, forked, cancellationToken))
                {
                    await foreach (var shared in SharedAsync(journal, sealer, place, cancellationToken))
                    {
                        yield return new(shared.Entry, Own: false);
                    }
                }
            }

            yield return new(entry, Own: true);
        }
    }

    /// <summary>The sessions that a session goes on from, the oldest first; none when it began by itself.</summary>
    /// <exception cref="JournalException">An entry cannot be read, or the past leads through too many sessions.</exception>
    public static async Task<IReadOnlyList<SharedPlace>> PlacesAsync(IJournal journal, ISealer sealer, SessionKey session, CancellationToken cancellationToken) =>
        await OriginAsync(journal, sealer, session, cancellationToken) is { } forked ? await PlacesAsync(journal, sealer, session, forked, cancellationToken) : [];

    /// <summary>What a session shares of another one, and what was stored of it: from its first entry to the one that was forked.</summary>
    /// <exception cref="JournalException">An entry cannot be read, or the last one is not the one that was forked.</exception>
    public static async IAsyncEnumerable<OpenedEntry> SharedAsync(IJournal journal, ISealer sealer, SharedPlace place, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var opened in SessionJournal.ReadOpenedAsync(journal, sealer, place.Session, 0, cancellationToken))
        {
            if (opened.Entry.Sequence < place.Last)
            {
                yield return opened;
                continue;
            }

            if (Convert.ToHexStringLower(opened.Stored.Hash.Span) != place.Hash)
            {
                throw new JournalDamagedException(place.Fork, 1, $"entry {place.Last} of session {place.Session.SessionId}, which it goes on from, is another one now.");
            }

            yield return opened;
            yield break;
        }

        throw new JournalDamagedException(place.Fork, 1, $"entry {place.Last} of session {place.Session.SessionId}, which it goes on from, is missing.");
    }

    /// <summary>The same as <see cref="ReadAsync(IJournal, ISealer, SessionKey, CancellationToken)"/>, with what was stored and where.</summary>
    /// <param name="journal">Where sessions are recorded.</param>
    /// <param name="sealer">Opens their bodies.</param>
    /// <param name="session">The session.</param>
    /// <param name="places">What <see cref="PlacesAsync(IJournal, ISealer, SessionKey, CancellationToken)"/> answered for it.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="JournalException">As above.</exception>
    public static async IAsyncEnumerable<PlacedEntry> ReadPlacedAsync(
        IJournal journal, ISealer sealer, SessionKey session, IReadOnlyList<SharedPlace> places, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var place in places)
        {
            await foreach (var shared in SharedAsync(journal, sealer, place, cancellationToken))
            {
                yield return new(place.Session, shared);
            }
        }

        await foreach (var own in SessionJournal.ReadOpenedAsync(journal, sealer, session, 0, cancellationToken))
        {
            yield return new(session, own);
        }
    }

    /// <summary>The first entry of a session when it is a fork; null when it began by itself.</summary>
    public static async Task<SessionForked?> OriginAsync(IJournal journal, ISealer sealer, SessionKey session, CancellationToken cancellationToken)
    {
        await foreach (var entry in SessionJournal.ReadAsync(journal, sealer, session, 0, cancellationToken))
        {
            return entry.Body as SessionForked;
        }

        return null;
    }

    /// <summary>The same, and how many sessions the past leads through; 0 when it began by itself.</summary>
    public static async Task<(SessionForked? Origin, int Depth)> DepthAsync(IJournal journal, ISealer sealer, SessionKey session, CancellationToken cancellationToken) =>
        await OriginAsync(journal, sealer, session, cancellationToken) is { } forked
            ? (forked, (await PlacesAsync(journal, sealer, session, forked, cancellationToken)).Count)
            : (null, 0);

    /// <summary>
    /// The newest entries up to one, shared ones included, from one on before which no call was open. The cost is that of the entries since the last
    /// model call, however long the journal is.
    /// </summary>
    internal static async Task<IReadOnlyList<PlacedEntry>> TailAsync(IJournal journal, ISealer sealer, SessionKey session, long at, CancellationToken cancellationToken)
    {
        var tail = new List<PlacedEntry>();
        var (key, last, look) = (session, at, (long)FirstLook);
        for (var depth = 0; depth <= Deepest;)
        {
            var after = Math.Max(0, last - look);
            var page = new List<PlacedEntry>();
            await foreach (var opened in SessionJournal.ReadOpenedAsync(journal, sealer, key, after, cancellationToken))
            {
                page.Add(new(key, opened));
                if (opened.Entry.Sequence == last)
                {
                    break;
                }
            }

            if (page is not [.., { Opened.Entry.Sequence: var found }] || found != last)
            {
                throw new JournalDamagedException(key, last, "it is missing.");
            }

            tail.InsertRange(0, page);
            if (page.FindLastIndex(placed => ForkPlaces.IsClear(placed.Body)) is >= 0 and var clear)
            {
                tail.RemoveRange(0, clear);
                return tail;
            }

            if (after > 0)
            {
                (last, look) = (after, look * 2);
            }
            else if (page[0].Body is SessionForked forked)
            {
                (key, last, look) = (new(key.Scope, forked.HarnessId, forked.SessionId), forked.Sequence, FirstLook);
                depth++;
            }
            else
            {
                return tail;
            }
        }

        throw TooDeep(session);
    }

    // The sessions of a past with the last entry that is shared of each, the oldest first.
    private static async Task<IReadOnlyList<SharedPlace>> PlacesAsync(IJournal journal, ISealer sealer, SessionKey session, SessionForked forked, CancellationToken cancellationToken)
    {
        var places = new List<SharedPlace>();
        for (SessionForked? origin = forked; origin is not null;)
        {
            if (places.Count == Deepest)
            {
                throw TooDeep(session);
            }

            var parent = new SessionKey(session.Scope, origin.HarnessId, origin.SessionId);
            places.Insert(0, new(parent, origin.Sequence, origin.Hash, session));
            session = parent;
            origin = await OriginAsync(journal, sealer, session, cancellationToken);
        }

        return places;
    }

    private static JournalDamagedException TooDeep(SessionKey session) => new(session, 1, $"its past leads through more than {Deepest} sessions.");
}

/// <summary>Where a session goes on from another one.</summary>
/// <param name="Session">The other session.</param>
/// <param name="Last">Its last entry that is shared.</param>
/// <param name="Hash">Hash of that entry, in lower-case hexadecimal digits.</param>
/// <param name="Fork">The session that goes on.</param>
public sealed record SharedPlace(SessionKey Session, long Last, string Hash, SessionKey Fork);

/// <summary>An entry of a session's past or its own.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Own">Whether it is the session's own; its sequence counts in another session otherwise.</param>
public readonly record struct PastEntry(Entry Entry, bool Own);

/// <summary>An entry and the session that it stands in.</summary>
/// <param name="Session">The session.</param>
/// <param name="Opened">The entry.</param>
public sealed record PlacedEntry(SessionKey Session, OpenedEntry Opened)
{
    /// <summary>What happened.</summary>
    public EntryBody Body => Opened.Entry.Body;
}
