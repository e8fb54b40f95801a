using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;

namespace Belay.Harnesses;

/// <content>Rules of where sessions run and of who may invoke.</content>
public static partial class HarnessRules
{
    internal const int DefaultIdleSeconds = 900;
    internal const int DefaultLifetimeSeconds = 28_800;

    /// <summary>Times, network and file systems go together.</summary>
    public static IEnumerable<FieldProblem> Environment(HarnessEnvironmentProviderRequest? environment, string path, CatalogSettings settings)
    {
        if (environment?.AgentCoreRuntimeEnvironment is not { } runtime)
        {
            return [];
        }

        path += ".agentCoreRuntimeEnvironment";
        return
        [
            .. Lifecycle(runtime.LifecycleConfiguration, $"{path}.lifecycleConfiguration", settings),
            .. Network(runtime.NetworkConfiguration, $"{path}.networkConfiguration"),
            .. Filesystems(runtime, $"{path}.filesystemConfigurations", settings),
        ];
    }

    /// <summary>The image can be named in any registry, or only in the published model's, as the server is set.</summary>
    public static IEnumerable<FieldProblem> Artifact(HarnessEnvironmentArtifact? artifact, string path, CatalogSettings settings)
    {
        if (artifact?.ContainerConfiguration?.ContainerUri is not { Length: >= 1 and <= 1024 } uri)
        {
            yield break;
        }

        path += ".containerConfiguration.containerUri";
        if (settings.StrictContainerUri && !StrictContainerUri.IsMatch(uri))
        {
            yield return new(path, "must be an image in a private registry of the vendor or in its public gallery");
        }
        else if (!settings.StrictContainerUri && !ContainerUri.IsMatch(uri))
        {
            yield return new(path, "must be an image reference, as in host:5000/path/name:tag@sha256:…");
        }
    }

    /// <summary>What a token is checked for makes sense, and nothing is asked for that is not checked.</summary>
    public static IEnumerable<FieldProblem> Authorizer(AuthorizerConfiguration? authorizer, string path)
    {
        if (authorizer?.CustomJwtAuthorizer is not { } jwt)
        {
            yield break;
        }

        path += ".customJWTAuthorizer";
        if (jwt.DiscoveryUrl is { } discovery
            && !(Uri.TryCreate(discovery, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)))
        {
            yield return new($"{path}.discoveryUrl", "must be an http or https URL");
        }

        if (jwt.AllowedWorkloadConfiguration is { HostingEnvironments: not null } or { WorkloadIdentities: not null })
        {
            yield return new($"{path}.allowedWorkloadConfiguration", "must be left out: this server does not check workloads");
        }

        foreach (var (claim, at) in Items(jwt.CustomClaims))
        {
            var matches = claim is { AuthorizingClaimMatchValue: { ClaimMatchValue: { } value } match }
                && (claim.InboundTokenClaimValueType, match.ClaimMatchOperator) switch
                {
                    (InboundTokenClaimValueType.Text, ClaimMatchOperatorType.EqualTo) => value.MatchValueString is not null,
                    (InboundTokenClaimValueType.TextArray, ClaimMatchOperatorType.Contains) => value.MatchValueString is not null,
                    (InboundTokenClaimValueType.TextArray, ClaimMatchOperatorType.ContainsAny) => value.MatchValueStringList is not null,
                    _ => false,
                };
            if (!matches)
            {
                yield return new(
                    $"{path}.customClaims[{at}]",
                    "must compare a STRING by EQUALS with matchValueString, or a STRING_ARRAY by CONTAINS with matchValueString or by CONTAINS_ANY with matchValueStringList");
            }
        }
    }

