using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Models;
using Belay.Replays;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;
using Belay.Testing.Models;
using Belay.Testing.Sandboxes;
using Belay.Testing.Storage;
using Belay.Tools;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Testing.Sessions;

/// <summary>
/// The real engine in a world that a test holds in its hands: journal and documents in memory, a manual clock, seeded ids, a model that
/// says what it is told, a sandbox in memory.
/// </summary>
public sealed class EngineWorld : IAsyncDisposable
{
    public static readonly Scope Scope = new("000000000000", "us-west-2");
    public const string SessionId = "session-0000000000000000000000000000001";

    private readonly InMemoryDocumentStore _documents = new();
    private readonly IdSource _ids;
    private readonly MasterKey _master;

    public EngineWorld(int seed = 1)
    {
        _ids = new SeededIdSource(seed);
        _master = MasterKey.FromBytes(new byte[32]);
        Journal = new(Time);
    }

    public ManualTime Time { get; } = new();

    public FakeModel Model { get; init; } = new();

    public InMemoryDisk Disk { get; } = new();

    public InMemoryJournal Journal { get; private set; }

    /// <summary>Stands between host and journal; the journal itself when null.</summary>
    public Func<IJournal, IJournal>? Decorate { get; init; }

    public List<ITool> BuiltIns { get; } = [new SandboxShell()];

    public Harness Harness { get; set; } = DefaultHarness();

    public BelaySettings Belay { get; set; } = new();

    public SessionSettings Sessions { get; init; } = new();

    public InvocationSettings Invocations { get; init; } = new();

    /// <summary>Why no invocation can be restored; null when they can.</summary>
    public ServiceException? RestoreFails { get; set; }

    /// <summary>When a failed model call is tried again.</summary>
    public RetryPolicy Retries { get; init; } = new(RetryPolicy.DefaultBaseSeconds);

    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    public SessionKey Key => new(Scope, Harness.HarnessId, SessionId);

    /// <summary>The sandboxes of sessions, newest last.</summary>
    public List<InMemorySessionSandbox> Sandboxes { get; } = [];

    public SessionHost Host => _host ??= NewHost();

    private SessionHost? _host;
    /// <summary>Servers that have come up so far; the number of the newest.</summary>
    public int Servers { get; private set; }

    public ISealer Sealer => _sealer ??= new Sealer(_master, _documents, _ids, new());

    private Sealer? _sealer;

    /// <summary>Who keeps the files of sessions; nobody by default.</summary>
    public SessionFiles? Files { get; set; }

    /// <summary>Models that take over from <see cref="Model"/>, in this order.</summary>
    public List<FakeModel> Fallbacks { get; } = [];

    /// <summary>Who counts the failures of endpoints.</summary>
    public CircuitBreakers Circuits => _circuits ??= new(new(), Time);

    private CircuitBreakers? _circuits;

    /// <summary>Models by id in place of <see cref="Model"/>.</summary>
    public Dictionary<string, FakeModel> Models { get; } = new(StringComparer.Ordinal);

    public InvocationResolver Resolver => new(ResolveModel, Invocations, new(), _ids);

    public SessionForks Forks => new(new(Journal, Sealer, Host.Look, new()), Host, Files, NullLogger<SessionForks>.Instance);

    public static Harness DefaultHarness() => new()
    {
        HarnessId = "test-AAAAAAAAAA",
        HarnessName = "test",
        Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/test-AAAAAAAAAA",
        Status = HarnessStatus.Ready,
        HarnessVersion = "1",
        ExecutionRoleArn = "arn:aws:iam::000000000000:role/Test",
        CreatedAt = DateTimeOffset.UnixEpoch,
        UpdatedAt = DateTimeOffset.UnixEpoch,
        Model = CatalogSettings.ScriptedModel,
        SystemPrompt = [],
        Tools = [],
        Skills = [],
        AllowedTools = ["*"],
        Truncation = new() { Strategy = HarnessTruncationStrategy.SlidingWindow },
        Environment = new(),
        MaxIterations = 75,
        TimeoutSeconds = 3600,
    };

    public static HarnessTool Inline(string name) => new()
    {
        Type = HarnessToolType.InlineFunction,
        Name = name,
        Config = new() { InlineFunction = new() { Description = "Asks.", InputSchema = JsonElement.Parse("""{"type":"object"}""") } },
    };

    public static HarnessMessage User(string text) => new() { Role = HarnessConversationRole.User, Content = [new() { Text = text }] };

    public static HarnessMessage Results(params (string Id, string Text)[] results) => new()
    {
        Role = HarnessConversationRole.User,
        Content = [.. results.Select(result => new HarnessContentBlock { ToolResult = new() { ToolUseId = result.Id, Status = HarnessToolUseStatus.Success, Content = [new() { Text = result.Text }] } })],
    };

    public static HarnessMessage Uses(params (string Id, string Name, string Input)[] uses) => new()
    {
        Role = HarnessConversationRole.Assistant,
        Content = [.. uses.Select(use => new HarnessContentBlock { ToolUse = new() { ToolUseId = use.Id, Name = use.Name, Input = JsonElement.Parse(use.Input) } })],
    };

