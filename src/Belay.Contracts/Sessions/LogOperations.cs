using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>
/// Input of ReadLogs: what agents did, a line for each step, folded from journals. With <c>Accept: text/event-stream</c> the answer is a
/// stream of server-sent events whose ids <c>Last-Event-ID</c> takes.
/// </summary>
public sealed record ReadLogsRequest
{
    /// <summary>Only this harness.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Min = 1, Max = 100)]
    public string? HarnessId { get; init; }

    /// <summary>Only this session.</summary>
    [BoundTo(Place.Query, "sessionId")]
    [Bound(Min = 1, Max = 256)]
    public string? SessionId { get; init; }

    /// <summary>Only lines at or after this time; one hour ago when left out.</summary>
    [BoundTo(Place.Query, "since")]
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only lines before this time; a stream ends there instead of following.</summary>
    [BoundTo(Place.Query, "until")]
    public DateTimeOffset? Until { get; init; }

    /// <summary>Only lines of this level or a graver one; <c>info</c> when left out.</summary>
    [BoundTo(Place.Query, "level")]
    public LogLineLevel? Level { get; init; }

    /// <summary>Only lines whose message has this text, in any case.</summary>
    [BoundTo(Place.Query, "query")]
    [Bound(Min = 1, Max = 256)]
    public string? Query { get; init; }

    /// <summary>Only lines before this position: <see cref="ReadLogsResponse.NextBefore"/> of the page with newer ones.</summary>
    [BoundTo(Place.Query, "before")]
    [Bound(Min = 1)]
    public long? Before { get; init; }

    /// <summary>Id of the last event that a reader of the stream has; it wins over <see cref="Since"/>.</summary>
    [BoundTo(Place.Header, "Last-Event-ID")]
    [Bound(Min = 0)]
    public long? LastEventId { get; init; }

    /// <summary>Largest number of lines on the page, the newest ones; 100 when left out.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 1000)]
    public int? MaxResults { get; init; }

    /// <summary>Of a stream: whether it goes on with what happens next; true when left out.</summary>
    [BoundTo(Place.Query, "follow")]
    public bool? Follow { get; init; }
}

/// <summary>Output of ReadLogs.</summary>
public sealed record ReadLogsResponse
{
    /// <summary>The lines, the oldest first.</summary>
    public required IReadOnlyList<LogLine> Lines { get; init; }

    /// <summary>Value of <c>before</c> for older lines; absent when there are none since the time that was asked for. A page may be short, even
    /// empty, and have it: one request looks at so many entries and no more.</summary>
    public long? NextBefore { get; init; }
}

/// <summary>One thing that happened.</summary>
public sealed record LogLine
{
    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>How grave.</summary>
    public required LogLineLevel Level { get; init; }

    /// <summary>The harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Sequence of the journal entry that says so.</summary>
    public required long Sequence { get; init; }

    /// <summary>The invocation, where there is one.</summary>
    public string? InvocationId { get; init; }

    /// <summary>Kind of the journal entry.</summary>
    public required string Kind { get; init; }

    /// <summary>What happened, in one line.</summary>
    public required string Message { get; init; }
}

/// <summary>How grave a line is.</summary>
[JsonConverter(typeof(WireEnumConverter<LogLineLevel>))]
public enum LogLineLevel
{
    /// <summary>Steps inside an invocation, such as intents.</summary>
    [JsonStringEnumMemberName("debug")]
    Debug,

    /// <summary>What an operator wants to see.</summary>
    [JsonStringEnumMemberName("info")]
    Info,

    /// <summary>What went wrong and was handled: refused calls, failed tools, retried models, limits.</summary>
    [JsonStringEnumMemberName("warn")]
    Warn,

    /// <summary>What ended an invocation.</summary>
    [JsonStringEnumMemberName("error")]
    Error,
}
