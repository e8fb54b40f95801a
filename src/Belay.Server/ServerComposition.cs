using System.Net;
using Belay.Agents;
using Belay.Backups;
using Belay.Bundles;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Sandboxes.Snapshots;
using Belay.Sandboxes.Unconfined;
using Belay.Server.Auth;
using Belay.Server.Backups;
using Belay.Server.Bundles;
using Belay.Server.Doctor;
using Belay.Server.Harnesses;
using Belay.Server.Health;
using Belay.Server.Identity;
using Belay.Server.Invocations;
using Belay.Server.Logging;
using Belay.Server.OpenApi;
using Belay.Server.Replays;
using Belay.Server.Runtimes;
using Belay.Server.Sessions;
using Belay.Server.Telemetry;
using Belay.Server.Usages;
using Belay.Server.Verification;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Telemetry;
using Belay.Tools.BuiltIn;
using Belay.Verification;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>The composition root: builds every part of a server from its settings, in the order of their dependencies. Used once.</summary>
internal sealed partial class ServerComposition(ServerSettings settings, ServerReplacements replacements, ILoggerFactory logging, LogLevels levels)
{
    private const long LeastFreeBytes = 1024 * 1024;

    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly IdSource Ids = IdSource.System;

    private readonly Stack<object> _owned = new();