    public InvokeHarnessRequest Request(params HarnessMessage[] messages) => new() { HarnessArn = Harness.Arn, RuntimeSessionId = SessionId, Messages = messages };

    public Task<AcceptedInvocation> StartAsync(InvokeHarnessRequest request) =>
        Host.InvokeAsync(Key, Resolver.Resolve(new(Harness, "DEFAULT", Belay), request), CancellationToken.None);

    /// <summary>What a server does as it starts.</summary>
    public Task<int> RecoverAsync() =>
        new SessionRecovery(Journal, Host, (_, _) => Task.FromResult<Harness?>(Harness), NullLogger<SessionRecovery>.Instance).RunOnceAsync(CancellationToken.None);

    /// <summary>Invokes and reads the stream to its end.</summary>
    public async Task<IReadOnlyList<InvocationEvent>> InvokeAsync(InvokeHarnessRequest request)
    {
        await using var accepted = await StartAsync(request);
        return await ReadAsync(accepted);
    }

    public Task<IReadOnlyList<InvocationEvent>> InvokeAsync(params HarnessMessage[] messages) => InvokeAsync(Request(messages));

    public static async Task<IReadOnlyList<InvocationEvent>> ReadAsync(AcceptedInvocation accepted)
    {
        var events = new List<InvocationEvent>();
        await foreach (var item in accepted.ReadAsync(CancellationToken.None))
        {
            events.Add(item);
        }

        return events;
    }

    /// <summary>What the journal holds.</summary>
    public async Task<IReadOnlyList<EntryBody>> EntriesAsync()
    {
        var entries = new List<EntryBody>();
        await foreach (var entry in SessionJournal.ReadAsync(Journal, Sealer, Key, 0, CancellationToken.None))
        {
            entries.Add(entry.Body);
        }

        return entries;
    }

    /// <summary>Runs what the journal holds again.</summary>
    public async Task<IReadOnlyList<ReplayedInvocation>> ReplayAsync(Func<RecordedEntry, RecordedEntry>? change = null)
    {
        var entries = SessionJournal.ReadOpenedAsync(Journal, Sealer, Key, 0, CancellationToken.None).Select(RecordedEntry.Of).Select(entry => change?.Invoke(entry) ?? entry);
        var replayer = new Replayer((_, _) => Task.FromResult<Harness?>(Harness), BuiltIns);
        var invocations = new List<ReplayedInvocation>();
        await foreach (var invocation in replayer.RunAsync(entries, new(), CancellationToken.None))
        {
            invocations.Add(invocation);
        }

        return invocations;
    }

    /// <summary>The fold over what the journal holds.</summary>
    public async Task<Conversation> ConversationAsync()
    {
        var conversation = new Conversation();
        foreach (var entry in await EntriesAsync())
        {
            conversation.Apply(entry);
        }

        return conversation;
    }

    /// <summary>The server dies, and another one comes up on the same data.</summary>
    public void Crash(int survivingAppends = 0)
    {
        Journal.Crash(survivingAppends);
        Journal = Journal.Reopen();
        _host = null;
        _circuits = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    private SessionHost NewHost()
    {
        var turn = new ModelTurn(Time, _ids, Retries, Circuits);
        var services = new SessionServices(
            new AgentLoop(turn, new ContextReduction(turn), new ToolDispatch(Invocations, Time)), BuiltIns, Sessions, Invocations, Time, _ids, NullLogger.Instance, RestoreAsync)
        { Telemetry = Telemetry, ResolveModel = ResolveModel, Files = Files };
        return new(Decorate?.Invoke(Journal) ?? Journal, Sealer, MakeSandbox, services, $"host-{++Servers}");
    }

    private ResolvedModel ResolveModel(Scope scope, HarnessModelConfiguration configuration) =>
        new(configuration.BedrockModelConfig is { } bedrock && Models.TryGetValue(bedrock.ModelId, out var model) ? model : Model, NoParameters)
        {
            Fallbacks = [.. Fallbacks.Select(fallback => new ResolvedModel(fallback, NoParameters))],
        };

    private static readonly ModelParameters NoParameters = new(null, null, null, null, null);

    // The harness may have been changed since; what matters here is what the journal says.
    private Task<RestoredInvocation> RestoreAsync(SessionKey session, InvocationStarted started, CancellationToken cancellationToken) =>
        RestoreFails is { } fault
            ? Task.FromException<RestoredInvocation>(fault)
            : Task.FromResult(new RestoredInvocation(Resolver.Restore(new(Harness, started.Endpoint, Belay), started), Belay.Recovery));

    private InMemorySessionSandbox MakeSandbox(SessionKey session, Harness harness, Func<EntryBody, Task> report)
    {
        var sandbox = new InMemorySessionSandbox(Disk, Time, report, Servers);
        lock (Sandboxes)
        {
            Sandboxes.Add(sandbox);
        }

        return sandbox;
    }
}
