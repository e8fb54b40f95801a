using Belay.Contracts.Validation;

namespace Belay.Contracts.Tags;

/// <summary>Input of PutResourcePolicy.</summary>
public sealed record PutResourcePolicyRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011)]
    public required string ResourceArn { get; init; }

    /// <summary>The policy, as JSON text.</summary>
    [Bound(Min = 1, Max = 20480)]
    public required string Policy { get; init; }
}

/// <summary>Output of PutResourcePolicy.</summary>
public sealed record PutResourcePolicyResponse
{
    /// <summary>The policy, as JSON text.</summary>
    [Bound(Min = 1, Max = 20480)]
    public required string Policy { get; init; }
}

/// <summary>Input of GetResourcePolicy.</summary>
public sealed record GetResourcePolicyRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011)]
    public required string ResourceArn { get; init; }
}

/// <summary>Output of GetResourcePolicy.</summary>
public sealed record GetResourcePolicyResponse
{
    /// <summary>The policy, as JSON text.</summary>
    [Bound(Min = 1, Max = 20480)]
    public string? Policy { get; init; }
}

/// <summary>Input of DeleteResourcePolicy.</summary>
public sealed record DeleteResourcePolicyRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011)]
    public required string ResourceArn { get; init; }
}
