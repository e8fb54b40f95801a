using System.Text.Json.Serialization;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>Input of ListSessions.</summary>
public sealed record ListSessionsRequest
{
    /// <summary>Only sessions of this harness.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Min = 1, Max = 100)]
    public string? HarnessId { get; init; }

    /// <summary>Only sessions with this id: callers choose them, so that each harness may have one.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 1, Max = 256)]
    public string? SessionId { get; init; }

    /// <summary>Only sessions of this actor.</summary>
    [BoundTo(Place.Query, "actorId")]
    [Bound(Min = 1, Max = 255)]
    public string? ActorId { get; init; }

    /// <summary>Only sessions in this state.</summary>
    [BoundTo(Place.Query, "state")]
    public SessionState? State { get; init; }

    /// <summary>Only sessions whose last invocation ended with this stop reason.</summary>
    [BoundTo(Place.Query, "stopReason")]
    public HarnessStopReason? StopReason { get; init; }

    /// <summary>Only sessions whose last invocation ended with this fault.</summary>
    [BoundTo(Place.Query, "fault")]
    public FaultCode? Fault { get; init; }

    /// <summary>Only sessions that were active at or after this time.</summary>
    [BoundTo(Place.Query, "since")]
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only sessions whose last activity was before this time.</summary>
    [BoundTo(Place.Query, "until")]
    public DateTimeOffset? Until { get; init; }

    /// <summary>Largest number of items on the page; 20 when left out.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 100)]
    public int? MaxResults { get; init; }

    /// <summary>Where the previous page ended.</summary>
    [BoundTo(Place.Query, "nextToken")]
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}

/// <summary>Output of ListSessions.</summary>
public sealed record ListSessionsResponse
{
    /// <summary>One page, the latest activity first.</summary>
    public required IReadOnlyList<SessionSummary> Sessions { get; init; }

    /// <summary>Where the next page begins; absent on the last page.</summary>
    public string? NextToken { get; init; }
}

/// <summary>Input of GetSession.</summary>
public sealed record GetSessionRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }
}

/// <summary>Output of GetSession.</summary>
public sealed record GetSessionResponse
{
    /// <summary>The session.</summary>
    public required SessionSummary Session { get; init; }

    /// <summary>Its invocations, the newest first, at most 100.</summary>
    public required IReadOnlyList<InvocationSummary> Invocations { get; init; }

    /// <summary>What each model cost it.</summary>
    public required IReadOnlyList<ModelUsage> Models { get; init; }
}

/// <summary>A session as a fold over its journal.</summary>
public sealed record SessionSummary
{
    /// <summary>Its id.</summary>
    public required string SessionId { get; init; }

    /// <summary>Its harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>The actor that it belongs to, where a call named one; absent before the first invocation.</summary>
    public string? ActorId { get; init; }

    /// <summary>The session whose past it shares, and the last entry that it shares; absent when it began by itself. What happened there counts there.</summary>
    public ForkPoint? ForkedFrom { get; init; }

    /// <summary>What it does now.</summary>
    public required SessionState State { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Time of its last journal entry.</summary>
    public required DateTimeOffset LastActivityAt { get; init; }

    /// <summary>Sequence of its last journal entry.</summary>
    public required long LastSequence { get; init; }

    /// <summary>Invocations so far.</summary>
    public required int Invocations { get; init; }

    /// <summary>Model calls that counted as iterations so far.</summary>
    public required int Iterations { get; init; }

    /// <summary>Tool calls so far.</summary>
    public required int ToolCalls { get; init; }

    /// <summary>Tokens of all its model calls.</summary>
    public required TokenCounts Usage { get; init; }

    /// <summary>What they cost, where every model that was called has a price: the operator's, or the one that comes with the program.</summary>
    public Cost? Cost { get; init; }

    /// <summary>Models that were called and have no price, ten at most, each as its provider, a slash and its id; absent where each has one.</summary>
    public IReadOnlyList<string>? Unpriced { get; init; }

    /// <summary>Last stop reason on the wire; absent while the first invocation runs, and after a fault.</summary>
    public string? StopReason { get; init; }

    /// <summary>Code of the fault that ended the last invocation.</summary>
    public string? Fault { get; init; }

    /// <summary>Why the last invocation ended, in words.</summary>
    public string? Why { get; init; }

    /// <summary>Sandbox that runs now, as the journal says.</summary>
    public string? SandboxId { get; init; }

    /// <summary>Trace of the last invocation.</summary>
    public string? LastTraceId { get; init; }
}

/// <summary>What a session does.</summary>
[JsonConverter(typeof(WireEnumConverter<SessionState>))]
public enum SessionState
{
    /// <summary>Nothing: the last invocation is over.</summary>
    [JsonStringEnumMemberName("idle")]
    Idle,

