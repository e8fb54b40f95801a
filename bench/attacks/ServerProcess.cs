using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.Bench.Attacks;

/// <summary>The real server as its own process, in plain HTTP first, then again within TLS.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly string[] ForeignPrefixes = ["AWS_", "OPENAI_", "BELAY_"];
    private readonly string _directory;
    private readonly Process _process;

    private ServerProcess(string directory, Process process)
    {
        _directory = directory;
        _process = process;
    }

    /// <summary>Where it answers and who may call.</summary>
    public required Target Target { get; init; }

    /// <summary>The harness that is invoked.</summary>
    public required string HarnessId { get; init; }

    /// <summary>Starts it on a fresh data directory with one harness.</summary>
    public static async Task<ServerProcess> StartAsync(bool tls, int? room, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("belay-attacks-").FullName;
        string[] settings = room is { } most ? ["--set", $"Server:MaxConnections={most}"] : [];
        var (process, url) = await ServeAsync(directory, settings, cancellationToken);
        var env = await ProgramRun.SucceedAsync(Start(directory, "env", "--port", $"{url.Port}"), Eventually.Deadline, cancellationToken);
        var variables = ExportLine().Matches(env.Output).ToDictionary(match => match.Groups["name"].Value, match => match.Groups["value"].Value);
        var (key, secret, region) = (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_REGION"]);
        using var client = new HarnessClient(url, key, secret, region);
        var harness = await client.CreateHarnessAsync("attacked", [], cancellationToken);
        if (tls)
        {
            await StopAsync(process);
            (process, url) = await ServeAsync(directory, [.. settings, "--set", $"Server:Certificate={SelfSigned(directory)}"], cancellationToken);
        }

        return new ServerProcess(directory, process)
        {
            Target = new Target(url.Port, key, secret, region, (string)harness["arn"]!, tls),
            HarnessId = (string)harness["harnessId"]!,
        };
    }

    /// <summary>Files that it may open; it holds connections for three quarters of them at most.</summary>
    public string MostFiles =>
        File.ReadLines($"/proc/{_process.Id}/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];

    /// <summary>Memory that is resident, in bytes.</summary>
    public long ResidentBytes() => 1024 * long.Parse(
        File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    /// <summary>Processor time that it has used.</summary>
    public TimeSpan ProcessorTime()
    {
        _process.Refresh();
        return _process.TotalProcessorTime;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(_process);
        Directory.Delete(_directory, recursive: true);
    }

    private static async Task<(Process Process, Uri Url)> ServeAsync(string directory, string[] more, CancellationToken cancellationToken)
    {
        var start = Start(directory, ["serve", "--port", "0", "--json", "--sandbox", "auto", .. more]);
        start.RedirectStandardOutput = true;
        var process = Process.Start(start)!;
        var line = await process.StandardOutput.ReadLineAsync(cancellationToken);
        return (process, new Uri((string)JsonNode.Parse(line ?? throw new InvalidDataException("The server did not start."))!["url"]!));
    }

    private static ProcessStartInfo Start(string directory, params string[] verb)
    {
        var start = new ProcessStartInfo("dotnet", [RepositoryPaths.Cli, .. verb, "--data", directory]);
        foreach (var name in start.Environment.Keys.Where(name => ForeignPrefixes.Any(name.StartsWith)).ToList())
        {
            start.Environment.Remove(name);
        }

        return start;
    }

    private static async Task StopAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }

    private static string SelfSigned(string directory)
    {
        using var key = ECDsa.Create();
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var path = Path.Combine(directory, "server.pem");
        File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return path;
    }

    [GeneratedRegex("^export (?<name>[A-Z0-9_]+)='(?<value>.*)'$", RegexOptions.Multiline)]
    private static partial Regex ExportLine();
}
