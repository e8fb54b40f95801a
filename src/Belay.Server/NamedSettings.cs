using System.Globalization;
using Belay.Models;
using Belay.Server.Wire;
using Belay.Storage;

namespace Belay.Server;

/// <summary>The settings that an operator sets by name, such as <c>Tools:Concurrency=1</c>: one table, which is also their documentation.</summary>
public static class NamedSettings
{
    private static readonly IReadOnlyList<NamedSetting> Table =
    [
        Whole("Tools:Concurrency", "Tools of one message that run side by side; 1 gives strict sequence.", 1, 64, (s, v) => s with { Invocations = s.Invocations with { ToolConcurrency = v } }),
        Text("Invoke:AllowedOverrides", "Members of a call that may replace the harness's, separated by commas; empty for none.", (s, v) => s with { Invocations = s.Invocations with { AllowedOverrides = v.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) } }),
        OneOf("Invoke:OnDisconnect", "What happens when a client leaves: cancel or finish.", ["cancel", "finish"], (s, v) => s with { Invocations = s.Invocations with { FinishOnDisconnect = v == "finish" } }),
        Text("Defaults:Model", "Model of harnesses that name none: a Bedrock model id, a provider's id such as openai/gpt-x, or belay/scripted.", (s, v) => s with { DefaultModel = v }),
        Whole("Models:StallSeconds", "Seconds without a byte after which a reply counts as broken.", 1, 3600, (s, v) => s with { Models = s.Models with { StallSeconds = v } }),
        Whole("Models:ConnectSeconds", "Seconds that a connection to a provider may take.", 1, 300, (s, v) => s with { Models = s.Models with { ConnectSeconds = v } }),
        Real("Models:RetryBaseSeconds", "Seconds before a failed model call is tried again for the first time; the delays after it double.", 0.01, 60, (s, v) => s with { Models = s.Models with { RetryBaseSeconds = v } }),
        Whole("Models:BreakerFailures", "Calls in a row, each with all its retries, after which an endpoint that fails them is not asked for a while.", 2, 1000, (s, v) => s with { Models = s.Models with { Breaker = s.Models.Breaker with { Failures = v } } }),
        Real("Models:BreakerSeconds", "How long such an endpoint is not asked; then one call tries it.", 0.5, 3600, (s, v) => s with { Models = s.Models with { Breaker = s.Models.Breaker with { BreakTime = TimeSpan.FromSeconds(v) } } }),
        Truth("Models:UseMetadataServices", "Whether AWS credentials may come from the metadata services of a machine or container.", (s, v) => s with { Models = s.Models with { Bedrock = s.Models.Bedrock with { UseMetadataServices = v } } }),
        Truth("Models:PromptCaching", "Whether cache points are set for models that are known to take them.", (s, v) => s with { Models = s.Models with { Bedrock = s.Models.Bedrock with { PromptCaching = v }, Anthropic = s.Models.Anthropic with { PromptCaching = v } } }),
        Text("Identity:SecretVariables", "Environment variables whose keys the first account may use, separated by commas; empty for none.", (s, v) => s with { ExternalSecrets = s.ExternalSecrets with { VariableNames = v.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) } }),
        Text("Identity:SecretDirectory", "Directory of files whose keys the first account may use.", (s, v) => s with { ExternalSecrets = s.ExternalSecrets with { Directory = v } }),
        Price("Models:Prices", "What a model costs; NAME is Models:Prices:<model id>, or Models:Prices:<its beginning>* for several.", (s, model, v) => s with { Prices = s.Prices with { ByModel = With(s.Prices.ByModel, model, v) } }),
        Truth("Models:PriceList", "Whether the list prices that come with the program count where none is set.", (s, v) => s with { Prices = s.Prices with { Shipped = v } }),
        Checked("Models:Currency", "Currency of the prices.", "three capital letters, such as EUR", ModelPrices.IsCurrency, (s, v) => s with { Prices = s.Prices with { Currency = v } }),
        Real("Sandbox:Cpus", "Processor cores of a sandbox.", 0.01, 1024, (s, v) => s with { Sandboxes = s.Sandboxes with { Cpus = v } }),
        Whole("Sandbox:MemoryMiB", "Memory of a sandbox in MiB.", 128, 16 * 1024 * 1024, (s, v) => s with { Sandboxes = s.Sandboxes with { MemoryMiB = v } }),
        Whole("Sandbox:Pids", "Processes and threads of a sandbox.", 32, 4_000_000, (s, v) => s with { Sandboxes = s.Sandboxes with { Pids = v } }),
        Seconds("Sandbox:StartSeconds", "How long a sandbox may take to start.", (s, v) => s with { Sandboxes = s.Sandboxes with { StartTimeout = v } }),
        Map("Sandbox:Mounts", "Host directory for an access point; NAME is Sandbox:Mounts:<ARN>.", (s, key, v) => s with { Sandboxes = s.Sandboxes with { Mounts = With(s.Sandboxes.Mounts, key, v) }, Catalog = s.Catalog with { Mounts = With(s.Catalog.Mounts, key, v) } }),
        Truth("Snapshots:Enabled", "Whether the files of a session are saved at the end of an invocation, for forks.", (s, v) => s with { Snapshots = s.Snapshots with { Enabled = v } }),
        Whole("Snapshots:MaxMiB", "MiB of files of a session above which they are not saved.", 1, 1_000_000, (s, v) => s with { Snapshots = s.Snapshots with { MaxMiB = v } }),
        Whole("Snapshots:Keep", "Snapshots of a session's files that are kept; the oldest go first.", 1, 100_000, (s, v) => s with { Snapshots = s.Snapshots with { Keep = v } }),
        Whole("Bundles:MaxImportMiB", "MiB of the largest session bundle that is imported; it is held in memory while it is read.", 1, 4096, (s, v) => s with { Bundles = s.Bundles with { MaxImportMiB = v } }),
        Whole("Bundles:MaxFilesMiB", "MiB of the largest archive of a session's files in its bundle, compressed.", 1, 4096, (s, v) => s with { Bundles = s.Bundles with { MaxFilesMiB = v } }),
        Truth("Compat:RelaxVpc", "Treats VPC as PUBLIC, and lets file systems be mounted without it.", (s, v) => s with { Catalog = s.Catalog with { RelaxVpc = v } }),
        Truth("Compat:StrictContainerUri", "Accepts only the image references that the published model accepts.", (s, v) => s with { Catalog = s.Catalog with { StrictContainerUri = v } }),
        Truth("Tools:AllowInsecureMcp", "Allows MCP servers on public hosts without TLS.", (s, v) => s with { Catalog = s.Catalog with { AllowInsecureMcp = v } }),
        Truth("Limits:AllowLongSessions", "Allows sandboxes to live for 14 days instead of 8 hours.", (s, v) => s with { Catalog = s.Catalog with { AllowLongSessions = v } }),
        Whole("Quotas:Harnesses", "Harnesses of one account and region.", 1, 1_000_000, (s, v) => s with { Catalog = s.Catalog with { MaxHarnesses = v } }),
        Whole("Quotas:Versions", "Versions of one harness.", 1, 99_999, (s, v) => s with { Catalog = s.Catalog with { MaxVersions = v } }),
        Whole("Quotas:Endpoints", "Endpoints of one harness, counting DEFAULT.", 1, 10_000, (s, v) => s with { Catalog = s.Catalog with { MaxEndpoints = v } }),
        Whole("Quotas:ActiveSessions", "Sessions of one account that may be active at a time.", 1, 1_000_000, (s, v) => s with { Sessions = s.Sessions with { MaxActive = v } }),
        Whole("Quotas:CommandsPerSession", "Commands that may run at a time in one session.", 1, 1000, (s, v) => s with { Sessions = s.Sessions with { MaxCommands = v } }),
        Rate("Quotas:ControlRate", "Control-plane requests of one account, as PER_SECOND/BURST.", (s, v) => s with { Wire = s.Wire with { ControlRate = v } }),
        Rate("Quotas:DataRate", "Data-plane requests of one account, as PER_SECOND/BURST.", (s, v) => s with { Wire = s.Wire with { DataRate = v } }),
        OneOf("Storage:Synchronous", "What a synced write survives: Full (a power cut) or Normal (the end of the server only).", ["Full", "Normal"], (s, v) => s with { Storage = s.Storage with { Synchronous = Enum.Parse<SynchronousMode>(v) } }),
        Truth("Telemetry:Metrics", "Whether numbers are collected for GET /metrics.", (s, v) => s with { Telemetry = s.Telemetry with { Metrics = v } }),
        Truth("Telemetry:OpenMetrics", "Lets anybody read /metrics, where other machines reach the server; otherwise a signed request may.", (s, v) => s with { Telemetry = s.Telemetry with { OpenMetrics = v } }),
        Truth("Telemetry:CaptureContent", "Adds what people, models and tools say to exported spans.", (s, v) => s with { Telemetry = s.Telemetry with { CaptureContent = v } }),
        Truth("Telemetry:PropagateBaggage", "Passes a caller's baggage header on to model providers.", (s, v) => s with { Invocations = s.Invocations with { PropagateBaggage = v } }),
        Truth("Server:AllowPlainHttp", "Allows plain HTTP on an address that other machines reach, for those whose proxy speaks TLS.", (s, v) => s with { AllowPlainHttp = v }),
        Text("Server:Certificate", "Certificate for TLS, as a PEM file.", (s, v) => s with { CertificatePath = v }),
        Text("Server:CertificateKey", "Private key of the certificate, as a PEM file.", (s, v) => s with { CertificateKeyPath = v }),
        Whole("Server:MaxConnections", "Connections at once, at most 3/4 of the files the server may open; beyond it strangers are closed first.", 1, 1_000_000, (s, v) => s with { Wire = s.Wire with { MaxConnections = v } }),
        Whole("Server:BodyMiB", "Memory in MiB for request bodies with a good signature; the slowest sender gives way.", 96, 1_000_000, (s, v) => s with { Wire = s.Wire with { MaxBufferedBodyBytes = v * 1024L * 1024 } }),
        Whole("Server:UnverifiedBodyMiB", "The same for bodies that are read before their signature is known.", 96, 1_000_000, (s, v) => s with { Wire = s.Wire with { MaxUnverifiedBodyBytes = v * 1024L * 1024 } }),
        Whole("Server:MinBodyRate", "Bytes a second below which a request body is cut, after 5 s.", 1, 1_000_000_000, (s, v) => s with { Wire = s.Wire with { MinBodyBytesPerSecond = v } }),
        Seconds("Server:KeepAliveSeconds", "How long a connection may be idle.", (s, v) => s with { Wire = s.Wire with { KeepAlive = v } }),
        Seconds("Server:WriteSeconds", "How long a client may read nothing of its answer.", (s, v) => s with { Wire = s.Wire with { WriteTimeout = v } }),
        Real("Server:DrainSeconds", "How long turns and commands that run may go on after the server is told to stop; what is left then ends as partial_turn.", 0, 86_400, (s, v) => s with { DrainTime = TimeSpan.FromSeconds(v) }),
        Seconds("Server:StopSeconds", "How long answers may take to get out once nothing runs any more.", (s, v) => s with { StopTimeout = v }),
    ];

    /// <summary>Every name with what it does, in order.</summary>
    public static IEnumerable<(string Name, string Help)> All => Table.Select(setting => (setting.Name, setting.Help));

    /// <summary>Applies settings by name.</summary>
    /// <exception cref="InvalidDataException">A name or a value is wrong; the message has every problem.</exception>
    public static ServerSettings Apply(ServerSettings settings, IReadOnlyDictionary<string, string> named)
    {
        var problems = new List<string>();
        foreach (var (name, value) in named)
        {
            if (Table.FirstOrDefault(setting => setting.Matches(name)) is not { } setting)
            {
                problems.Add($"There is no setting {name}; there are: {string.Join(", ", Table.Select(known => known.Name))}.");
            }
            else if (setting.Apply(settings, name, value) is { } changed)
            {
                settings = changed;
            }
            else
            {
                problems.Add($"{name} must be {setting.Rule}, but is \"{value}\".");
            }
        }

        return problems.Count == 0 ? settings : throw new InvalidDataException(string.Join(" ", problems));
    }

    private static NamedSetting Text(string name, string help, Func<ServerSettings, string, ServerSettings> set) =>
        new(name, help, "text", (settings, _, value) => set(settings, value));

    private static NamedSetting Checked(string name, string help, string rule, Func<string, bool> isValid, Func<ServerSettings, string, ServerSettings> set) =>
        new(name, help, rule, (settings, _, value) => isValid(value) ? set(settings, value) : null);

    private static NamedSetting Price(string name, string help, Func<ServerSettings, string, ModelPrice, ServerSettings> set) =>
        new(name, help, ModelPrice.Form, (settings, full, value) => ModelPrice.TryParse(value) is { } price ? set(settings, full[(name.Length + 1)..], price) : null) { IsMap = true };

    private static NamedSetting Map(string name, string help, Func<ServerSettings, string, string, ServerSettings> set) =>
        new(name, help, "text", (settings, full, value) => set(settings, full[(name.Length + 1)..], value)) { IsMap = true };

    private static NamedSetting OneOf(string name, string help, string[] values, Func<ServerSettings, string, ServerSettings> set) =>
        new(name, help, $"one of {string.Join(", ", values)}", (settings, _, value) =>
            values.FirstOrDefault(known => known.Equals(value, StringComparison.OrdinalIgnoreCase)) is { } known ? set(settings, known) : null);

    private static NamedSetting Truth(string name, string help, Func<ServerSettings, bool, ServerSettings> set) =>
        new(name, help, "true or false", (settings, _, value) => bool.TryParse(value, out var parsed) ? set(settings, parsed) : null);

    private static NamedSetting Whole(string name, string help, int min, int max, Func<ServerSettings, int, ServerSettings> set) =>
        new(name, help, $"a whole number from {min} to {max}", (settings, _, value) =>
            int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) && parsed >= min && parsed <= max ? set(settings, parsed) : null);

    private static NamedSetting Real(string name, string help, double min, double max, Func<ServerSettings, double, ServerSettings> set) =>
        new(name, help, string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"), (settings, _, value) =>
            double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var parsed) && parsed >= min && parsed <= max ? set(settings, parsed) : null);

    private static NamedSetting Seconds(string name, string help, Func<ServerSettings, TimeSpan, ServerSettings> set) =>
        Real(name, help, 0.1, 86_400, (settings, value) => set(settings, TimeSpan.FromSeconds(value)));

    private static NamedSetting Rate(string name, string help, Func<ServerSettings, RequestRate, ServerSettings> set) =>
        new(name, help, "PER_SECOND/BURST, such as 50/100", (settings, _, value) =>
            value.Split('/') is [var perSecond, var burst]
            && double.TryParse(perSecond, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var rate) && rate > 0
            && int.TryParse(burst, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most > 0
                ? set(settings, new RequestRate(rate, most))
                : null);

    private static Dictionary<string, T> With<T>(IReadOnlyDictionary<string, T> map, string key, T value) => new(map) { [key] = value };

    /// <param name="Name">The name, or for a map its beginning.</param>
    /// <param name="Help">What it does.</param>
    /// <param name="Rule">What a value must be.</param>
    /// <param name="Apply">Sets it; null when the value is wrong.</param>
    private sealed record NamedSetting(string Name, string Help, string Rule, Func<ServerSettings, string, string, ServerSettings?> Apply)
    {
        public bool IsMap { get; init; }

        public bool Matches(string name) => IsMap
            ? name.StartsWith(Name + ":", StringComparison.OrdinalIgnoreCase)
            : name.Equals(Name, StringComparison.OrdinalIgnoreCase);
    }
}
