using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Invocations;

/// <summary>Input of StartInvocation: what InvokeHarness takes, and whether the invocation goes on without its client.</summary>
public sealed record StartInvocationRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Session whose conversation and sandbox are used.</summary>
    [BoundTo(Place.Label, "sessionId")]
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public required string SessionId { get; init; }

    /// <summary>Endpoint to invoke; <c>DEFAULT</c> when left out.</summary>
    [BoundTo(Place.Query, "qualifier")]
    [Bound(Pattern = Patterns.EndpointName)]
    public string? Qualifier { get; init; }

    /// <summary>True: the answer is the invocation's id, and it goes on whatever becomes of the client. Left out or false: the answer is InvokeHarness's
    /// stream.</summary>
    public bool? Detach { get; init; }

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

/// <summary>Output of StartInvocation.</summary>
public sealed record StartInvocationResponse
{
    /// <summary>Id of the invocation.</summary>
    public required string InvocationId { get; init; }

    /// <summary>Its session.</summary>
    public required string SessionId { get; init; }
}

/// <summary>Input of CancelInvocation.</summary>
public sealed record CancelInvocationRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session whose invocation ends.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }
}

/// <summary>Output of CancelInvocation.</summary>
public sealed record CancelInvocationResponse
{
    /// <summary>Id of the invocation that was cancelled; its end is in the journal.</summary>
    public required string InvocationId { get; init; }
}

/// <summary>Input of SteerInvocation.</summary>
public sealed record SteerInvocationRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session whose running invocation is meant.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Id that the sender chooses: a message that is sent again with it is not taken twice.</summary>
    [Bound(Min = 1, Max = 100, Pattern = "[a-zA-Z0-9_.-]+")]
    public required string SteerId { get; init; }

    /// <summary>What is said.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 100000)]
    public required string Text { get; init; }
}
