using Belay.Cli.CommandLine;
using Belay.Cli.Serving;

namespace Belay.Cli.Client;

/// <summary>Which server a verb talks to, and as whom.</summary>
/// <param name="Control">Base URL of the control plane.</param>
/// <param name="Data">Base URL of the data plane; the same server in all but unusual set-ups.</param>
/// <param name="Key">The access key that signs.</param>
/// <param name="Region">Region of the signature.</param>
/// <param name="Account">Account that default ARNs name.</param>
internal sealed record Connection(Uri Control, Uri Data, SigningKey Key, string Region, string Account)
{
    /// <summary>The data directory that the command line names, as it stands there; null when it names none.</summary>
    public string? GivenDirectory { get; init; }

    /// <summary>What to do when no server answers there: the options with which one would, where it is one of this machine's.</summary>
    public string WhenAbsent(Uri server) => server is not { IsLoopback: true, Scheme: "http" }
        ? "Start it there with belay serve, or name another with --url or --port."
        : $"Start one with: belay serve{(server.Port == ServeSettings.DefaultPort ? "" : $" --port {server.Port}")}{(GivenDirectory is null ? "" : $" --data {ShellQuote.Quote(GivenDirectory)}")}";
}

/// <summary>An access key with its secret.</summary>
internal sealed record SigningKey(string AccessKeyId, string Secret)
{
    /// <summary>Shows no secret.</summary>
    public override string ToString() => AccessKeyId;
}