    private static IEnumerable<FieldProblem> Lifecycle(LifecycleConfiguration? lifecycle, string path, CatalogSettings settings)
    {
        var (idle, lifetime) = (lifecycle?.IdleRuntimeSessionTimeout, lifecycle?.MaxLifetime);
        if (!settings.AllowLongSessions)
        {
            foreach (var (value, name) in new[] { (idle, "idleRuntimeSessionTimeout"), (lifetime, "maxLifetime") })
            {
                if (value > DefaultLifetimeSeconds)
                {
                    yield return new($"{path}.{name}", $"must be at most {DefaultLifetimeSeconds}");
                }
            }
        }

        if (idle > (lifetime ?? DefaultLifetimeSeconds) && (lifetime is not null || settings.AllowLongSessions))
        {
            yield return new($"{path}.idleRuntimeSessionTimeout", $"must be at most maxLifetime, which is {lifetime ?? DefaultLifetimeSeconds}");
        }
    }

    private static IEnumerable<FieldProblem> Network(NetworkConfiguration? network, string path)
    {
        if (network is { NetworkMode: NetworkMode.Vpc, NetworkModeConfig: null })
        {
            yield return new($"{path}.networkModeConfig", "must be present when networkMode is VPC");
        }
        else if (network is { NetworkMode: NetworkMode.Public, NetworkModeConfig: not null })
        {
            yield return new($"{path}.networkModeConfig", "must be left out when networkMode is PUBLIC");
        }

        if (network?.NetworkModeConfig?.RequireServiceS3Endpoint is not null)
        {
            yield return new($"{path}.networkModeConfig.requireServiceS3Endpoint", "must be left out: it belongs to old runtimes");
        }
    }

    private static IEnumerable<FieldProblem> Filesystems(HarnessAgentCoreRuntimeEnvironmentRequest runtime, string path, CatalogSettings settings)
    {
        var mounts = new HashSet<string>(StringComparer.Ordinal);
        var (sessions, efs, s3) = (0, 0, 0);
        var vpc = runtime.NetworkConfiguration?.NetworkMode == NetworkMode.Vpc || settings.RelaxVpc;
        foreach (var (filesystem, at) in Items(runtime.FilesystemConfigurations))
        {
            var (member, mount) = Mount(filesystem);
            var entry = $"{path}[{at}].{member}";
            if (mount is not null && !mounts.Add(mount.TrimEnd('/')))
            {
                yield return new($"{entry}.mountPath", "must be unique among the file systems");
            }

            var tooMany = member switch
            {
                "sessionStorage" when ++sessions > 1 => "must appear at most once",
                "efsAccessPoint" when ++efs > 2 => "must appear at most twice",
                "s3FilesAccessPoint" when ++s3 > 2 => "must appear at most twice",
                _ => null,
            };
            if (tooMany is not null)
            {
                yield return new(entry, tooMany);
            }

            if (member == "capacityProviderVolume")
            {
                yield return new(entry, "is not supported: sandboxes have no capacity provider");
            }
            else if (member is "efsAccessPoint" or "s3FilesAccessPoint" && !vpc)
            {
                yield return new(entry, "must be used with networkMode VPC");
            }
        }
    }

    private static (string Member, string? Path) Mount(FilesystemConfiguration filesystem) => filesystem switch
    {
        { SessionStorage: { } storage } => ("sessionStorage", storage.MountPath),
        { S3FilesAccessPoint: { } point } => ("s3FilesAccessPoint", point.MountPath),
        { EfsAccessPoint: { } point } => ("efsAccessPoint", point.MountPath),
        { CapacityProviderVolume: { } volume } => ("capacityProviderVolume", volume.MountPath),
        _ => ("", null),
    };

    // Both match hostile text of up to 1,024 characters, so they must not backtrack.
    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private const string ImagePath = @"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";

    private static Regex ContainerUri => field ??= new(
        @"^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?" + ImagePath + "(?:/" + ImagePath + ")*"
        + @"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,512})?\z",
        Linear);

    private static Regex StrictContainerUri => field ??= new(
        @"^(?:[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|public\.ecr\.aws)/"
        + @"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*(?::[^:@]{1,300})?(?:@.+)?\z",
        Linear);
}
