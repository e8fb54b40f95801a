using System.ComponentModel;
using System.Globalization;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Floor;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;
using Belay.Testing.Processes;

namespace Belay.Bench.Loop;

/// <summary>Everything that runs side by side: the provider, the floors, the peer, the product and its variants. All of it is started before
/// anything is measured.</summary>
internal sealed class Field : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly string _directory = RepositoryPaths.Artifacts("bench", $"data-{Environment.ProcessId}");
    private readonly List<IAsyncDisposable> _processes = [];
    private readonly List<IDisposable> _clients = [];
    private ChildProcess _provider = null!;
    private int _sessions;
    private int _directories;

    private Field()
    {
    }

    /// <summary>Where the provider listens.</summary>
    public Uri Provider => _provider.Address;

    /// <summary>The floor inside this process.</summary>
    public ISubject Raw { get; private set; } = null!;

    /// <summary>The floor behind Kestrel.</summary>
    public ISubject Floor { get; private set; } = null!;

    /// <summary>The peer; null where it cannot be installed.</summary>
    public ISubject? Strands { get; private set; }

    /// <summary>Why there is no peer.</summary>
    public string NoStrands { get; private set; } = "";

    /// <summary>The product as it is shipped.</summary>
    public ISubject Belay { get; private set; } = null!;

    /// <summary>Its process and its harness.</summary>
    public BelayProgram Program { get; private set; } = null!;

    /// <summary>The product with one part replaced, each.</summary>
    public IReadOnlyList<ISubject> Variants { get; private set; } = [];

    /// <summary>The product without sessions in memory.</summary>
    public ISubject Cold { get; private set; } = null!;

    /// <summary>All of them.</summary>
    public IEnumerable<ISubject> Subjects => [Raw, Floor, Belay, .. Variants, Cold, .. Strands is { } strands ? [strands] : (ISubject[])[]];

    /// <summary>Starts everything.</summary>
    public static async Task<Field> StartAsync(TextWriter progress, CancellationToken cancellationToken)
    {
        var field = new Field();
        try
        {
            field._provider = await field.KeepAsync(ChildProcess.StartAsync(ChildProcess.Self("provider"), cancellationToken));
            var raw = new RawLoop(field.Provider);
            field._clients.Add(raw);
            field.Raw = new RawSubject(raw);
            field.Floor = field.Plain(Names.Floor, await field.StartFloorAsync(cancellationToken));
            await field.TryStrandsAsync(progress, cancellationToken);

            field.Program = await field.StartBelayAsync(Variant.Shipped, cancellationToken);
            field.Belay = field.Drive(field.Program);
            field.Variants =
            [
                field.Drive(await field.StartBelayAsync(Variant.MemoryJournal, cancellationToken), Names.MemoryJournal),
                field.Drive(await field.StartBelayAsync(Variant.NoSealing, cancellationToken), Names.NoSealing),
                field.Drive(await field.StartBelayAsync(Variant.Bearer, cancellationToken), Names.Bearer),
                field.Drive(await field.StartBelayAsync(Variant.NoTelemetry, cancellationToken), Names.NoTelemetry),
                field.Drive(await field.StartBelayAsync(Variant.NotSynced, cancellationToken), Names.NotSynced),
            ];
            field.Cold = field.Drive(await field.StartBelayAsync(Variant.Cold, cancellationToken), Names.Cold);
            return field;
        }
        catch
        {
            await field.DisposeAsync();
            throw;
        }
    }

    /// <summary>Another floor behind Kestrel, for rows that need a fresh process.</summary>
    public Task<ChildProcess> StartFloorAsync(CancellationToken cancellationToken) =>
        KeepAsync(ChildProcess.StartAsync(ChildProcess.Self("floor", Provider.ToString()), cancellationToken));

    /// <summary>Another peer.</summary>
    public Task<ChildProcess> StartStrandsAsync(CancellationToken cancellationToken) => KeepAsync(Processes.Strands.StartAsync(Provider, cancellationToken));

    /// <summary>Another server of the product on a directory of its own.</summary>
    public Task<BelayProgram> StartBelayAsync(Variant variant, CancellationToken cancellationToken) =>
        KeepAsync(BelayProgram.StartAsync(variant, NewDirectory(variant), cancellationToken));

    /// <summary>Another server of the product as it is shipped, which takes the provider for Amazon Bedrock too.</summary>
    public Task<BelayProgram> StartBelayAsync(IReadOnlyList<string> settings, CancellationToken cancellationToken) => KeepAsync(BelayProgram.StartAsync(
        Variant.Shipped,
        NewDirectory(Variant.Shipped),
        cancellationToken,
        new Dictionary<string, string> { ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = Provider.ToString(), ["AWS_ACCESS_KEY_ID"] = "bench", ["AWS_SECRET_ACCESS_KEY"] = "bench" },
        settings));

    /// <summary>A subject that speaks plain HTTP.</summary>
    public ISubject Plain(string name, ChildProcess process) => Keep(new PlainSubject(name, process));

    /// <summary>A subject that drives a server of the product in its present life.</summary>
    public ISubject Drive(BelayProgram program, string name = Names.Belay, WireFormat? format = null) =>
        Keep(new BelaySubject(name, program, Provider, format ?? WireFormat.ChatCompletions));

    /// <summary>A session id that nobody used before.</summary>
    public string NewSession() => string.Create(CultureInfo.InvariantCulture, $"bench-session-{Interlocked.Increment(ref _sessions):0000000000000000000000}");

    /// <summary>Model calls that the provider has seen so far.</summary>
    public async Task<long> ModelCallsAsync(CancellationToken cancellationToken) =>
        long.Parse(await _http.GetStringAsync(Provider, cancellationToken), CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        foreach (var process in Enumerable.Reverse(_processes))
        {
            await process.DisposeAsync();
        }

        _http.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task TryStrandsAsync(TextWriter progress, CancellationToken cancellationToken)
    {
        NoStrands = await Processes.Strands.InstallAsync(progress, cancellationToken) ?? "";
        if (NoStrands.Length > 0)
        {
            return;
        }

        try
        {
            Strands = Plain(Names.Strands, await StartStrandsAsync(cancellationToken));
        }
        catch (Exception problem) when (problem is InvalidOperationException or Win32Exception)
        {
            NoStrands = problem.Message;
        }
    }

    private string NewDirectory(Variant variant) => Path.Combine(_directory, $"{variant}-{++_directories}");

    private T Keep<T>(T client)
        where T : IDisposable
    {
        _clients.Add(client);
        return client;
    }

    private async Task<T> KeepAsync<T>(Task<T> starting)
        where T : IAsyncDisposable
    {
        var started = await starting;
        _processes.Add(started);
        return started;
    }
}