    /// <summary>Builds the parts. When that fails, what has been opened is closed again.</summary>
    public async Task<ServerParts> ComposeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var watch = OpenTelemetry();
            var store = OpenStore();
            var secrets = OpenSecrets(store);
            var heads = await OpenHeadsAsync(store, secrets, cancellationToken);
            var sandboxes = await OpenSandboxesAsync(watch.Telemetry, cancellationToken);
            var snapshots = await OpenSnapshotsAsync(store, cancellationToken);
            var identity = new IdentityServices(store.Documents, secrets.Sealer, secrets.MasterKey, new(settings.ExternalSecrets, settings.DefaultAccount), Time, Ids);
            var engine = BuildEngine(watch.Telemetry, store, secrets, identity, heads.Quarantine, sandboxes, snapshots);
            var access = BuildAccess(store, secrets);
            return Serve(watch, store, secrets, identity, heads, sandboxes, engine, access);
        }
        catch
        {
            await ServerParts.DisposeAsync(_owned);
            throw;
        }
    }

    /// <summary>The operations of the published API.</summary>
    public static IReadOnlyList<Operation> Published(HarnessCatalog catalog, IdentityServices identity, IPageTokens tokens, InvocationResolver resolver, SessionHost sessions, IdSource ids) =>
    [
        .. HarnessEndpoints.Operations(catalog, identity.Tags, tokens),
        .. CredentialProviderEndpoints.Operations(identity.Vault, tokens),
        .. WorkloadIdentityEndpoints.Operations(identity.Workloads, tokens),
        .. WorkloadTokenEndpoints.Operations(identity.Tokens, identity.Vault),
        .. InvocationEndpoints.Operations(catalog, resolver, sessions),
        .. CommandEndpoints.Operations(catalog, sessions, ids),
    ];

    // 1. Who is told what happens; first, so that it hears the end of everything else.
    private Watch OpenTelemetry()
    {
        var telemetry = Own(new Instrumentation(settings.Telemetry, Time));
        var metrics = settings.Telemetry.Metrics ? Own(new CollectedMetrics(meter => meter == telemetry.Meter || meter.Name == "System.Runtime")) : null;
        if (OtlpExport.Start(settings.Telemetry, Version, Time, logging) is { } export)
        {
            Own(export);
        }

        return new(telemetry, metrics);
    }

    // 2. The data directory is ours alone from here on: the database holds its lock. Documents and journals are in it.
    private Store OpenStore()
    {
        var database = Own(SqliteDatabase.Open(settings.DataDirectory, settings.Storage, Time));
        var journal = new SqliteJournal(database, Time);
        return new(database, new SqliteDocumentStore(database), journal, replacements.Journal?.Invoke(journal) ?? journal);
    }

    // 3. Secrets: the master key, the access keys, and the sealer of what is stored.
    private Secrets OpenSecrets(Store store)
    {
        var masterKey = MasterKey.LoadOrCreate(settings.DataDirectory);
        var keys = AccessKeys.Open(settings.DataDirectory, masterKey, Time, Ids);
        keys.EnsureFirst(settings.DefaultAccount);
        ISealer sealer = new Sealer(masterKey, store.Documents, Ids, new SealerSettings());
        return new(masterKey, keys, replacements.Sealer?.Invoke(sealer) ?? sealer);
    }

    // 4. What was signed of the journals is compared with what is stored, before anybody reads or writes them.
    private async Task<Heads> OpenHeadsAsync(Store store, Secrets secrets, CancellationToken cancellationToken)
    {
        var quarantine = new Quarantine(logging.CreateLogger<Quarantine>());
        return new(quarantine, Own(await HeadKeeper.OpenAsync(
            settings.DataDirectory, secrets.MasterKey, store.Database, store.Stored, settings.Storage, quarantine, Time, logging.CreateLogger<HeadKeeper>(), cancellationToken)));
    }

    // 5. Sandboxes: the driver proves itself before anything relies on it; what an earlier server left behind goes before one starts.
    private async Task<Sandboxed> OpenSandboxesAsync(Instrumentation telemetry, CancellationToken cancellationToken)
    {
        var drivers = SandboxDrivers.Create(settings.DataDirectory, settings.Sandboxes, Time, Ids);
        var (driver, label) = await ChooseAsync(drivers, cancellationToken);
        var sandboxes = Own(new SessionSandboxes(driver, settings.Sandboxes, settings.DataDirectory, Time, Ids, logging.CreateLogger<SessionSandboxes>()) { Telemetry = telemetry });
        sandboxes.BeginReaping();
        return new(driver, new(() => driver.ProbeAsync(CancellationToken.None)), label, sandboxes);
    }

    private async Task<(ISandboxDriver Driver, string Label)> ChooseAsync(
        IReadOnlyList<ISandboxDriver> drivers, CancellationToken cancellationToken)
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

        var probe = await driver.CheckAsync(cancellationToken);
        if (driver is UnconfinedDriver)
        {
            Log.Unconfined(logging.CreateLogger<ServerParts>(), probe.Label);
        }
        else
        {
            Log.Chosen(logging.CreateLogger<ServerParts>(), driver.Name, probe.Label);
        }

        return (driver, $"{driver.Name} ({probe.Label}){because}");
    }

    // Files of sessions that never began are gone before anybody can begin them.
    private async Task<WorkspaceSnapshots> OpenSnapshotsAsync(Store store, CancellationToken cancellationToken)
    {
        var snapshots = new WorkspaceSnapshots(settings.DataDirectory, settings.Snapshots, Time, Ids, logging.CreateLogger<WorkspaceSnapshots>());
        await snapshots.SettleAsync(store.Journal, cancellationToken);
        return snapshots;
    }

    // 6. Models, harnesses, and the loop that brings them together in sessions.
    private Engine BuildEngine(Instrumentation telemetry, Store store, Secrets secrets, IdentityServices identity, Quarantine quarantine, Sandboxed sandboxes, WorkspaceSnapshots snapshots)
    {
        var models = Own(new ModelCatalog(settings.Models, Time) { FindKeyAsync = identity.Vault.FindKeyAsync });
        var catalog = new HarnessCatalog(store.Documents, secrets.MasterKey, settings.Catalog, Time, Ids);
        var circuits = new CircuitBreakers(settings.Models.Breaker, Time);
        var turn = new ModelTurn(Time, Ids, new RetryPolicy(settings.Models.RetryBaseSeconds), circuits);
        var loop = new AgentLoop(turn, new ContextReduction(turn), new ToolDispatch(settings.Invocations, Time));
        var resolver = new InvocationResolver(models.Resolve, settings.Invocations, settings.Catalog, Ids);
        var services = new SessionServices(loop, BuiltInTools.All, settings.Sessions, settings.Invocations, Time, Ids, logging.CreateLogger<LiveSession>(), RestoreAsync)
        {
            Telemetry = telemetry,
            Quarantine = quarantine,
            ResolveModel = models.Resolve,
            Files = snapshots.Files,
        };
        var sessions = Own(new SessionHost(store.Journal, secrets.Sealer, sandboxes.Sessions.For, services, Ids.NewUuid()));
        telemetry.Observe(() => sessions.Active, () => sandboxes.Sessions.Running, () => circuits.Open(null).Count);
        return new(catalog, resolver, sessions, snapshots, circuits);

        async Task<RestoredInvocation> RestoreAsync(SessionKey session, InvocationStarted started, CancellationToken cancellationToken)
        {
            var (harness, belay) = await catalog.GetWithSettingsAsync(session.Scope, session.HarnessId, started.Version, cancellationToken);
            return new(resolver.Restore(new(harness, started.Endpoint, belay), started), belay.Recovery);
        }
    }

    // 7. Whoever comes in without a signature, and where lists go on.
    private Access BuildAccess(Store store, Secrets secrets) =>
        new(new PaginationTokens(secrets.MasterKey, Time), Own(new BearerTokens(store.Documents, secrets.Keys, Time, Ids)), new Tickets(Time, Ids));

    // 8. What is served, to whom, and how it ends.
    private ServerParts Serve(Watch watch, Store store, Secrets secrets, IdentityServices identity, Heads heads, Sandboxed sandboxes, Engine engine, Access access)
    {
        var subscriptions = Own(new Subscriptions());
        var openMetrics = settings.Telemetry.OpenMetrics || (settings.Address is { } address && IPAddress.IsLoopback(address));
        IReadOnlyList<Operation> operations =
        [
            .. Published(engine.Catalog, identity, access.Pages, engine.Resolver, engine.Sessions, Ids),
            .. Native(store, secrets, heads, sandboxes, engine, access, subscriptions),
            .. watch.Metrics is { } signed && !openMetrics ? [MetricsEndpoint.Authenticated(signed, settings.DefaultAccount)] : Array.Empty<Operation>(),
        ];
        return new ServerParts
        {
            Operations = operations,
            Open =
            [
                OpenEndpoint.Health,
                ReadinessOf(store, sandboxes, engine).Endpoint,
                OpenApiDocument.Endpoint(operations),
                .. watch.Metrics is { } open && openMetrics ? [MetricsEndpoint.Open(open, onlyHere: !settings.Telemetry.OpenMetrics)] : Array.Empty<OpenEndpoint>(),
            ],
            Telemetry = watch.Telemetry,
            Authenticator = new RequestAuthenticator(new SigV4Verifier(secrets.Keys, Time), secrets.Keys, access.Bearers, access.Tickets),
            Time = Time,
            Ids = Ids,
            Logging = logging,
            Background =
            [
                new HarnessReconciler(engine.Catalog, engine.Sessions.StopHarnessAsync, Time, logging.CreateLogger<HarnessReconciler>()),
                new SessionRecovery(store.Journal, engine.Sessions, engine.Catalog.FindAsync, logging.CreateLogger<SessionRecovery>()),
            ],
            DrainAsync = async hurry =>
            {
                try
                {
                    await engine.Sessions.DrainAsync(settings.DrainTime, hurry);
                }
                finally
                {
                    // Last, so that whoever follows a session is told how it ended.
                    await subscriptions.CloseAsync();
                }
            },
            Sandbox = sandboxes.Label,
            Owned = [.. _owned],
        };
    }

    private IReadOnlyList<Operation> Native(Store store, Secrets secrets, Heads heads, Sandboxed sandboxes, Engine engine, Access access, Subscriptions subscriptions)
    {
        var reader = new SessionReader(store.Journal, secrets.Sealer, engine.Sessions.Look, new()) { Quarantine = heads.Quarantine };
        var lists = new SessionLists(reader, settings.Prices);
        var events = new SessionEventStreams(reader, engine.Sessions.Listen, engine.Sessions.Outputs);
        var signer = Own(BundleKey.LoadOrCreate(settings.DataDirectory, secrets.MasterKey));
        var imports = new SessionImport(reader, engine.Sessions, engine.Catalog, engine.Snapshots, Time);
        var exports = new SessionExport(reader, engine.Sessions, engine.Catalog, engine.Snapshots, signer, settings.Bundles, Time);
        var backups = new BackupWriter(store.Database, settings.DataDirectory, Time, Ids);
        return
        [
            .. SettingsEndpoints.Operations(engine.Catalog),
            .. SessionEndpoints.Operations(lists, access.Pages, Time),
            ForkEndpoints.Operation(engine.Catalog, engine.Resolver, new(reader, engine.Sessions, engine.Snapshots.Files, logging.CreateLogger<SessionForks>()), Ids),
            .. JournalEndpoints.Operations(reader, new SessionStreams(reader), subscriptions, Time),
            .. RunEndpoints.Operations(engine.Catalog, engine.Resolver, engine.Sessions),
            .. EventEndpoints.Operations(reader, events, subscriptions, Time),
            .. ChannelEndpoints.Operations(new(engine.Catalog, engine.Resolver, engine.Sessions, reader, events, subscriptions, Time)),
            .. ReplayEndpoints.Operations(reader, engine.Catalog, Time),
            .. BundleEndpoints.Operations(exports, imports, settings.Bundles, settings.DataDirectory),
            .. UsageEndpoints.Operations(lists, Time),
            .. IdentityEndpoints.Operations(secrets.Keys, access.Bearers, access.Tickets, settings.DefaultAccount),
            DoctorEndpoints.Operation(settings, store.Documents, sandboxes.Driver.Name, () => sandboxes.Trial.Value, sandboxes.Label, engine.Sessions.CountOf, heads.Quarantine.CountOf, engine.Circuits.Open, Time),
            VerifyEndpoints.Operation(new(store.Stored, secrets.Sealer, Time), heads.Keeper, heads.Quarantine, settings.DefaultAccount, subscriptions, Time),
            .. BackupEndpoints.Operations(backups, settings.DefaultAccount, logging.CreateLogger(typeof(BackupEndpoints).FullName!)),
            .. LogLevelEndpoints.Operations(levels, settings.DefaultAccount, logging.CreateLogger(typeof(LogLevelEndpoints).FullName!)),
        ];
    }

    private Readiness ReadinessOf(Store store, Sandboxed sandboxes, Engine engine) => new(
        [
            new("store", store.Database.ProbeAsync),

            // A probe is small, and may find room where no turn does.
            new("disk", _ => Task.FromResult(new DriveInfo(Path.GetFullPath(settings.DataDirectory)).AvailableFreeSpace >= LeastFreeBytes)),
            new("sandbox", async token => (await sandboxes.Driver.CheckAsync(token)).Works),
            new("accepting", _ => Task.FromResult(!engine.Sessions.Draining), Shared: false),
        ],
        Time);

    private static string Version => typeof(ServerParts).Assembly.GetName().Version?.ToString(3) ?? "0";

    // What is opened first is closed last.
    private T Own<T>(T part)
        where T : class
    {
        _owned.Push(part);
        return part;
    }

    private sealed record Watch(Instrumentation Telemetry, CollectedMetrics? Metrics);

    private sealed record Store(SqliteDatabase Database, SqliteDocumentStore Documents, SqliteJournal Stored, IJournal Journal);

    private sealed record Secrets(MasterKey MasterKey, AccessKeys Keys, ISealer Sealer);

    private sealed record Heads(Quarantine Quarantine, HeadKeeper Keeper);

    private sealed record Sandboxed(ISandboxDriver Driver, Lazy<Task<SandboxProbe>> Trial, string Label, SessionSandboxes Sessions);

    private sealed record Engine(HarnessCatalog Catalog, InvocationResolver Resolver, SessionHost Sessions, WorkspaceSnapshots Snapshots, CircuitBreakers Circuits);

    private sealed record Access(PaginationTokens Pages, BearerTokens Bearers, Tickets Tickets);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Sandboxes are started by {Driver}: {Label}.")]
        public static partial void Chosen(ILogger logger, string driver, string label);

        [LoggerMessage(LogLevel.Warning, "Sandboxes are unconfined: {Label}. Tools run on this machine as they are.")]
        public static partial void Unconfined(ILogger logger, string label);

        [LoggerMessage(LogLevel.Warning, "No sandbox that isolates works here; tools run on this machine as they are. {Reason}")]
        public static partial void LastResort(ILogger logger, string reason);
    }
}
