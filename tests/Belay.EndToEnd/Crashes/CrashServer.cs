using System.Diagnostics;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Crashes;

/// <summary>A step of a session at which the server kills itself.</summary>
/// <param name="SessionId">The session.</param>
/// <param name="Step">The step, as the program <c>Belay.Crashing</c> names it.</param>
/// <param name="After">Whether the journal has accepted it.</param>
/// <param name="Stored">Whether it is on the disk by then, too.</param>
public sealed record CrashOrder(string SessionId, string Step, bool After, bool Stored = false);

/// <summary>The program <c>Belay.Crashing</c>, the real server with a journal that kills it, over all its lives on one data directory.</summary>
public sealed class CrashServer : IAsyncDisposable
{
    private const string Region = "us-west-2";
    private const int KilledExitCode = 128 + 9;

    private readonly AccessKey _key;
    private Process? _process;

    public CrashServer()
    {
        DataDirectory = Directory.CreateTempSubdirectory("belay-crashes-").FullName;
        var keys = AccessKeys.Open(DataDirectory, MasterKey.LoadOrCreate(DataDirectory), TimeProvider.System, IdSource.System);
        keys.EnsureFirst("000000000000");
        _key = keys.List()[0];
    }

    /// <summary>Where the server keeps everything.</summary>
    public string DataDirectory { get; }

    /// <summary>A client of its present life.</summary>
    public HarnessClient Client { get; private set; } = null!; // Set by the first start.

    private string Record => DataDirectory + ".steps";

    /// <summary>Starts the server, and tells it where to die.</summary>
    public async Task StartAsync(CrashOrder? order, CancellationToken cancellationToken)
    {
        Client?.Dispose();
        _process?.Dispose();
        string[] death = order is null ? [] : [order.SessionId, order.Step, order.Stored ? "stored" : order.After ? "after" : "before"];
        var program = Path.Combine(RepositoryPaths.Root, "artifacts", "bin", "Belay.Crashing", RepositoryPaths.Configuration, "Belay.Crashing.dll");
        _process = Process.Start(BelayProcess.Isolated(new("dotnet", [program, DataDirectory, "0", Record, .. death]) { RedirectStandardOutput = true }))!;
        var address = await _process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The server ended before it was ready.");
        Client = new(new(address), _key.Id, _key.Secret, Region);
    }

    /// <summary>What was done with the journal of a session, over all lives.</summary>
    public IReadOnlyList<string> StepsOf(string sessionId) =>
        [.. File.ReadAllLines(Record).Where(line => line.StartsWith(sessionId, StringComparison.Ordinal)).Select(line => line[(sessionId.Length + 1)..])];

    /// <summary>Whether the server killed itself within a time.</summary>
    public async Task<bool> DiesAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await _process!.WaitForExitAsync(cancellationToken).WaitAsync(limit, TimeProvider.System, cancellationToken);
            return _process.ExitCode == KilledExitCode;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Kills it, if it lives.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync(CancellationToken.None);
        Client?.Dispose();
        _process?.Dispose();
        Directory.Delete(DataDirectory, recursive: true);
        File.Delete(Record);
    }
}
