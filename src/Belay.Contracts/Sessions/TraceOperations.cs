using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>Input of ListTraces.</summary>
public sealed record ListTracesRequest
{
    /// <summary>Only traces of this harness.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Min = 1, Max = 100)]
    public string? HarnessId { get; init; }

    /// <summary>Only traces of this session.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 1, Max = 256)]
    public string? SessionId { get; init; }

    /// <summary>Only traces that began at or after this time; 12 hours ago when left out.</summary>
    [BoundTo(Place.Query, "since")]
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only traces that began before this time.</summary>
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

/// <summary>Output of ListTraces.</summary>
public sealed record ListTracesResponse
{
    /// <summary>One page, the newest first.</summary>
    public required IReadOnlyList<TraceSummary> Traces { get; init; }

    /// <summary>Where the next page begins; absent on the last page.</summary>
    public string? NextToken { get; init; }
}

/// <summary>Input of GetTrace.</summary>
public sealed record GetTraceRequest
{
    /// <summary>W3C trace id, or the id of an invocation.</summary>
    [BoundTo(Place.Label, "traceId")]
    [Bound(Min = 1, Max = 256)]
    public required string TraceId { get; init; }

    /// <summary>Harness to look in; all when left out.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Min = 1, Max = 100)]
    public string? HarnessId { get; init; }

    /// <summary>Session to look in; all when left out.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 1, Max = 256)]
    public string? SessionId { get; init; }
}

/// <summary>Output of GetTrace.</summary>
public sealed record GetTraceResponse
{
    /// <summary>The trace's invocations, in the order in which they began; several when a caller used one trace for several.</summary>
    public required IReadOnlyList<Trace> Traces { get; init; }
}

/// <summary>One invocation, for a list.</summary>
public sealed record TraceSummary
{
    /// <summary>W3C trace id; absent in journals that knew none.</summary>
    public string? TraceId { get; init; }

    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>The invocation, and what it came to.</summary>
    public required InvocationSummary Invocation { get; init; }
}

/// <summary>What one invocation did, step by step, as a fold over its entries.</summary>
public sealed record Trace
{
    /// <summary>What it was and what it came to.</summary>
    public required TraceSummary Summary { get; init; }

    /// <summary>Its spans in the order in which they began; the first is the root.</summary>
    public required IReadOnlyList<Span> Spans { get; init; }
}

/// <summary>One step.</summary>
public sealed record Span
{
    /// <summary>16 hex digits, the same whenever the trace is read.</summary>
    public required string SpanId { get; init; }

    /// <summary>The span that this one is a part of; absent for the root.</summary>
    public string? ParentSpanId { get; init; }

    /// <summary>What it is called, such as <c>execute_tool shell</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it is: <c>invoke_agent</c>, <c>execute_event_loop_cycle</c>, <c>chat</c>, <c>execute_tool</c>, <c>sandbox.start</c> or <c>execute_command</c>.</summary>
    public required string Operation { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Wall time in milliseconds; absent while it runs, and when a crash cut it off.</summary>
    public long? DurationMs { get; init; }

    /// <summary>How it went.</summary>
    public required SpanStatus Status { get; init; }

    /// <summary>What went wrong, in words.</summary>
    public string? Error { get; init; }

    /// <summary>Tokens, of a model call.</summary>
    public TokenCounts? Usage { get; init; }

    /// <summary>Bytes that went in: a tool's arguments, a command line.</summary>
    public long? InputBytes { get; init; }

    /// <summary>Bytes that came out: a reply, a tool's result, a command's output.</summary>
    public long? OutputBytes { get; init; }

    /// <summary>Attributes by the names of the GenAI semantic conventions.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Attributes { get; init; }
}

/// <summary>How a step went.</summary>
[JsonConverter(typeof(WireEnumConverter<SpanStatus>))]
public enum SpanStatus
{
    /// <summary>It ended well.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>It failed, or was refused.</summary>
    [JsonStringEnumMemberName("error")]
    Error,

    /// <summary>It has not ended.</summary>
    [JsonStringEnumMemberName("running")]
    Running,
}
