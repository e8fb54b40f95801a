using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Who may invoke. Exactly one member is set; SigV4 when the whole configuration is left out.</summary>
[Union]
public sealed record AuthorizerConfiguration
{
    /// <summary>Callers with a token of an OpenID Connect issuer.</summary>
    [JsonPropertyName("customJWTAuthorizer")]
    public CustomJwtAuthorizerConfiguration? CustomJwtAuthorizer { get; init; }
}

/// <summary>Callers with a token of an OpenID Connect issuer.</summary>
public sealed record CustomJwtAuthorizerConfiguration
{
    /// <summary>The issuer's discovery document.</summary>
    [Bound(Pattern = @".+/\.well-known/openid-configuration")]
    public required string DiscoveryUrl { get; init; }

    /// <summary>Accepted audiences.</summary>
    [Bound(Min = 1)]
    public IReadOnlyList<string>? AllowedAudience { get; init; }

    /// <summary>Accepted client ids.</summary>
    [Bound(Min = 1)]
    public IReadOnlyList<string>? AllowedClients { get; init; }

    /// <summary>Accepted scopes.</summary>
    [Bound(Min = 1)]
    [Bound(Of = Part.Item, Min = 1, Max = 255, Pattern = @"[\x21\x23-\x5B\x5D-\x7E]+")]
    public IReadOnlyList<string>? AllowedScopes { get; init; }

    /// <summary>Scopes as they are advertised.</summary>
    [Bound(Min = 1, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 255, Pattern = @"[\x21\x23-\x5B\x5D-\x7E]+")]
    [Bound(Of = Part.Item, Min = 1, Max = 255, Pattern = @"[\x21\x23-\x5B\x5D-\x7E]+")]
    public IReadOnlyDictionary<string, string>? AdvertisedScopeMapping { get; init; }

    /// <summary>Further claims that must hold.</summary>
    [Bound(Min = 1)]
    public IReadOnlyList<CustomClaimValidationType>? CustomClaims { get; init; }

    /// <summary>Private endpoint of the issuer; stored and echoed.</summary>
    public PrivateEndpoint? PrivateEndpoint { get; init; }

    /// <summary>Private endpoints of single domains; stored and echoed.</summary>
    [Bound(Min = 0, Max = 5)]
    public IReadOnlyList<PrivateEndpointOverride>? PrivateEndpointOverrides { get; init; }

    /// <summary>Workloads that may invoke; refused until it is enforced.</summary>
    public AllowedWorkloadConfiguration? AllowedWorkloadConfiguration { get; init; }
}

/// <summary>A claim that must hold.</summary>
public sealed record CustomClaimValidationType
{
    /// <summary>Name of the claim.</summary>
    [Bound(Min = 1, Max = 255, Pattern = "[A-Za-z0-9_.-:]+")]
    public required string InboundTokenClaimName { get; init; }

    /// <summary>Type of the claim.</summary>
    public required InboundTokenClaimValueType InboundTokenClaimValueType { get; init; }

    /// <summary>What the claim is compared with.</summary>
    public required AuthorizingClaimMatchValueType AuthorizingClaimMatchValue { get; init; }
}

/// <summary>Type of a claim.</summary>
[JsonConverter(typeof(WireEnumConverter<InboundTokenClaimValueType>))]
public enum InboundTokenClaimValueType
{
    /// <summary>A string.</summary>
    [JsonStringEnumMemberName("STRING")]
    Text,

    /// <summary>An array of strings.</summary>
    [JsonStringEnumMemberName("STRING_ARRAY")]
    TextArray,
}

/// <summary>What a claim is compared with, and how.</summary>
public sealed record AuthorizingClaimMatchValueType
{
    /// <summary>The value or values.</summary>
    public required ClaimMatchValueType ClaimMatchValue { get; init; }

    /// <summary>The comparison.</summary>
    public required ClaimMatchOperatorType ClaimMatchOperator { get; init; }
}

/// <summary>What a claim is compared with. Exactly one member is set.</summary>
[Union]
public sealed record ClaimMatchValueType
{
    /// <summary>One string.</summary>
    [Bound(Min = 1, Max = 255, Pattern = Patterns.ClaimValue)]
    public string? MatchValueString { get; init; }

