using System.Net;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Bundles;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Sandboxes.Snapshots;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;

namespace Belay.Server;

/// <summary>Everything that a server is told at its start. Bound once, checked once, never changed.</summary>
public sealed partial record ServerSettings
{
    /// <summary>Where everything is kept.</summary>
    public string DataDirectory { get; init; } = ".belay";

    /// <summary>Address to listen on; loopback unless it is chosen otherwise.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port to listen on; 0 takes a free one.</summary>
    public int Port { get; init; } = 8642;

    /// <summary>Certificate for TLS, as a PEM file; null for plain HTTP.</summary>
    public string? CertificatePath { get; init; }

    /// <summary>Private key of the certificate, as a PEM file; null when the certificate's file has it.</summary>
    public string? CertificateKeyPath { get; init; }

    /// <summary>Allows plain HTTP on an address that other machines reach, for those whose proxy speaks TLS.</summary>
    public bool AllowPlainHttp { get; init; }

    /// <summary>Region of resources that the server itself makes; requests name their own in their signature.</summary>
    public string Region { get; init; } = "us-west-2";

    /// <summary>Account of the first access key.</summary>
    public string DefaultAccount { get; init; } = "000000000000";

    /// <summary>Model of a harness that names none: a Bedrock model id, a provider's id with its prefix, or <c>belay/scripted</c>; null leaves
    /// the choice to the server.</summary>
    public string? DefaultModel { get; init; }

    /// <summary>How models are reached.</summary>
    public ModelSettings Models { get; init; } = new();

    /// <summary>Names of the credentials for models that the server was given, never their values.</summary>
    public IReadOnlyList<string> ModelCredentials { get; init; } = [];

    /// <summary>Which secrets of the operator's credential providers may name.</summary>
    public ExternalSecretSettings ExternalSecrets { get; init; } = new();

    /// <summary>What models cost.</summary>
    public ModelPrices Prices { get; init; } = new();

    /// <summary>Where tools run.</summary>
    public SandboxSettings Sandboxes { get; init; } = new();

    /// <summary>Saving of sessions' files.</summary>
    public SnapshotSettings Snapshots { get; init; } = new();

    /// <summary>Sessions as files.</summary>
    public BundleSettings Bundles { get; init; } = new();

    /// <summary>Whether <c>auto</c> may end at <c>unconfined</c>; only a demonstration says yes, and prints what it got.</summary>
    public bool UnconfinedAsLastResort { get; init; }

    /// <summary>What harnesses may be.</summary>
    public CatalogSettings Catalog { get; init; } = new();

    /// <summary>What sessions may be.</summary>
    public SessionSettings Sessions { get; init; } = new();

    /// <summary>What invocations may do.</summary>
    public InvocationSettings Invocations { get; init; } = new();

    /// <summary>What the store promises.</summary>
    public StorageSettings Storage { get; init; } = new();

    /// <summary>What is told about what happens.</summary>
    public TelemetrySettings Telemetry { get; init; } = new();

    /// <summary>What strangers may send.</summary>
    public WireSettings Wire { get; init; } = new();

    /// <summary>How long turns and commands that run may go on after the server is told to stop; 0 ends them at once.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long answers may take to get out once nothing runs any more.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Everything wrong with these settings, in the operator's words. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(DataDirectory))
        {
            yield return "The data directory must be named.";
        }

        if (Port is < 0 or > 65535)
        {
            yield return $"The port must be 0 to 65535, but is {Port}.";
        }

        if (Address is null)
        {
            yield return $"The host must be an IP address or localhost, but is \"{Host}\".";
        }
        else if (!IPAddress.IsLoopback(Address) && CertificatePath is null && !AllowPlainHttp)
        {
            yield return $"{Host} can be reached by other machines: give a certificate with --tls-cert FILE (Server:Certificate), or, behind a proxy that speaks TLS, allow plain HTTP with --set Server:AllowPlainHttp=true.";
        }

        if (CertificatePath is not null && !File.Exists(CertificatePath))
        {
            yield return $"The certificate {CertificatePath} does not exist.";
        }

        if (CertificateKeyPath is not null && (CertificatePath is null || !File.Exists(CertificateKeyPath)))
        {
            yield return $"The certificate's key {CertificateKeyPath} does not exist, or there is no certificate.";
        }

        if (!RegionName().IsMatch(Region))
        {
            yield return $"The region must be lower-case letters, digits and hyphens, but is \"{Region}\".";
        }

        if (DefaultAccount.Length != 12 || !DefaultAccount.All(char.IsAsciiDigit))
        {
            yield return $"The account must have twelve digits, but is \"{DefaultAccount}\".";
        }

        if (StopTimeout <= TimeSpan.Zero)
        {
            yield return "The time to stop in must be more than 0.";
        }

        if (DrainTime < TimeSpan.Zero)
        {
            yield return "The time to drain in must not be negative.";
        }

        foreach (var problem in Wire.Problems().Concat(Models.Problems()).Concat(Sandboxes.Problems()).Concat(Storage.Problems()).Concat(ExternalSecrets.Problems()))
        {
            yield return problem;
        }
    }

    /// <summary>The address that <see cref="Host"/> means; null when it means none.</summary>
    internal IPAddress? Address => Host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(Host, out var address) ? address : null;

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex RegionName();
}
