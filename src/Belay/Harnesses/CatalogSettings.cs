using Belay.Contracts.Harnesses;

namespace Belay.Harnesses;

/// <summary>What the operator decides about harnesses.</summary>
public sealed record CatalogSettings
{
    /// <summary>Model of a harness that names none; written into its version when that is made.</summary>
    public HarnessModelConfiguration DefaultModel { get; init; } = ScriptedModel;

    /// <summary>Directory on the host for each access point that a harness may mount, by the access point's ARN.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>Network of the sandbox driver for each subnet that a harness may name.</summary>
    public IReadOnlyDictionary<string, string> Networks { get; init; } = new Dictionary<string, string>();

    /// <summary>Treats <c>VPC</c> as <c>PUBLIC</c>, and lets file systems be mounted without it.</summary>
    public bool RelaxVpc { get; init; }

    /// <summary>Allows sandboxes to live for 14 days instead of 8 hours.</summary>
    public bool AllowLongSessions { get; init; }

    /// <summary>Accepts only the image references that the published model accepts, instead of every OCI reference.</summary>
    public bool StrictContainerUri { get; init; }

    /// <summary>Allows MCP servers on public hosts to be reached without TLS.</summary>
    public bool AllowInsecureMcp { get; init; }

    /// <summary>Harnesses of one account and region.</summary>
    public int MaxHarnesses { get; init; } = 1000;

    /// <summary>Versions of one harness.</summary>
    public int MaxVersions { get; init; } = 1000;

    /// <summary>Endpoints of one harness, counting <c>DEFAULT</c>.</summary>
    public int MaxEndpoints { get; init; } = 10;

    /// <summary>How long a client token makes repeating a request safe.</summary>
    public TimeSpan ClientTokenLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long the live sessions of a harness may take to stop before its deletion fails.</summary>
    public TimeSpan StopSessionsTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The documented default of a server that has AWS credentials.</summary>
    public static HarnessModelConfiguration BedrockModel { get; } = OnBedrock("global.anthropic.claude-sonnet-4-6");

    /// <summary>The built-in model, which needs no credentials.</summary>
    public static HarnessModelConfiguration ScriptedModel { get; } = OnBedrock("belay/scripted");

    private static HarnessModelConfiguration OnBedrock(string modelId) => new()
    {
        BedrockModelConfig = new() { ModelId = modelId, ApiFormat = HarnessBedrockApiFormat.ConverseStream },
    };
}
