using System.Text.Json.Serialization;
using Belay.Contracts.Invocations;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>What the event stream of a session tells beside the events of its invocations' own streams. The set is closed.</summary>
public abstract record SessionNotice : InvocationEvent
{
    private protected SessionNotice()
    {
    }
}

/// <summary>An invocation begins.</summary>
public sealed record InvocationStartedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "invocationStarted";

    /// <summary>Endpoint that was invoked.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Version that serves.</summary>
    public required string HarnessVersion { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Its trace; absent in journals that knew none.</summary>
    public string? TraceId { get; init; }

    /// <summary>Whether it goes on without its client.</summary>
    public required bool Detached { get; init; }
}

/// <summary>The invocation ends, or pauses, because the caller must answer tool calls.</summary>
public sealed record InvocationPausedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "invocationPaused";

    /// <summary>Ids of the calls that the caller was given.</summary>
    public required IReadOnlyList<string> ToolUseIds { get; init; }
}

/// <summary>A model call was cut off by a crash: whoever saw events of it forgets them. The call that replaces it has an id of its own.</summary>
public sealed record ModelVoidedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "modelVoided";

    /// <summary>The entry whose events are void: those whose ids begin with it.</summary>
    public required long Void { get; init; }
}

/// <summary>A model's call failed before anything of it was shown; another model takes over for the rest of the invocation.</summary>
public sealed record ModelSwitchedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "modelSwitched";

    /// <summary>Which of the model's fallbacks takes over, from 1.</summary>
    public required int Fallback { get; init; }

    /// <summary>Provider whose call failed.</summary>
    public required string FromProvider { get; init; }

    /// <summary>Its model.</summary>
    public required string FromModelId { get; init; }

    /// <summary>Provider that takes over.</summary>
    public required string Provider { get; init; }

    /// <summary>Its model.</summary>
    public required string ModelId { get; init; }

    /// <summary>What kind of failure it was, such as <c>Throttled</c> or <c>Unreachable</c>.</summary>
    public required string Failure { get; init; }

    /// <summary>Why the call failed.</summary>
    public required string Why { get; init; }
}

/// <summary>A message for the running invocation was stored.</summary>
public sealed record SteeredNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "steered";

    /// <summary>Id that its sender chose.</summary>
    public required string SteerId { get; init; }

    /// <summary>Its text.</summary>
    public required string Text { get; init; }
}

/// <summary>An invocation is over; the last event that names it.</summary>
public sealed record InvocationEndedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "invocationEnded";

    /// <summary>Last stop reason; absent when it ended with a fault.</summary>
    public HarnessStopReason? StopReason { get; init; }

    /// <summary>Code of the fault that ended it; absent when it ended normally.</summary>
    public string? Fault { get; init; }

    /// <summary>Why it ended, in words.</summary>
    public required string Why { get; init; }

    /// <summary>Model calls that were made.</summary>
    public required int Iterations { get; init; }

    /// <summary>Wall time in milliseconds.</summary>
    public required long LatencyMs { get; init; }
}

/// <summary>A sandbox was started for the session.</summary>
public sealed record SandboxStartedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "sandboxStarted";

    /// <summary>Its id.</summary>
    public required string SandboxId { get; init; }

    /// <summary>Driver that made it.</summary>
    public required string Driver { get; init; }

    /// <summary>How long the start took, in milliseconds.</summary>
    public required long DurationMs { get; init; }
}

/// <summary>The session's sandbox ended.</summary>
public sealed record SandboxEndedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "sandboxEnded";

    /// <summary>Its id.</summary>
    public required string SandboxId { get; init; }

    /// <summary>Why: <c>idle</c>, <c>maxLifetime</c>, <c>stopped</c>, <c>shutdown</c>, <c>crashed</c> or <c>serverRestarted</c>.</summary>
    public required string Reason { get; init; }
}

/// <summary>A command of InvokeAgentRuntimeCommand begins.</summary>
public sealed record CommandStartedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "commandStarted";

    /// <summary>Its id.</summary>
    public required string CommandId { get; init; }

    /// <summary>The command line.</summary>
    [Sensitive]
    public required string Command { get; init; }

    /// <summary>Its time limit, in seconds.</summary>
    public required int TimeoutSeconds { get; init; }
}

/// <summary>
/// A command printed something. It is told to those who read along while it happens, between the command's start and end, and has no id: it is
/// not stored, and cannot be asked for again.
/// </summary>
public sealed record CommandOutputNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "commandOutput";

    /// <summary>Its command.</summary>
    public required string CommandId { get; init; }

    /// <summary>Bytes that the stream had before it; more than a reader has seen when that one missed something.</summary>
    public required long Offset { get; init; }

    /// <summary>Standard output; exactly one of the two is there.</summary>
    [Sensitive]
    public string? Stdout { get; init; }

    /// <summary>Standard error.</summary>
    [Sensitive]
    public string? Stderr { get; init; }
}

/// <summary>A command ended.</summary>
public sealed record CommandEndedNotice : SessionNotice
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "commandEnded";

    /// <summary>Its id.</summary>
    public required string CommandId { get; init; }

    /// <summary>As its caller was told; -1 when it did not finish.</summary>
    public required int ExitCode { get; init; }

    /// <summary><c>COMPLETED</c>, <c>TIMED_OUT</c> or <c>FAILED</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Bytes of standard output in all.</summary>
    public required long StdoutBytes { get; init; }

    /// <summary>Bytes of standard error in all.</summary>
    public required long StderrBytes { get; init; }
}
