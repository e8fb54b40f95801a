using Belay.Contracts.Validation;

namespace Belay.Contracts.Bundles;

/// <summary>
/// Input of ExportSession. The answer is a file of lines, <c>application/vnd.belay.session</c>: what the session's journal holds, opened, and the versions
/// of its harness without what may not leave their server; each line with its digest, the last one signed.
/// </summary>
public sealed record ExportSessionRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }
}
