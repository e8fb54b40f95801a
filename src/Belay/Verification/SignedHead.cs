using Belay.Sessions;

namespace Belay.Verification;

/// <summary>What is signed of a session: how far its journal had come, and the hash that everything up to there is chained into.</summary>
/// <param name="Number">Number of the session inside the store.</param>
/// <param name="Session">The session, so that one that is gone altogether can still be named.</param>
/// <param name="Sequence">Sequence of the last entry, from 1.</param>
/// <param name="Hash">Hash of that entry.</param>
public sealed record SignedHead(long Number, SessionKey Session, long Sequence, ReadOnlyMemory<byte> Hash)
{
    /// <summary>The head of a session's row.</summary>
    public static SignedHead Of(SessionRow row) => new(row.Number, row.Session, row.LastSequence, row.LastHash);
}

/// <summary>Heads that were signed together.</summary>
/// <param name="Number">Counts the batches of a directory, from 1, over every rewriting of the file.</param>
/// <param name="At">When they were signed, to the millisecond.</param>
/// <param name="Kind">Why.</param>
/// <param name="Heads">The heads, each session once, the smallest number first.</param>
internal sealed record HeadsBatch(long Number, DateTimeOffset At, HeadsBatchKind Kind, IReadOnlyList<SignedHead> Heads);

/// <summary>Why heads were signed.</summary>
internal enum HeadsBatchKind
{
    /// <summary>What changed since the batch before.</summary>
    Changes = 0,

    /// <summary>A part of everything that was signed until the file was written anew; all of these stand first and are in order.</summary>
    Base = 1,

    /// <summary>What was left when the store was closed in order: nothing may follow that no batch says.</summary>
    Closing = 2,
}