    /// <summary>An invocation or a command runs.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>The caller has to answer tool calls.</summary>
    [JsonStringEnumMemberName("waiting")]
    Waiting,

    /// <summary>The server died in the middle of an invocation; the next call repairs it.</summary>
    [JsonStringEnumMemberName("interrupted")]
    Interrupted,

    /// <summary>The key of its actor was destroyed: what happened cannot be read any more.</summary>
    [JsonStringEnumMemberName("erased")]
    Erased,

    /// <summary>A newer version of Belay wrote its journal; <see cref="SessionSummary.Why"/> says what is not known.</summary>
    [JsonStringEnumMemberName("unreadable")]
    Unreadable,

    /// <summary>Its journal is not what was written: it is quarantined, and <see cref="SessionSummary.Why"/> says from which entry on.</summary>
    [JsonStringEnumMemberName("damaged")]
    Damaged,
}

/// <summary>One invocation as a fold over its entries.</summary>
public sealed record InvocationSummary
{
    /// <summary>Its id.</summary>
    public required string InvocationId { get; init; }

    /// <summary>Its trace; absent in journals that knew none.</summary>
    public string? TraceId { get; init; }

    /// <summary>Sequence of its first journal entry, with which the ids of its events begin.</summary>
    public required long Sequence { get; init; }

    /// <summary>Endpoint that was invoked.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Version that served.</summary>
    public required string HarnessVersion { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When it ended; absent while it runs, and when a crash cut it off.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Wall time in milliseconds; absent until it ended.</summary>
    public long? LatencyMs { get; init; }

    /// <summary>Last stop reason on the wire; absent until it ended, and after a fault.</summary>
    public string? StopReason { get; init; }

    /// <summary>Code of the fault that ended it.</summary>
    public string? Fault { get; init; }

    /// <summary>Why it ended, in words.</summary>
    public string? Why { get; init; }

    /// <summary>Model calls that counted as iterations.</summary>
    public required int Iterations { get; init; }

    /// <summary>Tool calls.</summary>
    public required int ToolCalls { get; init; }

    /// <summary>Tokens of its model calls.</summary>
    public required TokenCounts Usage { get; init; }

    /// <summary>What they cost, where every model that was called has a price: the operator's, or the one that comes with the program.</summary>
    public Cost? Cost { get; init; }

    /// <summary>Models that were called and have no price, ten at most, each as its provider, a slash and its id; absent where each has one.</summary>
    public IReadOnlyList<string>? Unpriced { get; init; }
}

/// <summary>Tokens by kind.</summary>
public sealed record TokenCounts
{
    /// <summary>Tokens that models read, as the provider counts them: those from its cache are among them for OpenAI, not for Bedrock.</summary>
    public required long Input { get; init; }

    /// <summary>Tokens that models wrote.</summary>
    public required long Output { get; init; }

    /// <summary>Tokens read from the provider's cache.</summary>
    public required long CacheRead { get; init; }

    /// <summary>Tokens written to the provider's cache.</summary>
    public required long CacheWrite { get; init; }
}

/// <summary>An amount of money, from the prices that the operator set.</summary>
public sealed record Cost
{
    /// <summary>The amount.</summary>
    public required decimal Amount { get; init; }

    /// <summary>ISO 4217 code; <c>USD</c> unless the operator's prices are in another currency.</summary>
    public required string Currency { get; init; }
}

/// <summary>What calls of one model used.</summary>
public sealed record ModelUsage
{
    /// <summary>Provider.</summary>
    public required string Provider { get; init; }

    /// <summary>Model id.</summary>
    public required string ModelId { get; init; }

    /// <summary>Calls.</summary>
    public required long Calls { get; init; }

    /// <summary>Tokens.</summary>
    public required TokenCounts Usage { get; init; }

    /// <summary>What they cost, where the model has a price.</summary>
    public Cost? Cost { get; init; }
}
