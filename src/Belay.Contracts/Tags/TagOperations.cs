using Belay.Contracts.Validation;

namespace Belay.Contracts.Tags;

/// <summary>Input of TagResource.</summary>
public sealed record TagResourceRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011, Pattern = Patterns.ResourceArn)]
    public required string ResourceArn { get; init; }

    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public required IReadOnlyDictionary<string, string> Tags { get; init; }
}

/// <summary>Input of UntagResource.</summary>
public sealed record UntagResourceRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011, Pattern = Patterns.ResourceArn)]
    public required string ResourceArn { get; init; }

    /// <summary>Keys to remove; absent ones are ignored.</summary>
    [BoundTo(Place.Query, "tagKeys")]
    [Bound(Min = 0, Max = 200)]
    [Bound(Of = Part.Item, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    public required IReadOnlyList<string> TagKeys { get; init; }
}

/// <summary>Input of ListTagsForResource.</summary>
public sealed record ListTagsForResourceRequest
{
    /// <summary>ARN of a harness or of an endpoint.</summary>
    [BoundTo(Place.Label, "resourceArn")]
    [Bound(Min = 20, Max = 1011, Pattern = Patterns.ResourceArn)]
    public required string ResourceArn { get; init; }
}

/// <summary>Output of ListTagsForResource.</summary>
public sealed record ListTagsForResourceResponse
{
    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}
