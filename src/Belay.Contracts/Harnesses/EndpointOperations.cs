using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Input of CreateHarnessEndpoint.</summary>
public sealed record CreateHarnessEndpointRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the endpoint, unique in the harness.</summary>
    [Bound(Pattern = Patterns.EndpointName)]
    public required string EndpointName { get; init; }

    /// <summary>Version to point to.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? TargetVersion { get; init; }

    /// <summary>What it is for.</summary>
    [Bound(Min = 1, Max = 256)]
    public string? Description { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }

    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}

/// <summary>Output of CreateHarnessEndpoint.</summary>
public sealed record CreateHarnessEndpointResponse
{
    /// <summary>The endpoint.</summary>
    public required HarnessEndpoint Endpoint { get; init; }
}

/// <summary>Input of GetHarnessEndpoint.</summary>
public sealed record GetHarnessEndpointRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the endpoint.</summary>
    [BoundTo(Place.Label, "endpointName")]
    [Bound(Pattern = Patterns.EndpointName)]
    public required string EndpointName { get; init; }
}

/// <summary>Output of GetHarnessEndpoint.</summary>
public sealed record GetHarnessEndpointResponse
{
    /// <summary>The endpoint.</summary>
    public required HarnessEndpoint Endpoint { get; init; }
}

/// <summary>Input of UpdateHarnessEndpoint.</summary>
public sealed record UpdateHarnessEndpointRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the endpoint.</summary>
    [BoundTo(Place.Label, "endpointName")]
    [Bound(Pattern = Patterns.EndpointName)]
    public required string EndpointName { get; init; }

    /// <summary>Version to point to.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? TargetVersion { get; init; }

    /// <summary>What it is for.</summary>
    [Bound(Min = 1, Max = 256)]
    public string? Description { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }
}

/// <summary>Output of UpdateHarnessEndpoint.</summary>
public sealed record UpdateHarnessEndpointResponse
{
    /// <summary>The endpoint.</summary>
    public required HarnessEndpoint Endpoint { get; init; }
}

/// <summary>Input of DeleteHarnessEndpoint.</summary>
public sealed record DeleteHarnessEndpointRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the endpoint.</summary>
    [BoundTo(Place.Label, "endpointName")]
    [Bound(Pattern = Patterns.EndpointName)]
    public required string EndpointName { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [BoundTo(Place.Query, "clientToken")]
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }
}

/// <summary>Output of DeleteHarnessEndpoint.</summary>
public sealed record DeleteHarnessEndpointResponse
{
    /// <summary>The endpoint, being deleted.</summary>
    public required HarnessEndpoint Endpoint { get; init; }
}

/// <summary>Input of ListHarnessEndpoints.</summary>
public sealed record ListHarnessEndpointsRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Largest number of items on the page.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 100)]
    public int? MaxResults { get; init; }

    /// <summary>Where the previous page ended.</summary>
    [BoundTo(Place.Query, "nextToken")]
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}

/// <summary>Output of ListHarnessEndpoints.</summary>
public sealed record ListHarnessEndpointsResponse
{
    /// <summary>One page, <c>DEFAULT</c> first.</summary>
    public required IReadOnlyList<HarnessEndpoint> Endpoints { get; init; }

    /// <summary>Where the next page begins; absent on the last page.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}
