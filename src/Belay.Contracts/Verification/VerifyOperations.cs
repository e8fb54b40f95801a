using Belay.Contracts.Validation;

namespace Belay.Contracts.Verification;

/// <summary>Input of VerifyJournals.</summary>
public sealed record VerifyJournalsRequest
{
    /// <summary>Only sessions with this id: callers choose them, so that each harness may have one.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 1, Max = 256)]
    public string? SessionId { get; init; }
}

/// <summary>Output of VerifyJournals: what is damaged, and what was looked at.</summary>
public sealed record VerifyJournalsResponse
{
    /// <summary>Damaged sessions, at most 1,000; as server-sent events there are all of them.</summary>
    public required IReadOnlyList<DamagedSession> Damaged { get; init; }

    /// <summary>What was looked at.</summary>
    public required VerificationTally Tally { get; init; }
}

/// <summary>Data of an event while journals are verified.</summary>
public sealed record VerificationStep
{
    /// <summary>A session that turned out to be damaged; absent when the event only says how far it is.</summary>
    public DamagedSession? Damaged { get; init; }

    /// <summary>What was looked at so far.</summary>
    public required VerificationTally Tally { get; init; }

    /// <summary>Whether that was all.</summary>
    public required bool Done { get; init; }
}

/// <summary>A session whose journal is not what was written.</summary>
public sealed record DamagedSession
{
    /// <summary>Its account.</summary>
    public required string Account { get; init; }

    /// <summary>Its region.</summary>
    public required string Region { get; init; }

    /// <summary>Its harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>Its id.</summary>
    public required string SessionId { get; init; }

    /// <summary>Sequence of the first entry that is wrong or missing.</summary>
    public required long Sequence { get; init; }

    /// <summary>What is wrong.</summary>
    public required string Problem { get; init; }

    /// <summary>What that means for the rest of the session.</summary>
    public required string Meaning { get; init; }
}

/// <summary>What was looked at.</summary>
public sealed record VerificationTally
{
    /// <summary>Sessions.</summary>
    public required long Sessions { get; init; }

    /// <summary>Entries.</summary>
    public required long Entries { get; init; }

    /// <summary>Entries whose key was destroyed: their place in the chain was verified, their content is gone.</summary>
    public required long ErasedBodies { get; init; }

    /// <summary>Entries of a form that only a newer version of Belay knows; their place in the chain was verified.</summary>
    public required long UnknownBodies { get; init; }

    /// <summary>Entries that no signed head covers: that they are not followed by more rests on the store's own word.</summary>
    public required long UnsignedEntries { get; init; }

    /// <summary>Damaged sessions.</summary>
    public required long DamagedSessions { get; init; }

    /// <summary>How long it took, in milliseconds.</summary>
    public required long Milliseconds { get; init; }

    /// <summary>The signed heads; absent for keys of other accounts than the operator's, whom they do not concern.</summary>
    public HeadsSummary? Heads { get; init; }
}

/// <summary>The file of signed heads.</summary>
public sealed record HeadsSummary
{
    /// <summary>When the first head was signed; a later time than the first start of the server means that the file was begun anew.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>When the newest was.</summary>
    public DateTimeOffset? Newest { get; init; }

    /// <summary>Number of the newest batch. Kept elsewhere, it shows a directory that was put back to an earlier time.</summary>
    public long Batch { get; init; }

    /// <summary>Authentication code of the newest batch, which every byte before goes into, in hexadecimal.</summary>
    public string? Mac { get; init; }

    /// <summary>Why they do not prove what they should; absent when they do.</summary>
    public string? Problem { get; init; }
}
