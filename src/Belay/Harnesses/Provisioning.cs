using Belay.Contracts.Harnesses;

namespace Belay.Harnesses;

/// <summary>Finds out whether this server can serve a version.</summary>
internal static class Provisioning
{
    /// <summary>Why the version cannot be served and what to do, naming everything at once; null when it can.</summary>
    public static string? Problem(Harness harness, CatalogSettings settings)
    {
        var environment = harness.Environment.AgentCoreRuntimeEnvironment!;
        var problems = new List<string>();
        foreach (var filesystem in environment.FilesystemConfigurations ?? [])
        {
            var accessPoint = filesystem.S3FilesAccessPoint?.AccessPointArn ?? filesystem.EfsAccessPoint?.AccessPointArn;
            if (accessPoint is not null && !settings.Mounts.ContainsKey(accessPoint))
            {
                problems.Add($"No directory is mapped to the access point {accessPoint}. Map it in the server's setting Mounts.");
            }
        }

        if (environment.NetworkConfiguration is { NetworkMode: NetworkMode.Vpc } network && !settings.RelaxVpc)
        {
            foreach (var subnet in network.NetworkModeConfig?.Subnets ?? [])
            {
                if (!settings.Networks.ContainsKey(subnet))
                {
                    problems.Add($"No network is mapped to the subnet {subnet}. Map it in the server's setting Networks.");
                }
            }
        }

        return problems.Count == 0 ? null : string.Join(" ", problems);
    }
}
