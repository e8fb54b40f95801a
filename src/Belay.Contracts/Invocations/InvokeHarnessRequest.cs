using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Invocations;

/// <summary>Input of InvokeHarness. Members that a harness also has replace its value for this call.</summary>
public sealed record InvokeHarnessRequest
{
    /// <summary>ARN of the harness.</summary>
    [BoundTo(Place.Query, "harnessArn")]
    [Bound(Pattern = Patterns.HarnessArn)]
    public required string HarnessArn { get; init; }

    /// <summary>Endpoint to invoke; <c>DEFAULT</c> when left out.</summary>
    [BoundTo(Place.Query, "qualifier")]
    [Bound(Pattern = Patterns.EndpointName)]
    public string? Qualifier { get; init; }

    /// <summary>Session whose conversation and sandbox are used.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")]
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public required string RuntimeSessionId { get; init; }

    /// <summary>User on whose behalf the call is made.</summary>
    [BoundTo(Place.Header, "X-Amzn-Bedrock-AgentCore-Runtime-User-Id")]
    public string? RuntimeUserId { get; init; }

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

    /// <summary>What is new in the conversation.</summary>
    public required IReadOnlyList<HarnessMessage> Messages { get; init; }

    /// <summary>The model.</summary>
    public HarnessModelConfiguration? Model { get; init; }

    /// <summary>Instructions.</summary>
    public IReadOnlyList<HarnessSystemContentBlock>? SystemPrompt { get; init; }

    /// <summary>Tool entries.</summary>
    public IReadOnlyList<HarnessTool>? Tools { get; init; }

    /// <summary>Skills.</summary>
    public IReadOnlyList<HarnessSkill>? Skills { get; init; }

    /// <summary>Patterns of the tools that the model may see.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 64, Pattern = @"(\*|@?[^/]+(/[^/]+)?)")]
    public IReadOnlyList<string>? AllowedTools { get; init; }

    /// <summary>Largest number of model calls of one invocation.</summary>
    public int? MaxIterations { get; init; }

    /// <summary>Largest sum of output tokens of one invocation.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Longest run of one invocation, in seconds.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Actor whose conversation and memories are meant.</summary>
    public string? ActorId { get; init; }
}
