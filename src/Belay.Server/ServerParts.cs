using System.Net;
using Belay.Agents;
using Belay.Backups;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Server.Auth;
using Belay.Server.Backups;
using Belay.Server.Doctor;
using Belay.Server.Harnesses;
using Belay.Server.Health;
using Belay.Server.Identity;
using Belay.Server.Invocations;
using Belay.Server.Logging;
using Belay.Server.OpenApi;
using Belay.Server.Runtimes;
using Belay.Server.Sessions;
using Belay.Server.Telemetry;
using Belay.Server.Usages;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Telemetry;
using Belay.Tools.BuiltIn;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>What a server is made of. <c>OpenAsync</c> composes the real one; tests put their own parts in.</summary>
public sealed partial record ServerParts
{
    private const long LeastFreeBytes = 1024 * 1024;

    /// <summary>What the server serves.</summary>
    public required IReadOnlyList<Operation> Operations { get; init; }

    /// <summary>What anybody may ask.</summary>
    public IReadOnlyList<OpenEndpoint> Open { get; init; } = [OpenEndpoint.Health];

    /// <summary>Finds out who calls.</summary>
    public required IAuthenticator Authenticator { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where ids come from.</summary>
    public IdSource Ids { get; init; } = IdSource.System;

    /// <summary>Where logs go.</summary>
    public required ILoggerFactory Logging { get; init; }

    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    /// <summary>What works in the background while the server runs.</summary>
    public IReadOnlyList<IHostedService> Background { get; init; } = [];

    /// <summary>Takes nothing new, lets what runs finish until it is told to hurry, and ends the rest so that it can go on after a
    /// restart; called as the server stops, while its streams can still say so.</summary>
    public Func<CancellationToken, Task> DrainAsync { get; init; } = _ => Task.CompletedTask;

    /// <summary>Driver and label of the sandboxes that are started, and why it is no better one; empty where there are none.</summary>
    public string Sandbox { get; init; } = "";

    /// <summary>What is disposed after the last request has ended, in this order.</summary>
    public IReadOnlyList<object> Owned { get; init; } = [];

    /// <summary>The composition root: opens the data directory and builds every part from its settings.</summary>
    /// <exception cref="InvalidDataException">The data directory cannot be used, or the settings are wrong; the message says why.</exception>
    /// <exception cref="SandboxException">No sandbox driver works as asked; the message says what to do.</exception>
    public static Task<ServerParts> OpenAsync(ServerSettings settings, ILoggerFactory logging, LogLevels levels, CancellationToken cancellationToken) =>
        OpenAsync(settings, new ServerReplacements(), logging, levels, cancellationToken);

    /// <summary>The same with parts of the caller's own in place of the usual ones. The program never replaces any.</summary>
    public static async Task<ServerParts> OpenAsync(
        ServerSettings settings, ServerReplacements replacements, ILoggerFactory logging, LogLevels levels, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var ids = IdSource.System;
        var owned = new Stack<object>();
        try
        {
            // 0. Who is told what happens; first, so that it hears the end of everything else.
            var telemetry = new Instrumentation(settings.Telemetry, time);
            owned.Push(telemetry);
            var metrics = settings.Telemetry.Metrics ? new CollectedMetrics(meter => meter == telemetry.Meter || meter.Name == "System.Runtime") : null;
            if (metrics is not null)
            {
                owned.Push(metrics);
            }

            if (OtlpExport.Start(settings.Telemetry, Version, time, logging) is { } export)
            {
                owned.Push(export);
            }

            // 1. The data directory is ours alone from here on: the database holds its lock. Documents and journals are in it.
            var database = SqliteDatabase.Open(settings.DataDirectory, settings.Storage, time);
            owned.Push(database);
            var documents = new SqliteDocumentStore(database);
            var journal = replacements.Journal?.Invoke(time) ?? new SqliteJournal(database, time);

            // 2. Secrets: the master key, the access keys, and the sealer of what is stored.
            var masterKey = MasterKey.LoadOrCreate(settings.DataDirectory);
            var keys = AccessKeys.Open(settings.DataDirectory, masterKey, time, ids);
            keys.EnsureFirst(settings.DefaultAccount);
            ISealer sealer = new Sealer(masterKey, documents, ids, new SealerSettings());
            sealer = replacements.Sealer?.Invoke(sealer) ?? sealer;

            // 3. Sandboxes: the driver proves itself before anything relies on it; what an earlier server left behind goes.
            var drivers = SandboxDrivers.Create(settings.DataDirectory, settings.Sandboxes, time, ids);
            var (driver, probe, sandbox) = await ChooseAsync(settings, drivers, logging, cancellationToken);
            await driver.ReapAsync(cancellationToken);
            var sandboxes = new SessionSandboxes(driver, settings.Sandboxes, settings.DataDirectory, time, ids, logging.CreateLogger<SessionSandboxes>()) { Telemetry = telemetry };
            owned.Push(sandboxes);

            // 4. Models, harnesses, and the loop that brings them together in sessions.
            var models = new ModelCatalog(settings.Models, time);
            owned.Push(models);
            var catalog = new HarnessCatalog(documents, masterKey, settings.Catalog, time, ids);
            var turn = new ModelTurn(time, ids, new RetryPolicy(settings.Models.RetryBaseSeconds));
            var loop = new AgentLoop(turn, new ContextReduction(turn), new ToolDispatch(settings.Invocations, time));
            var services = new SessionServices(
                loop, BuiltInTools.All, settings.Sessions, settings.Invocations, time, ids, logging.CreateLogger<LiveSession>())
            { Telemetry = telemetry };
            var sessions = new SessionHost(journal, sealer, sandboxes.For, services, ids.NewUuid());
            owned.Push(sessions);
            telemetry.Observe(() => sessions.Active, () => sandboxes.Running);
            var resolver = new InvocationResolver(models.Resolve, settings.Invocations, settings.Catalog, ids);
            var reconciler = new HarnessReconciler(catalog, sessions.StopHarnessAsync, time, logging.CreateLogger<HarnessReconciler>());

            // 5. What is served, and to whom.
            var openMetrics = settings.Telemetry.OpenMetrics || (settings.Address is { } address && IPAddress.IsLoopback(address));
            var readiness = new Readiness(
                [
                    new("store", database.ProbeAsync),

                    // A probe is small, and may find room where no turn does.
                    new("disk", _ => Task.FromResult(new DriveInfo(Path.GetFullPath(settings.DataDirectory)).AvailableFreeSpace >= LeastFreeBytes)),
                    new("sandbox", async token => (await driver.ProbeAsync(token)).Works),
                    new("accepting", _ => Task.FromResult(!sessions.Draining), Shared: false),
                ],
                time);
            var tokens = new PaginationTokens(masterKey, time);
            var bearerTokens = new BearerTokens(documents, keys, time, ids);
            owned.Push(bearerTokens);
            var tickets = new Tickets(time, ids);
            var reader = new SessionReader(journal, sealer, sessions.Look, new());
            var lists = new SessionLists(reader, settings.Prices);
            var subscriptions = new Subscriptions();
            owned.Push(subscriptions);
            IReadOnlyList<Operation> operations =
            [
                .. Serve(catalog, tokens, resolver, sessions, ids),
                .. SettingsEndpoints.Operations(catalog),
                .. SessionEndpoints.Operations(lists, tokens, time),
                .. JournalEndpoints.Operations(reader, new SessionStreams(reader), subscriptions, time),
                .. UsageEndpoints.Operations(lists, time),
                .. IdentityEndpoints.Operations(keys, bearerTokens, tickets, settings.DefaultAccount),
                DoctorEndpoints.Operation(settings, documents, driver.Name, probe, sandbox, sessions.CountOf, time),
                .. metrics is not null && !openMetrics ? [MetricsEndpoint.Authenticated(metrics, settings.DefaultAccount)] : Array.Empty<Operation>(),
                .. BackupEndpoints.Operations(
                    new BackupWriter(database, settings.DataDirectory, time, ids), settings.DefaultAccount, logging.CreateLogger(typeof(BackupEndpoints).FullName!)),
                .. LogLevelEndpoints.Operations(levels, settings.DefaultAccount, logging.CreateLogger(typeof(LogLevelEndpoints).FullName!)),
            ];
            return new ServerParts
            {
                Operations = operations,
                Open =
                [
                    OpenEndpoint.Health,
                    readiness.Endpoint,
                    OpenApiDocument.Endpoint(operations),
                    .. metrics is not null && openMetrics ? [MetricsEndpoint.Open(metrics, onlyHere: !settings.Telemetry.OpenMetrics)] : Array.Empty<OpenEndpoint>(),
                ],
                Telemetry = telemetry,
                Authenticator = new RequestAuthenticator(new SigV4Verifier(keys, time), keys, bearerTokens, tickets),
                Time = time,
                Ids = ids,
                Logging = logging,
                Background = [reconciler],
                DrainAsync = async hurry =>
                {
                    try
                    {
                        await sessions.DrainAsync(settings.DrainTime, hurry);
                    }
                    finally
                    {
                        // Last, so that whoever follows a session is told how it ended.
                        await subscriptions.CloseAsync();
                    }
                },
                Sandbox = sandbox,
                Owned = [.. owned],
            };
        }
        catch
        {
            await DisposeAsync(owned);
            throw;
        }
    }

    /// <summary>Every operation that a server serves.</summary>
    internal static IReadOnlyList<Operation> Serve(HarnessCatalog catalog, IPageTokens tokens, InvocationResolver resolver, SessionHost sessions, IdSource ids) =>
    [
        .. HarnessEndpoints.Operations(catalog, tokens),
        .. InvocationEndpoints.Operations(catalog, resolver, sessions),
        .. CommandEndpoints.Operations(catalog, sessions, ids),
    ];

    private static string Version => typeof(ServerParts).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>Disposes parts, the newest first.</summary>
    internal static async Task DisposeAsync(IEnumerable<object> parts)
    {
        foreach (var part in parts)
        {
            switch (part)
            {
                case IAsyncDisposable disposable:
                    await disposable.DisposeAsync();
                    break;
                case IDisposable disposable:
                    disposable.Dispose();
                    break;
                default:
                    break;
            }
        }
    }

    private static async Task<(ISandboxDriver Driver, SandboxProbe Probe, string Label)> ChooseAsync(
        ServerSettings settings, IReadOnlyList<ISandboxDriver> drivers, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        ISandboxDriver driver;
        var because = "";
        try
        {
            driver = await SandboxDrivers.ChooseAsync(settings.Sandboxes.Driver, drivers, cancellationToken);
        }
        catch (SandboxException refusal) when (settings.UnconfinedAsLastResort && settings.Sandboxes.Driver == SandboxDrivers.Auto)
        {
            Log.LastResort(logging.CreateLogger<ServerParts>(), refusal.Message);
            driver = await SandboxDrivers.ChooseAsync("unconfined", drivers, cancellationToken);
            because = $", because nothing that isolates works here. {refusal.Message}";
        }

        var probe = await driver.ProbeAsync(cancellationToken);
        Log.Chosen(logging.CreateLogger<ServerParts>(), driver.Name, probe.Label);
        return (driver, probe, $"{driver.Name} ({probe.Label}){because}");
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Sandboxes are started by {Driver}: {Label}.")]
        public static partial void Chosen(ILogger logger, string driver, string label);

        [LoggerMessage(LogLevel.Warning, "No sandbox that isolates works here; tools run on this machine as they are. {Reason}")]
        public static partial void LastResort(ILogger logger, string reason);
    }
}
