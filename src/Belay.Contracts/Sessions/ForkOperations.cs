using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>Input of ForkSession.</summary>
public sealed record ForkSessionRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session whose past is shared.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Last entry that is shared; when left out, the last one at which the session can be forked.</summary>
    [Bound(Min = 1)]
    public long? At { get; init; }

    /// <summary>Id of the new session; a new UUID when left out.</summary>
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public string? NewSessionId { get; init; }

    /// <summary>Model of the new session's invocations that name none; when left out, that of the other session.</summary>
    public HarnessModelConfiguration? Model { get; init; }

    /// <summary>Instructions of the new session's invocations that name none; when left out, those of the other session.</summary>
    public IReadOnlyList<HarnessSystemContentBlock>? SystemPrompt { get; init; }
}

/// <summary>Output of ForkSession.</summary>
public sealed record ForkSessionResponse
{
    /// <summary>The harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>The new session.</summary>
    public required string SessionId { get; init; }

    /// <summary>What it shares.</summary>
    public required ForkPoint ForkedFrom { get; init; }

    /// <summary>Whether it waits for answers to tool calls, as the other session did there.</summary>
    public required bool Waiting { get; init; }

    /// <summary>What its files are; absent when nothing was saved before the entry, so that its workspace is empty.</summary>
    public WorkspaceSnapshot? Workspace { get; init; }
}

/// <summary>A place in a session.</summary>
public sealed record ForkPoint
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Sequence of its last entry that is shared.</summary>
    public required long Entry { get; init; }
}

/// <summary>The files of a session as they were saved at the end of an invocation.</summary>
public sealed record WorkspaceSnapshot
{
    /// <summary>The session's last entry whose effects are in them.</summary>
    public required long Entry { get; init; }

    /// <summary>When they were saved.</summary>
    public required DateTimeOffset SavedAt { get; init; }

    /// <summary>Files.</summary>
    public required int Files { get; init; }

    /// <summary>Their size in bytes.</summary>
    public required long Bytes { get; init; }
}
