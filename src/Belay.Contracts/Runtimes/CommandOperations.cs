using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Runtimes;

/// <summary>Input of InvokeAgentRuntimeCommand.</summary>
public sealed record InvokeAgentRuntimeCommandRequest
{
    /// <summary>Content type of the request.</summary>
    [BoundTo(Place.Header, "Content-Type")]
    [Bound(Min = 1, Max = 256)]
    public string? ContentType { get; init; }

    /// <summary>Content type that the caller accepts.</summary>
    [BoundTo(Place.Header, "Accept")]
    [Bound(Min = 1, Max = 256)]
    public string? Accept { get; init; }

    /// <summary>Session to run in; a new one when left out.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")]
    [Bound(Min = 33, Max = 256)]
    public string? RuntimeSessionId { get; init; }

    /// <summary>W3C trace parent.</summary>
    [BoundTo(Place.Header, "traceparent")]
    [Bound(Min = 0, Max = 1024)]
    public string? TraceParent { get; init; }

    /// <summary>W3C trace state.</summary>
    [BoundTo(Place.Header, "tracestate")]
    [Bound(Min = 0, Max = 512)]
    public string? TraceState { get; init; }

    /// <summary>X-Ray trace id.</summary>
    [BoundTo(Place.Header, "X-Amzn-Trace-Id")]
    [Bound(Min = 0, Max = 1024)]
    public string? TraceId { get; init; }

    /// <summary>W3C baggage.</summary>
    [BoundTo(Place.Header, "baggage")]
    [Bound(Min = 0, Max = 8192)]
    public string? Baggage { get; init; }

    /// <summary>ARN of the harness whose session is meant.</summary>
    [BoundTo(Place.Label, "agentRuntimeArn")]
    public required string AgentRuntimeArn { get; init; }

    /// <summary>Endpoint whose environment is used.</summary>
    [BoundTo(Place.Query, "qualifier")]
    public string? Qualifier { get; init; }

    /// <summary>Account, where the label is no ARN.</summary>
    [BoundTo(Place.Query, "accountId")]
    [Bound(Pattern = "[0-9]{12}")]
    public string? AccountId { get; init; }

    /// <summary>The command.</summary>
    [BoundTo(Place.Payload, "body")]
    public required InvokeAgentRuntimeCommandRequestBody Body { get; init; }
}

/// <summary>Body of InvokeAgentRuntimeCommand.</summary>
public sealed record InvokeAgentRuntimeCommandRequestBody
{
    /// <summary>Command line for the shell.</summary>
    [Bound(Min = 1, Max = 65536)]
    public required string Command { get; init; }

    /// <summary>Seconds after which it is killed, 1 to 3600; 300 when left out.</summary>
    public int? Timeout { get; init; }
}

/// <summary>Output of InvokeAgentRuntimeCommand, without its stream.</summary>
public sealed record InvokeAgentRuntimeCommandResponse
{
    /// <summary>The session.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")]
    [Bound(Min = 1, Max = 100, Pattern = Patterns.SessionId)]
    public string? RuntimeSessionId { get; init; }

    /// <summary>W3C trace parent.</summary>
    [BoundTo(Place.Header, "traceparent")]
    public string? TraceParent { get; init; }

    /// <summary>W3C trace state.</summary>
    [BoundTo(Place.Header, "tracestate")]
    public string? TraceState { get; init; }

    /// <summary>X-Ray trace id.</summary>
    [BoundTo(Place.Header, "X-Amzn-Trace-Id")]
    public string? TraceId { get; init; }

    /// <summary>W3C baggage.</summary>
    [BoundTo(Place.Header, "baggage")]
    public string? Baggage { get; init; }

    /// <summary>Content type of the response.</summary>
    [BoundTo(Place.Header, "Content-Type")]
    public required string ContentType { get; init; }

    /// <summary>HTTP status.</summary>
    [BoundTo(Place.StatusCode, "statusCode")]
    public int? StatusCode { get; init; }
}

/// <summary>One event of a command's stream. Exactly one member is set.</summary>
public sealed record ResponseChunk
{
    /// <summary>The command has begun.</summary>
    public ContentStartEvent? ContentStart { get; init; }

    /// <summary>Output.</summary>
    public ContentDeltaEvent? ContentDelta { get; init; }

    /// <summary>The command has ended.</summary>
    public ContentStopEvent? ContentStop { get; init; }
}

/// <summary>The command has begun.</summary>
public sealed record ContentStartEvent;

/// <summary>Output of the command; one member is set.</summary>
public sealed record ContentDeltaEvent
{
    /// <summary>Standard output.</summary>
    public string? Stdout { get; init; }

    /// <summary>Standard error.</summary>
    public string? Stderr { get; init; }
}

/// <summary>The command has ended.</summary>
public sealed record ContentStopEvent
{
    /// <summary>Exit code; 124 after a timeout, 128 + n after signal n, -1 when the platform failed.</summary>
    public required int ExitCode { get; init; }

    /// <summary>How it ended.</summary>
    public required CommandExecutionStatus Status { get; init; }
}

/// <summary>How a command ended.</summary>
[JsonConverter(typeof(WireEnumConverter<CommandExecutionStatus>))]
public enum CommandExecutionStatus
{
    /// <summary>It ran to its end, whatever its exit code.</summary>
    [JsonStringEnumMemberName("COMPLETED")]
    Completed,

    /// <summary>It was killed when its time was over.</summary>
    [JsonStringEnumMemberName("TIMED_OUT")]
    TimedOut,
}

/// <summary>Input of StopRuntimeSession.</summary>
public sealed record StopRuntimeSessionRequest
{
    /// <summary>The session.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")]
    [Bound(Min = 33, Max = 256)]
    public required string RuntimeSessionId { get; init; }

    /// <summary>ARN of the harness whose session is meant.</summary>
    [BoundTo(Place.Label, "agentRuntimeArn")]
    public required string AgentRuntimeArn { get; init; }

    /// <summary>Endpoint; it does not select the session.</summary>
    [BoundTo(Place.Query, "qualifier")]
    public string? Qualifier { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }
}

/// <summary>Output of StopRuntimeSession.</summary>
public sealed record StopRuntimeSessionResponse
{
    /// <summary>The session.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")]
    [Bound(Min = 1, Max = 100, Pattern = Patterns.SessionId)]
    public string? RuntimeSessionId { get; init; }

    /// <summary>HTTP status.</summary>
    [BoundTo(Place.StatusCode, "statusCode")]
    public int? StatusCode { get; init; }
}