    /// <summary>Several strings.</summary>
    [Bound(Min = 1)]
    [Bound(Of = Part.Item, Min = 1, Max = 255, Pattern = Patterns.ClaimValue)]
    public IReadOnlyList<string>? MatchValueStringList { get; init; }
}

/// <summary>How a claim is compared.</summary>
[JsonConverter(typeof(WireEnumConverter<ClaimMatchOperatorType>))]
public enum ClaimMatchOperatorType
{
    /// <summary>The claim equals the string.</summary>
    [JsonStringEnumMemberName("EQUALS")]
    EqualTo,

    /// <summary>The claim's array contains the string.</summary>
    [JsonStringEnumMemberName("CONTAINS")]
    Contains,

    /// <summary>The claim's array contains one of the strings.</summary>
    [JsonStringEnumMemberName("CONTAINS_ANY")]
    ContainsAny,
}

/// <summary>A private endpoint. Exactly one member is set.</summary>
[Union]
public sealed record PrivateEndpoint
{
    /// <summary>A resource configuration that the caller manages.</summary>
    public SelfManagedLatticeResource? SelfManagedLatticeResource { get; init; }

    /// <summary>A resource in a network of the caller.</summary>
    public ManagedVpcResource? ManagedVpcResource { get; init; }
}

/// <summary>A resource configuration that the caller manages. Exactly one member is set.</summary>
[Union]
public sealed record SelfManagedLatticeResource
{
    /// <summary>Id or ARN of the resource configuration.</summary>
    [Bound(Min = 20, Max = 2048, Pattern = @"((rcfg-[0-9a-z]{17})|(arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{12}:resourceconfiguration/rcfg-[0-9a-z]{17}))")]
    public string? ResourceConfigurationIdentifier { get; init; }
}

/// <summary>A resource in a network of the caller.</summary>
public sealed record ManagedVpcResource
{
    /// <summary>The network.</summary>
    [Bound(Pattern = "vpc-(([0-9a-z]{8})|([0-9a-z]{17}))")]
    public required string VpcIdentifier { get; init; }

    /// <summary>Subnets of the network.</summary>
    [Bound(Of = Part.Item, Pattern = Patterns.SubnetId)]
    public required IReadOnlyList<string> SubnetIds { get; init; }

    /// <summary>Address family.</summary>
    public required EndpointIpAddressType EndpointIpAddressType { get; init; }

    /// <summary>Security groups.</summary>
    [Bound(Min = 0, Max = 5)]
    [Bound(Of = Part.Item, Pattern = "sg-(([0-9a-z]{8})|([0-9a-z]{17}))")]
    public IReadOnlyList<string>? SecurityGroupIds { get; init; }

    /// <summary>Tags of the resource.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>Intermediate domain.</summary>
    [Bound(Min = 3, Max = 255)]
    public string? RoutingDomain { get; init; }
}

/// <summary>Address family of an endpoint.</summary>
[JsonConverter(typeof(WireEnumConverter<EndpointIpAddressType>))]
public enum EndpointIpAddressType
{
    /// <summary>IPv4.</summary>
    [JsonStringEnumMemberName("IPV4")]
    Ipv4,

    /// <summary>IPv6.</summary>
    [JsonStringEnumMemberName("IPV6")]
    Ipv6,
}

/// <summary>Private endpoint of one domain.</summary>
public sealed record PrivateEndpointOverride
{
    /// <summary>The domain.</summary>
    [Bound(Min = 1, Max = 253)]
    public required string Domain { get; init; }

    /// <summary>Its private endpoint.</summary>
    public required PrivateEndpoint PrivateEndpoint { get; init; }
}

/// <summary>Workloads that may invoke.</summary>
public sealed record AllowedWorkloadConfiguration
{
    /// <summary>Hosting environments of the workloads.</summary>
    [Bound(Min = 1, Max = 10)]
    public IReadOnlyList<HostingEnvironment>? HostingEnvironments { get; init; }

    /// <summary>Names of the workloads.</summary>
    [Bound(Min = 1, Max = 10)]
    [Bound(Of = Part.Item, Min = 3, Max = 255, Pattern = "[A-Za-z0-9_.-]+")]
    public IReadOnlyList<string>? WorkloadIdentities { get; init; }
}

/// <summary>Hosting environment of a workload.</summary>
public sealed record HostingEnvironment
{
    /// <summary>Its ARN.</summary>
    [Bound(Min = 20, Max = 1011)]
    public required string Arn { get; init; }
}
