namespace Belay.Sessions;

/// <summary>What every <see cref="IJournal"/> refuses, so that no store accepts entries that another one could not hold.</summary>
public static class JournalRules
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashBytes = 32;

    /// <summary>Whether a session's newest invocation has no end, after a batch.</summary>
    /// <param name="before">The same before it.</param>
    /// <param name="entries">The batch.</param>
    public static bool Unfinished(bool before, IReadOnlyList<StoredEntry> entries)
    {
        foreach (var entry in entries)
        {
            before = entry.Kind switch
            {
                EntryKind.InvocationStarted => true,
                EntryKind.InvocationEnded => false,
                _ => before,
            };
        }

        return before;
    }

    /// <summary>Throws when a batch is not one that can be appended.</summary>
    /// <param name="lastSequence">Sequence of the last accepted entry.</param>
    /// <param name="actorRef">The session's actor; null when none is fixed.</param>
    /// <param name="entries">The batch.</param>
    /// <returns>The session's actor after the batch.</returns>
    /// <exception cref="ArgumentException">The batch is empty, leaves a gap, has hashes that are no SHA-256, or names another actor.</exception>
    public static string? Check(long lastSequence, string? actorRef, IReadOnlyList<StoredEntry> entries)
    {
        if (entries.Count == 0)
        {
            throw new ArgumentException("A batch needs at least one entry.", nameof(entries));
        }

        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Sequence != lastSequence + i + 1)
            {
                throw new ArgumentException($"Entry {entry.Sequence} does not follow entry {lastSequence + i}.", nameof(entries));
            }

            if (entry.Hash.Length != HashBytes || entry.PreviousHash.Length != HashBytes)
            {
                throw new ArgumentException($"The hashes of entry {entry.Sequence} do not have {HashBytes} bytes.", nameof(entries));
            }

            if (entry.ActorRef is not null && actorRef is not null && entry.ActorRef != actorRef)
            {
                throw new ArgumentException($"Entry {entry.Sequence} names another actor than the session's.", nameof(entries));
            }

            actorRef ??= entry.ActorRef;
        }

        return actorRef;
    }
}
