using System.Diagnostics;
using System.Globalization;
using Belay.Bench.Loop.Processes;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.Bench.Loop.Product;

/// <summary>A server of the product as a process of its own, with its data directory, its key and one harness.</summary>
internal sealed class BelayProgram : IAsyncDisposable
{
    /// <summary>Sessions that may be active at a time: more than any row wants.</summary>
    public const int MaxActive = 100_000;

    private const string Account = "000000000000";
    private const string Region = "us-west-2";
    private readonly string _directory;

    private readonly IReadOnlyList<string> _settings;

    private BelayProgram(Variant variant, string directory, AccessKey key, IReadOnlyList<string> settings)
    {
        _settings = settings;
        Variant = variant;
        _directory = directory;
        Key = key;
    }

    /// <summary>Which part is replaced.</summary>
    public Variant Variant { get; }

    /// <summary>The key that clients sign with.</summary>
    public AccessKey Key { get; }

    /// <summary>The present process.</summary>
    public ChildProcess Process { get; private set; } = null!;

    /// <summary>A plain client, for what is not timed to the microsecond.</summary>
    public HarnessClient Client { get; private set; } = null!;

    /// <summary>The harness that rows invoke.</summary>
    public string HarnessArn { get; private set; } = "";

    /// <summary>Starts a server on a fresh directory and makes its harness.</summary>
    /// <param name="variant">Which part is replaced.</param>
    /// <param name="directory">The directory.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="environment">What else its environment has.</param>
    /// <param name="settings">Settings by name, for the program as it is shipped.</param>
    public static async Task<BelayProgram> StartAsync(
        Variant variant, string directory, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null, params IReadOnlyList<string> settings)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var keys = AccessKeys.Open(directory, MasterKey.LoadOrCreate(directory), TimeProvider.System, IdSource.System);
        keys.EnsureFirst(Account);
        var program = new BelayProgram(variant, directory, keys.List()[0], settings);
        await program.StartAgainAsync(cancellationToken, environment);
        var members = new System.Text.Json.Nodes.JsonObject { ["truncation"] = new System.Text.Json.Nodes.JsonObject { ["strategy"] = "none" } };
        program.HarnessArn = (string)(await program.Client.CreateHarnessAsync("bench", members, cancellationToken))["arn"]!;
        return program;
    }

    /// <summary>Starts the server again on what it left.</summary>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="environment">What else its environment has; nothing in every measurement.</param>
    public async Task StartAgainAsync(CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = Variant == Variant.Shipped ? Shipped() : ChildProcess.Self("variant", Variant.ToString(), _directory);
        Process = await ChildProcess.StartAsync(start, cancellationToken, environment);
        Client?.Dispose();
        Client = new HarnessClient(Process.Address, Key.Id, Key.Secret, Region);
    }

    /// <summary>Adds finished sessions to its store while it does not run.</summary>
    public Task StoreSessionsAsync(int sessions, CancellationToken cancellationToken) =>
        StoredSessions.AddAsync(_directory, new(new Scope(Account, Region), HarnessArn.Split('/')[^1], ""), sessions, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private ProcessStartInfo Shipped() => ChildProcess.DotNet(
        RepositoryPaths.Cli,
        [
            "serve",
            "--json",
            "--port", "0",
            "--data", _directory,
            "--set", string.Create(CultureInfo.InvariantCulture, $"Quotas:ActiveSessions={MaxActive}"),
            .. _settings.SelectMany(setting => (string[])["--set", setting]),
        ]);
}
