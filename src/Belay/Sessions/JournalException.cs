namespace Belay.Sessions;

/// <summary>An entry that is stored cannot be read.</summary>
public abstract class JournalException(SessionKey session, long sequence, string problem, Exception? cause)
    : Exception($"Entry {sequence} of session {session.SessionId} on harness {session.HarnessId} {problem}", cause)
{
    /// <summary>The session.</summary>
    public SessionKey Session { get; } = session;

    /// <summary>The entry.</summary>
    public long Sequence { get; } = sequence;
}

/// <summary>An entry is not what was appended: it is missing, was changed, or stands in another place.</summary>
public sealed class JournalDamagedException(SessionKey session, long sequence, string problem, Exception? cause = null)
    : JournalException(session, sequence, $"is damaged: {problem}", cause)
{
    /// <summary>What is wrong with it.</summary>
    public string Problem { get; } = problem;
}

/// <summary>The key of an entry was destroyed: its content is gone for good, as somebody wanted it.</summary>
public sealed class JournalErasedException(SessionKey session, long sequence)
    : JournalException(session, sequence, "is erased: the key of its actor was destroyed.", cause: null);

/// <summary>An entry is whole, but this version of Belay does not know its form; a newer one wrote it.</summary>
public sealed class JournalUnknownEntryException(SessionKey session, long sequence, string problem, Exception? cause = null)
    : JournalException(session, sequence, $"was written by a newer version of Belay: {problem}", cause);
