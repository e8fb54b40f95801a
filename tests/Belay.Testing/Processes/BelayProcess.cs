using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Belay.Testing.Clients;

namespace Belay.Testing.Processes;

/// <summary>The real server as its own process on its own data directory and port, as a user starts it.</summary>
public sealed partial class BelayProcess : IAsyncDisposable
{
    // Whatever provider or cloud the machine is set up for must not change what the tests see.
    private static readonly string[] ForeignPrefixes = ["AWS_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "OTEL_", "BELAY_"];

    private static readonly string[] Loopback = ["localhost", "127.0.0.1"];
    private readonly IReadOnlyDictionary<string, string> _serverEnvironment;
    private readonly bool _ownsDirectory;
    private readonly IReadOnlyList<string> _serveOptions;
    private Process? _process;
    private HarnessClient? _client;

    private BelayProcess(string dataDirectory, bool ownsDirectory, IReadOnlyDictionary<string, string> serverEnvironment, IReadOnlyList<string> serveOptions)
    {
        DataDirectory = dataDirectory;
        LogFile = dataDirectory + ".log";
        _ownsDirectory = ownsDirectory;
        _serverEnvironment = serverEnvironment;
        _serveOptions = serveOptions;
    }

    /// <summary>Where the server keeps everything.</summary>
    public string DataDirectory { get; }

    /// <summary>What the server printed, over all its lives.</summary>
    public string LogFile { get; }

    /// <summary>Where it listens; the same after a restart.</summary>
    public int Port { get; private set; }

    /// <summary>Process id of its present life.</summary>
    public int Id => _process!.Id;

    /// <summary>What <c>belay env</c> prints: everything that a client needs.</summary>
    public IReadOnlyDictionary<string, string> ClientEnvironment { get; private set; } = new Dictionary<string, string>();

    /// <summary>A plain client of this server.</summary>
    public HarnessClient Client => _client!;

    /// <summary>Starts a server on a fresh data directory and answers when it is ready.</summary>
    public static Task<BelayProcess> StartAsync(CancellationToken cancellationToken) =>
        StartAsync(new Dictionary<string, string>(), [], cancellationToken);

    /// <summary>Starts a server on a fresh data directory, with variables added to its environment.</summary>
    public static Task<BelayProcess> StartAsync(IReadOnlyDictionary<string, string> serverEnvironment, CancellationToken cancellationToken) =>
        StartAsync(serverEnvironment, [], cancellationToken);

    /// <summary>Starts a server with options of <c>serve</c> added to its command line; on a data directory that is there when one is named.</summary>
    public static async Task<BelayProcess> StartAsync(
        IReadOnlyDictionary<string, string> serverEnvironment, IReadOnlyList<string> serveOptions, CancellationToken cancellationToken, string? dataDirectory = null)
    {
        if (!File.Exists(RepositoryPaths.Cli))
        {
            throw new InvalidOperationException($"{RepositoryPaths.Cli} is not built.");
        }

        var server = new BelayProcess(dataDirectory ?? Directory.CreateTempSubdirectory("belay-e2e-").FullName, ownsDirectory: dataDirectory is null, serverEnvironment, serveOptions);
        try
        {
            await server.StartAgainAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server again on the same data directory and answers when it is ready.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        if (Port == 0)
        {
            Port = FreePort();
        }

        _process?.Dispose();
        // The shell only redirects: exec makes the process the server itself, so a kill hits it and nothing in between.
        var start = new ProcessStartInfo("/bin/sh");
        foreach (var argument in (string[])["-c", "exec \"$@\" >>\"$0\" 2>&1", LogFile, .. Command("serve"), "--sandbox", "auto", .. _serveOptions])
        {
            start.ArgumentList.Add(argument);
        }

        _ = Isolated(start);
        foreach (var (name, value) in _serverEnvironment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        await WaitUntilReadyAsync(cancellationToken);
        await ReadClientEnvironmentAsync(cancellationToken);
    }

    /// <summary>Kills the server with SIGKILL, as a power cut would, and returns when it is gone. Its children are left to fate.</summary>
    public async Task Kill9Async(CancellationToken cancellationToken)
    {
        _process!.Kill();
        await _process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Asks the server to stop, as a service manager does.</summary>
    public void Terminate()
    {
        using var kill = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"kill -TERM {Id}"]))!;
        kill.WaitForExit();
    }

    /// <summary>Waits until the server has ended by itself, and answers its exit code.</summary>
    public async Task<int> EndedAsync(CancellationToken cancellationToken)
    {
        await _process!.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Everything that the server printed so far.</summary>
    public string ReadLog() => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    /// <summary>Prepares another program that talks to this server: its environment is what <c>belay env</c> prints.</summary>
    public ProcessStartInfo ClientProgram(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = RepositoryPaths.Root };
        var models = start.Environment.TryGetValue("BELAY_MODELS", out var folder) ? folder : null;
        _ = Isolated(start);
        start.Environment["BELAY_MODELS"] = models;
        start.Environment["BELAY_SERVER_LOG"] = LogFile;
        foreach (var (name, value) in ClientEnvironment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    /// <summary>Prepares the <c>belay</c> program with a verb, on this server's data directory and port.</summary>
    public ProcessStartInfo Verb(string verb, params string[] arguments)
    {
        var command = Command(verb);
        var start = new ProcessStartInfo(command[0], [.. command[1..], .. arguments]) { WorkingDirectory = RepositoryPaths.Root };
        _ = Isolated(start);
        return start;
    }

    /// <summary>Kills what is left of the server's processes and removes the data directory.</summary>
    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            using var deadline = new CancellationTokenSource(Eventually.Deadline);
            await process.WaitForExitAsync(deadline.Token);
            process.Dispose();
        }

        if (_ownsDirectory)
        {
            Directory.Delete(DataDirectory, recursive: true);
            File.Delete(LogFile);
        }
    }

    /// <summary>Prepares a program whose environment has nothing of any provider or cloud that the machine is set up for.</summary>
    public static ProcessStartInfo Isolated(ProcessStartInfo start)
    {
        foreach (var name in start.Environment.Keys.Where(name => ForeignPrefixes.Any(name.StartsWith)).ToList())
        {
            start.Environment.Remove(name);
        }

        // A proxy of the machine must not stand between the parts of a test.
        start.Environment["NO_PROXY"] = start.Environment["no_proxy"] = string.Join(',', Loopback);
        return start;
    }

    /// <summary>A port of loopback on which nobody listens.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex("^export (?<name>[A-Z0-9_]+)='(?<value>.*)'$", RegexOptions.Multiline)]
    private static partial Regex ExportLine();

    private string[] Command(string verb) =>
        ["dotnet", RepositoryPaths.Cli, verb, "--port", $"{Port}", "--data", DataDirectory];

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };
        var health = new Uri($"http://127.0.0.1:{Port}/healthz");
        await Eventually.TrueAsync(
            "the server is ready",
            async () =>
            {
                if (_process!.HasExited)
                {
                    throw new InvalidOperationException($"The server ended with {_process.ExitCode}. It said:\n{ReadLog()}");
                }

                try
                {
                    using var response = await http.GetAsync(health, cancellationToken);
                    return response.StatusCode == HttpStatusCode.OK;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            cancellationToken);
    }

    private async Task ReadClientEnvironmentAsync(CancellationToken cancellationToken)
    {
        var env = await ProgramRun.SucceedAsync(Verb("env"), Eventually.Deadline, cancellationToken);
        ClientEnvironment = ExportLine().Matches(env.Output).ToDictionary(
            match => match.Groups["name"].Value,
            match => match.Groups["value"].Value.Replace(@"'\''", "'", StringComparison.Ordinal));
        _client?.Dispose();
        _client = new HarnessClient(
            new Uri(ClientEnvironment["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"]),
            ClientEnvironment["AWS_ACCESS_KEY_ID"],
            ClientEnvironment["AWS_SECRET_ACCESS_KEY"],
            ClientEnvironment["AWS_REGION"]);
    }
}
