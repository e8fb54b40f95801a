using System.Runtime.InteropServices;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Contracts.Doctor;
using Belay.Doctor;
using Belay.Identity;
using Belay.Sandboxes;
using Belay.Server.Wire;

namespace Belay.Cli.Doctor;

/// <summary>What <c>doctor</c> found out.</summary>
internal sealed record Report
{
    /// <summary>Version of this program.</summary>
    public required string Version { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>Operating system and processor.</summary>
    public required string System { get; init; }

    /// <summary>Path of the data directory.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>What is there.</summary>
    public required string DataState { get; init; }

    /// <summary>URL at which a server was looked for.</summary>
    public required string Server { get; init; }

    /// <summary>Whether it is healthy.</summary>
    public required bool ServerAnswers { get; init; }

    /// <summary>Version of the system's SQLite; null when there is none.</summary>
    public required string? Sqlite { get; init; }

    /// <summary>How many files a server may have open here; null where the system does not say.</summary>
    public required int? OpenFiles { get; init; }

    /// <summary>How many connections it takes with them.</summary>
    public required int Connections { get; init; }

    /// <summary>Names of the credentials for models that the environment holds; never their values.</summary>
    public required IReadOnlyList<string> Credentials { get; init; }

    /// <summary>Model servers that answer on this machine.</summary>
    public required IReadOnlyList<LocalModelServer> ModelServers { get; init; }

    /// <summary>Each driver and what its probe said.</summary>
    public required IReadOnlyList<(string Name, SandboxProbe Probe)> Sandboxes { get; init; }

    /// <summary>The checks that a running server makes, too.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>What keeps a server from running here as it should.</summary>
    public required IReadOnlyList<(string What, string Remedy)> Problems { get; init; }
}

/// <summary>Looks at the machine. Every check finds out by doing, within a deadline, and none changes anything.</summary>
internal static class Examination
{
    private static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan ServerDeadline = TimeSpan.FromSeconds(2);

    /// <summary>Runs every check.</summary>
    public static async Task<Report> RunAsync(CliHost host, string dataDirectory, Uri server, bool serverAnswers, CancellationToken cancellationToken)
    {
        var problems = new List<(string What, string Remedy)>();
        var sqlite = Checks.SqliteVersion();
        if (sqlite is null)
        {
            problems.Add(("SQLite (libsqlite3.so.0)", "Debian, Ubuntu: apt-get install -y libsqlite3-0. Fedora: dnf install sqlite-libs. Alpine: apk add sqlite-libs."));
        }

        var state = DataState(dataDirectory);
        if (state.Problem is { } broken)
        {
            problems.Add(("a usable data directory", broken));
        }

        Finding[] findings = [Checks.Disk(dataDirectory), Checks.KeyFiles(dataDirectory), Checks.Clock(dataDirectory, host.Time.GetUtcNow())];
        problems.AddRange(findings.Where(finding => finding.Status == FindingStatus.Failed).Select(finding => (finding.Name, finding.Message)));

        var sandboxes = new List<(string Name, SandboxProbe Probe)>();
        foreach (var driver in host.SandboxDrivers(new ServeSettings { DataDirectory = dataDirectory, Environment = host.Environment }))
        {
            sandboxes.Add((driver.Name, await ProbeAsync(driver, cancellationToken)));
        }

        if (!sandboxes.Any(sandbox => sandbox.Probe.Works && sandbox.Name != "unconfined"))
        {
            problems.Add(("a sandbox that isolates", "Debian, Ubuntu: apt-get install -y bubblewrap. In a container, allow user namespaces (docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined), or use --sandbox unconfined, which isolates nothing."));
        }

        return new Report
        {
            Version = ShowVersion.Version,
            Runtime = RuntimeInformation.FrameworkDescription,
            System = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}, {Environment.ProcessorCount} cores",
            DataDirectory = dataDirectory,
            DataState = state.State,
            Server = server.GetLeftPart(UriPartial.Authority),
            ServerAnswers = serverAnswers,
            Sqlite = sqlite,
            OpenFiles = OpenFiles.Limit,
            Connections = OpenFiles.Connections(new WireSettings().MaxConnections, OpenFiles.Limit),
            Credentials = ModelCredentials.In(host.Environment),
            ModelServers = await ModelServersAsync(host, cancellationToken),
            Findings = findings,
            Sandboxes = sandboxes,
            Problems = problems,
        };
    }

    private static async Task<SandboxProbe> ProbeAsync(ISandboxDriver driver, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ProbeDeadline);
        try
        {
            return await driver.ProbeAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new SandboxProbe(false, "", $"The probe did not end within {ProbeDeadline.TotalSeconds:0} s.", []);
        }
    }

    /// <summary>Model servers that answer on this machine.</summary>
    public static Task<IReadOnlyList<LocalModelServer>> ModelServersAsync(CliHost host, CancellationToken cancellationToken) =>
        LocalModelServers.FindAsync(LocalModelServers.Programs, host.Http(), TimeProvider.System, cancellationToken);

    /// <summary>Whether a server is healthy.</summary>
    public static async Task<bool> AnswersAsync(CliHost host, Uri server, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(host.Http()) { Timeout = ServerDeadline };
        try
        {
            using var response = await http.GetAsync(new Uri(server, "/healthz"), cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static (string State, string? Problem) DataState(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return ("not there yet; the first start makes it", null);
        }

        try
        {
            return MasterKey.TryLoad(directory) is null ? ("no master key yet; the first start makes one", null) : ("in use, master key readable by its owner only", null);
        }
        catch (InvalidDataException damaged)
        {
            return ("unusable", damaged.Message);
        }
        catch (UnauthorizedAccessException)
        {
            return ("unusable", $"{directory} belongs to another user; run as its owner, or choose another with --data.");
        }
    }
}
