using Belay.Contracts.Sessions;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Bundles;

/// <summary>
/// Input of ExportSession. The answer is a file of lines, <c>application/vnd.belay.session</c>: what the session's journal holds, opened, and those of the
/// sessions that it was forked from, as far as it shares them; the versions of its harness without what may not leave their server; and its files, as
/// they were saved last. Each line has its digest, and the last one is signed.
/// </summary>
public sealed record ExportSessionRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Whether the session's files go into it; true when left out.</summary>
    [BoundTo(Place.Query, "files")]
    public bool? Files { get; init; }
}

/// <summary>
/// Input of ImportSession. The body is the file that ExportSession answered, <c>application/vnd.belay.session</c>, at most 256 MiB unless the server
/// says otherwise. All of it becomes a session here, or nothing does.
/// </summary>
public sealed record ImportSessionRequest
{
    /// <summary>Harness that the session is given to; when left out the one of the same name, which is made from the file when there is none.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public string? HarnessId { get; init; }

    /// <summary>Its id here; when left out the one that it had.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public string? SessionId { get; init; }

    /// <summary>Fingerprint of the key that must have signed the file; any when left out.</summary>
    [BoundTo(Place.Query, "trust")]
    [Bound(Min = 1, Max = 100)]
    public string? Trust { get; init; }

    /// <summary>Whether the session begins with the files that are in the file; true when left out.</summary>
    [BoundTo(Place.Query, "files")]
    public bool? Files { get; init; }
}

/// <summary>Output of ImportSession.</summary>
public sealed record ImportSessionResponse
{
    /// <summary>Harness of the session.</summary>
    public required string HarnessId { get; init; }

    /// <summary>Its ARN.</summary>
    public required string HarnessArn { get; init; }

    /// <summary>Whether it was made for the session.</summary>
    public required bool HarnessCreated { get; init; }

    /// <summary>What the harness that was made lacks, because it never left the server that the session comes from: members, and tools that are not whole
    /// without them. Empty when nothing is missing.</summary>
    public required IReadOnlyList<string> LeftOut { get; init; }

    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Entries of its journal.</summary>
    public required long Entries { get; init; }

    /// <summary>Sessions here that it goes on from, the oldest first: made of the file, or here already with the same content. Empty when it was not forked.</summary>
    public required IReadOnlyList<string> PastSessionIds { get; init; }

    /// <summary>What its files are; left out when it begins without any.</summary>
    public WorkspaceSnapshot? Workspace { get; init; }

    /// <summary>Invocation that had not ended and was settled as interrupted; left out when all had ended.</summary>
    public string? Interrupted { get; init; }

    /// <summary>Names the key that signed the file.</summary>
    public required string Fingerprint { get; init; }
}
