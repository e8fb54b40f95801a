using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Identity;

/// <summary>Input of CreateWorkloadIdentity.</summary>
public sealed record CreateWorkloadIdentityRequest
{
    /// <summary>Name, unique in account and region.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>URLs to which a user's browser may be sent back, exactly so.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 2048, Pattern = Patterns.ReturnUrl)]
    public IReadOnlyList<string>? AllowedResourceOauth2ReturnUrls { get; init; }

    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}

/// <summary>Output of CreateWorkloadIdentity.</summary>
public sealed record CreateWorkloadIdentityResponse
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Min = 1, Max = 1024)]
    public required string WorkloadIdentityArn { get; init; }

    /// <summary>URLs to which a user's browser may be sent back.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 2048, Pattern = Patterns.ReturnUrl)]
    public IReadOnlyList<string>? AllowedResourceOauth2ReturnUrls { get; init; }
}

/// <summary>Input of GetWorkloadIdentity.</summary>
public sealed record GetWorkloadIdentityRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }
}

/// <summary>Output of GetWorkloadIdentity.</summary>
public sealed record GetWorkloadIdentityResponse
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Min = 1, Max = 1024)]
    public required string WorkloadIdentityArn { get; init; }

    /// <summary>URLs to which a user's browser may be sent back.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 2048, Pattern = Patterns.ReturnUrl)]
    public IReadOnlyList<string>? AllowedResourceOauth2ReturnUrls { get; init; }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>When it was last changed.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastUpdatedTime { get; init; }
}

/// <summary>Input of UpdateWorkloadIdentity.</summary>
public sealed record UpdateWorkloadIdentityRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>URLs in place of the old ones; the old ones stay when left out.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 2048, Pattern = Patterns.ReturnUrl)]
    public IReadOnlyList<string>? AllowedResourceOauth2ReturnUrls { get; init; }
}

/// <summary>Output of UpdateWorkloadIdentity.</summary>
public sealed record UpdateWorkloadIdentityResponse
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Min = 1, Max = 1024)]
    public required string WorkloadIdentityArn { get; init; }

    /// <summary>URLs to which a user's browser may be sent back.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 2048, Pattern = Patterns.ReturnUrl)]
    public IReadOnlyList<string>? AllowedResourceOauth2ReturnUrls { get; init; }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>When it was last changed.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastUpdatedTime { get; init; }
}

/// <summary>Input of DeleteWorkloadIdentity.</summary>
public sealed record DeleteWorkloadIdentityRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }
}

/// <summary>Input of ListWorkloadIdentities.</summary>
public sealed record ListWorkloadIdentitiesRequest
{
    /// <summary>Token of the page before.</summary>
    public string? NextToken { get; init; }

    /// <summary>Items of a page.</summary>
    [Bound(Min = 1, Max = 20)]
    public int? MaxResults { get; init; }
}

/// <summary>Output of ListWorkloadIdentities.</summary>
public sealed record ListWorkloadIdentitiesResponse
{
    /// <summary>The identities, by name.</summary>
    public required IReadOnlyList<WorkloadIdentityType> WorkloadIdentities { get; init; }

    /// <summary>Token of the next page; absent on the last.</summary>
    public string? NextToken { get; init; }
}

/// <summary>A workload identity in a list.</summary>
public sealed record WorkloadIdentityType
{
    /// <summary>Name.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string Name { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Min = 1, Max = 1024)]
    public required string WorkloadIdentityArn { get; init; }
}
