using System.Diagnostics;
using System.Text.Json;

namespace Belay.Bench.Loop.Processes;

/// <summary>A part of the bench that runs as a process of its own and says where it listens in its first line.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    // Whatever provider or cloud the machine is set up for must not change what is measured.
    private static readonly string[] ForeignPrefixes = ["AWS_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "OTEL_", "BELAY_"];
    private readonly Process _process;

    private ChildProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>Its id.</summary>
    public int Id => _process.Id;

    /// <summary>This program again, in another role.</summary>
    public static ProcessStartInfo Self(params string[] arguments) => DotNet(typeof(ChildProcess).Assembly.Location, ["--role", .. arguments]);

    /// <summary>A .NET program.</summary>
    public static ProcessStartInfo DotNet(string program, params string[] arguments)
    {
        var host = Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";
        return new ProcessStartInfo(host, [program, .. arguments]);
    }

    /// <summary>Starts a process; it is ready when its first line is there.</summary>
    /// <param name="start">The program.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="environment">What its environment has besides.</param>
    public static async Task<ChildProcess> StartAsync(ProcessStartInfo start, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach (var name in start.Environment.Keys.Where(name => ForeignPrefixes.Any(name.StartsWith)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        start.Environment["NO_PROXY"] = start.Environment["no_proxy"] = "localhost,127.0.0.1";
        var process = Process.Start(start)!;
        var said = "";
        process.ErrorDataReceived += (_, line) => said = line.Data ?? said;
        process.BeginErrorReadLine();
        var first = await process.StandardOutput.ReadLineAsync(cancellationToken);
        if (first is null)
        {
            await process.WaitForExitAsync(cancellationToken);
            throw new InvalidOperationException($"{string.Join(' ', start.ArgumentList)} ended with {process.ExitCode} before it was ready: {said}");
        }

        return new(process, AddressOf(first));
    }

    /// <summary>What it has done so far; only a part of the bench answers this.</summary>
    public async Task<Counters> CountersAsync(CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync("counters".AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        return Counters.Parse((await _process.StandardOutput.ReadLineAsync(cancellationToken))!);
    }

    /// <summary>Kills it with SIGKILL, as a power cut would, and waits until it is gone.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        _process.Kill();
        await _process.WaitForExitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // Its children too: a server that is cut off leaves its sandboxes to fate.
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static Uri AddressOf(string line)
    {
        if (!line.StartsWith('{'))
        {
            return new Uri(line);
        }

        using var said = JsonDocument.Parse(line);
        return new Uri(said.RootElement.GetProperty("url").GetString()!);
    }
}
