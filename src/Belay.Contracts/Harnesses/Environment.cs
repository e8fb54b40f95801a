using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Where sessions run, as a caller asks for it. Exactly one member is set.</summary>
[Union]
public sealed record HarnessEnvironmentProviderRequest
{
    /// <summary>The sandbox's lifecycle, network and file systems.</summary>
    public HarnessAgentCoreRuntimeEnvironmentRequest? AgentCoreRuntimeEnvironment { get; init; }
}

/// <summary>The sandbox's lifecycle, network and file systems, as a caller asks for them.</summary>
public sealed record HarnessAgentCoreRuntimeEnvironmentRequest
{
    /// <summary>How long a sandbox lives.</summary>
    public LifecycleConfiguration? LifecycleConfiguration { get; init; }

    /// <summary>What a sandbox can reach.</summary>
    public NetworkConfiguration? NetworkConfiguration { get; init; }

    /// <summary>What is mounted into a sandbox.</summary>
    [Bound(Min = 0, Max = 5)]
    public IReadOnlyList<FilesystemConfiguration>? FilesystemConfigurations { get; init; }
}

/// <summary>Where sessions run. Exactly one member is set.</summary>
[Union]
public sealed record HarnessEnvironmentProvider
{
    /// <summary>The sandbox's lifecycle, network and file systems.</summary>
    public HarnessAgentCoreRuntimeEnvironment? AgentCoreRuntimeEnvironment { get; init; }
}

/// <summary>The sandbox's identity, lifecycle, network and file systems.</summary>
public sealed record HarnessAgentCoreRuntimeEnvironment
{
    /// <summary>ARN of the runtime behind the harness; it cannot be invoked directly.</summary>
    [Bound(Min = 20, Max = 1011)]
    public required string AgentRuntimeArn { get; init; }

    /// <summary>Name of the runtime behind the harness.</summary>
    public required string AgentRuntimeName { get; init; }

    /// <summary>Id of the runtime behind the harness.</summary>
    public required string AgentRuntimeId { get; init; }

    /// <summary>How long a sandbox lives.</summary>
    public required LifecycleConfiguration LifecycleConfiguration { get; init; }

    /// <summary>What a sandbox can reach.</summary>
    public required NetworkConfiguration NetworkConfiguration { get; init; }

    /// <summary>What is mounted into a sandbox.</summary>
    [Bound(Min = 0, Max = 5)]
    public IReadOnlyList<FilesystemConfiguration>? FilesystemConfigurations { get; init; }
}

/// <summary>How long a sandbox lives.</summary>
public sealed record LifecycleConfiguration
{
    /// <summary>Seconds without work after which a sandbox ends.</summary>
    [Bound(Min = 60, Max = 1209600)]
    public int? IdleRuntimeSessionTimeout { get; init; }

    /// <summary>Seconds after which a sandbox ends, whatever it does.</summary>
    [Bound(Min = 60, Max = 1209600)]
    public int? MaxLifetime { get; init; }
}

/// <summary>What a sandbox can reach.</summary>
public sealed record NetworkConfiguration
{
    /// <summary>The mode.</summary>
    public required NetworkMode NetworkMode { get; init; }

    /// <summary>Subnets and security groups, for <see cref="NetworkMode.Vpc"/>.</summary>
    public VpcConfig? NetworkModeConfig { get; init; }
}

/// <summary>What a sandbox can reach.</summary>
[JsonConverter(typeof(WireEnumConverter<NetworkMode>))]
public enum NetworkMode
{
    /// <summary>The internet.</summary>
    [JsonStringEnumMemberName("PUBLIC")]
    Public,

    /// <summary>A named network.</summary>
    [JsonStringEnumMemberName("VPC")]
    Vpc,
}

/// <summary>Subnets and security groups of a network.</summary>
public sealed record VpcConfig
{
    /// <summary>Security groups.</summary>
    [Bound(Min = 1, Max = 16)]
    [Bound(Of = Part.Item, Pattern = "sg-[0-9a-zA-Z]{8,17}")]
    public required IReadOnlyList<string> SecurityGroups { get; init; }

    /// <summary>Subnets.</summary>
    [Bound(Min = 1, Max = 16)]
    [Bound(Of = Part.Item, Pattern = Patterns.SubnetId)]
    public required IReadOnlyList<string> Subnets { get; init; }

    /// <summary>Only for old runtimes; refused here.</summary>
    public bool? RequireServiceS3Endpoint { get; init; }
}

/// <summary>One mounted file system. Exactly one member is set.</summary>
[Union]
public sealed record FilesystemConfiguration
{
    /// <summary>A directory that outlives the sandbox, for each session.</summary>
    public SessionStorageConfiguration? SessionStorage { get; init; }

    /// <summary>An S3 Files access point.</summary>
    public S3FilesAccessPointConfiguration? S3FilesAccessPoint { get; init; }

    /// <summary>An EFS access point.</summary>
    public EfsAccessPointConfiguration? EfsAccessPoint { get; init; }

    /// <summary>A volume of instance-based compute; not supported.</summary>
    public CapacityProviderVolumeConfiguration? CapacityProviderVolume { get; init; }
}

/// <summary>A directory that outlives the sandbox, for each session.</summary>
public sealed record SessionStorageConfiguration
{
    /// <summary>Where it appears in the sandbox.</summary>
    [Bound(Min = 6, Max = 200, Pattern = Patterns.MountPath)]
    public required string MountPath { get; init; }
}

/// <summary>An S3 Files access point.</summary>
public sealed record S3FilesAccessPointConfiguration
{
    /// <summary>The access point's ARN.</summary>
    [Bound(Min = 0, Max = 256, Pattern = "arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}")]
    public required string AccessPointArn { get; init; }

    /// <summary>Where it appears in the sandbox.</summary>
    [Bound(Min = 6, Max = 200, Pattern = Patterns.MountPath)]
    public required string MountPath { get; init; }
}

/// <summary>An EFS access point.</summary>
public sealed record EfsAccessPointConfiguration
{
    /// <summary>The access point's ARN.</summary>
    [Bound(Min = 0, Max = 128, Pattern = "arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:access-point/fsap-[0-9a-f]{8,40}")]
    public required string AccessPointArn { get; init; }

    /// <summary>Where it appears in the sandbox.</summary>
    [Bound(Min = 6, Max = 200, Pattern = Patterns.MountPath)]
    public required string MountPath { get; init; }
}

/// <summary>A volume of instance-based compute; not supported.</summary>
public sealed record CapacityProviderVolumeConfiguration
{
    /// <summary>Name of the volume.</summary>
    [Bound(Min = 1, Max = 48, Pattern = "[a-zA-Z][a-zA-Z0-9_-]{0,47}")]
    public required string VolumeName { get; init; }

    /// <summary>Where it appears in the sandbox.</summary>
    [Bound(Min = 6, Max = 200, Pattern = Patterns.MountPath)]
    public required string MountPath { get; init; }
}

/// <summary>What sessions run in. Exactly one member is set.</summary>
[Union]
public sealed record HarnessEnvironmentArtifact
{
    /// <summary>A container image.</summary>
    public ContainerConfiguration? ContainerConfiguration { get; init; }
}

/// <summary>A container image.</summary>
public sealed record ContainerConfiguration
{
    /// <summary>Reference of the image. Any registry is accepted, where the published model names only its own.</summary>
    [Bound(Min = 1, Max = 1024)]
    public required string ContainerUri { get; init; }
}
