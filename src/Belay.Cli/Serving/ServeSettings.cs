using Belay.Server;
using Microsoft.Extensions.Logging;

namespace Belay.Cli.Serving;

/// <summary>How a server is to run, as the command line and the environment of the process say it.</summary>
internal sealed record ServeSettings
{
    private static readonly ServerSettings Defaults = new();

    /// <summary>Port when none is given.</summary>
    public static int DefaultPort => Defaults.Port;

    /// <summary>Data directory when none is given, in the current directory.</summary>
    public static string DefaultDataDirectory => Defaults.DataDirectory;

    /// <summary>Region when none is given.</summary>
    public static string DefaultRegion => Defaults.Region;

    /// <summary>Account when none is given.</summary>
    public static string DefaultAccount => Defaults.DefaultAccount;

    /// <summary>Absolute path of the directory that holds everything the server keeps.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Address to listen on.</summary>
    public string Host { get; init; } = Defaults.Host;

    /// <summary>Port to listen on; 0 lets the system choose.</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>Name of a sandbox driver, or <c>auto</c> for the first one that works here and isolates.</summary>
    public string Sandbox { get; init; } = "auto";

    /// <summary>Whether <c>auto</c> may end at <c>unconfined</c>; only the demo says yes, and prints what it got.</summary>
    public bool UnconfinedAsLastResort { get; init; }

    /// <summary>Region of the resources.</summary>
    public string Region { get; init; } = DefaultRegion;

    /// <summary>Account of the access keys that this server makes.</summary>
    public string Account { get; init; } = DefaultAccount;

    /// <summary>Model of a harness that names none; null leaves the choice to the server.</summary>
    public string? DefaultModel { get; init; }

    /// <summary>Whether a harness may use the provider keys of <see cref="Environment"/> without naming one.</summary>
    public bool ProviderKeysFromEnvironment { get; init; }

    /// <summary>Named settings, such as <c>Tools:Concurrency</c>, beyond those with an option of their own.</summary>
    public IReadOnlyDictionary<string, string> Named { get; init; } = new Dictionary<string, string>();

    /// <summary>The process's environment, where upstream endpoints and their credentials come from.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether to log to standard error.</summary>
    public bool Log { get; init; } = true;

    /// <summary>What a line of the log looks like.</summary>
    public LogFormat LogFormat { get; init; } = LogFormat.Text;

    /// <summary>What is logged at least, until an operator changes it.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Certificate for TLS, as a PEM file; null for plain HTTP, or when it is set by name.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>The certificate's private key, as a PEM file; null when the certificate's file has it.</summary>
    public string? TlsKey { get; init; }
}

/// <summary>What a line of the log looks like.</summary>
internal enum LogFormat
{
    /// <summary>A sentence, for people.</summary>
    Text,

    /// <summary>A JSON object, for programs.</summary>
    Json,
}
