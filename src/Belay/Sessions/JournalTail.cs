namespace Belay.Sessions;

/// <summary>The end that a session must have: a chain alone does not show that its newest entries are missing. It belongs to one reader.</summary>
internal sealed class JournalTail(SessionKey session, long sequence, ReadOnlyMemory<byte> hash, string? actorRef)
{
    private long _passed;

    /// <summary>Takes note of an entry.</summary>
    /// <exception cref="JournalDamagedException">It is not the one that the end names.</exception>
    public void Pass(StoredEntry entry)
    {
        _passed = entry.Sequence;
        if (entry.Sequence == sequence && !entry.Hash.Span.SequenceEqual(hash.Span))
        {
            throw new JournalDamagedException(session, sequence, "the session's row names another last entry.");
        }

        // Whose session it is must not depend on what no hash covers.
        if (entry.ActorRef is not null && entry.Sequence <= sequence && entry.ActorRef != actorRef)
        {
            throw new JournalDamagedException(session, entry.Sequence, "the session's row names another actor.");
        }
    }

    /// <summary>There are no more entries.</summary>
    /// <param name="after">The sequence after which was read.</param>
    /// <exception cref="JournalDamagedException">The newest ones are missing.</exception>
    public void End(long after)
    {
        var last = Math.Max(_passed, after);
        if (last < sequence)
        {
            throw new JournalDamagedException(session, last + 1, "it is missing.");
        }
    }
}
