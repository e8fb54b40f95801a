using System.Text;
using Belay.Agents;
using Belay.Bundles;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Replays;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;

namespace Belay.Tests.Bundles;

/// <summary>From one store to another one that shares nothing with it.</summary>
public sealed class SessionImportTests : IAsyncDisposable
{
    private const string Other = "another-session-of-at-least-33-characters";

    private readonly TemporaryDirectory _directory = new();
    private readonly BundleKey _key;
    private readonly EngineWorld _world = new();
    private readonly EngineWorld _other = new(seed: 7);
    private readonly InMemoryDocumentStore _documents = new();
    private readonly InMemoryJournal _journal;
    private readonly ISealer _sealer;
    private readonly HarnessCatalog _catalog;

    public SessionImportTests()
    {
        _key = BundleKey.LoadOrCreate(_directory.Path, MasterKey.LoadOrCreate(_directory.Path));
        _other.Time.Advance(TimeSpan.FromDays(3));
        (_journal, _sealer) = (_other.Journal, _other.Sealer);
        _catalog = new(_documents, MasterKey.FromBytes(new byte[32]), new(), _other.Time, new SeededIdSource(8));
        _world.Harness = BundleFile.Harness();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _world.DisposeAsync();
        await _other.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Session_IsTheSame_AndReplaysIdentically()
    {
        await TalkAsync();

        var imported = await ImportAsync(await ExportAsync());

        var there = await OpenedAsync(_world.Journal, _world.Sealer, _world.Key);
        var here = await OpenedAsync(_journal, _sealer, imported.Session);
        Assert.Equal(there.Select(entry => (entry.Entry.At, entry.Stored.Kind)), here.Take(there.Count).Select(entry => (entry.Entry.At, entry.Stored.Kind)));
        Assert.Equal(
            there.Where(entry => entry.Stored.Kind != EntryKind.InvocationStarted).Select(entry => Encoding.UTF8.GetString(entry.Json.Span)),
            here.Take(there.Count).Where(entry => entry.Stored.Kind != EntryKind.InvocationStarted).Select(entry => Encoding.UTF8.GetString(entry.Json.Span)));
        Assert.All(here, entry => Assert.NotNull(entry.Stored.ActorRef));
        Assert.DoesNotContain(here, entry => there.Exists(other => other.Stored.ActorRef == entry.Stored.ActorRef));
        Assert.Equal(120, imported.Harness.Environment.AgentCoreRuntimeEnvironment!.LifecycleConfiguration.IdleRuntimeSessionTimeout);
        Assert.Equal((true, "test", EngineWorld.SessionId), (imported.Made, imported.Harness.HarnessName, imported.Session.SessionId));
        Assert.All(here.Select(entry => entry.Entry.Body).OfType<InvocationStarted>(), started => Assert.Equal("test-AAAAAAAAAA/1", started.Version));
        await ReplaysAsync(imported.Session, here);
    }

    [Fact]
    public async Task NextInvocation_HasWhatWasSaid()
    {
        await TalkAsync();
        var imported = await ImportAsync(await ExportAsync());
        _other.Harness = _other.Harness with { HarnessId = imported.Session.HarnessId };
        _other.Model.Say("Welcome.");

        await _other.InvokeAsync(EngineWorld.User("Still there?"));

        Assert.Equal(
            [.. _world.Model.Requests[^1].Messages.SelectMany(message => message.Blocks).OfType<Block.Text>().Select(block => block.Value), "Bye.", "Still there?"],
            _other.Model.Requests[0].Messages.SelectMany(message => message.Blocks).OfType<Block.Text>().Select(block => block.Value));
    }

    [Fact]
    public async Task ActorOfTheSession_IsItsActorHere()
    {
        _world.Model.Say("Hello.");
        await _world.InvokeAsync(_world.Request(EngineWorld.User("Go")) with { ActorId = "ada" });

        var imported = await ImportAsync(await ExportAsync());

        var row = await _journal.FindAsync(imported.Session, Token);
        Assert.Equal((await _sealer.LookUpAsync(EngineWorld.Scope, "ada", Token))!.ActorRef, row!.ActorRef);
    }

    [Fact]
    public async Task UnfinishedInvocation_IsSettled_AndDoesNotRun()
    {
        _world.Model.Call(("a", "shell", """{"command":"sleep"}"""));
        var accepted = await _world.StartAsync(_world.Request(EngineWorld.User("Go")));
        await _world.Disk.Slept.Task;

        var imported = await ImportAsync(await ExportAsync());

        var here = await OpenedAsync(_journal, _sealer, imported.Session);
        var ended = Assert.IsType<InvocationEnded>(here[^1].Entry.Body);
        Assert.Equal((imported.Interrupted, HarnessStopReason.Interrupted), (ended.InvocationId, ended.StopReason));
        Assert.Empty(await _journal.ListUnfinishedAsync(Token).ToListAsync(Token));
        await ReplaysAsync(imported.Session, here);
        await _world.Host.CancelAsync(_world.Key, Token);
        await accepted.DisposeAsync();
    }

    // What a server leaves that dies between the model's answer and the end.
    [Fact]
    public async Task InvocationWithItsAnswer_EndsWithIt()
    {
        await TalkAsync();
        var bundle = await ExportAsync();
        Assert.IsType<InvocationEnded>(bundle.Entries[^1].Body);

        var imported = await ImportAsync(bundle with { Entries = [.. bundle.Entries.SkipLast(1)], At = [.. bundle.At.SkipLast(1)] });

        var here = await OpenedAsync(_journal, _sealer, imported.Session);
        Assert.Equal((HarnessStopReason.EndTurn, SessionRepair.Reason), here[^1].Entry.Body is InvocationEnded ended ? (ended.StopReason, ended.Why) : default);
        Assert.Null(imported.Interrupted);
        await ReplaysAsync(imported.Session, here);
    }

    [Fact]
    public async Task HarnessOfTheSameName_IsUsed_AndAnotherWhenItIsNamed()
    {
        await TalkAsync();
        var bundle = await ExportAsync();
        var same = await MakeAsync("test");
        var another = await MakeAsync("another");

        Assert.Equal((same.HarnessId, false), await HarnessOfAsync(bundle, null));
        Assert.Equal((another.HarnessId, false), await HarnessOfAsync(bundle, another.HarnessId));
        var fault = await Assert.ThrowsAsync<ServiceException>(() => ImportAsync(bundle, "missing-AAAAAAAAAA"));
        Assert.Equal(FaultCode.ResourceNotFoundException, fault.Code);
    }

    [Fact]
    public async Task WhatIsSensitive_IsNamed_AndNothingStandsForIt()
    {
        _world.Harness = _world.Harness with
        {
            SystemPrompt = [new() { Text = "Secret." }],
            EnvironmentVariables = new Dictionary<string, string> { ["TOKEN"] = "secret" },
            Model = new() { LiteLlmModelConfig = new() { ModelId = "openai/m", ApiBase = "http://localhost/secret" } },
            Tools = [EngineWorld.Inline("approve")],
        };
        await TalkAsync();

        var imported = await ImportAsync(await ExportAsync());

        Assert.Equal(["model.liteLlmModelConfig.apiBase", "environmentVariables", "systemPrompt", "tools: approve"], imported.Missing.Order(StringComparer.Ordinal).OrderBy(path => path[0] switch { 'm' => 0, 'e' => 1, 's' => 2, _ => 3 }));
        var harness = await _catalog.GetAsync(EngineWorld.Scope, imported.Harness.HarnessId, null, Token);
        Assert.Empty(harness.SystemPrompt);
        Assert.Empty(harness.Tools);
        Assert.Null(harness.EnvironmentVariables);
    }

    [Fact]
    public async Task WhatAForgerPutIn_IsLeftOutToo_SoThatNoKeyOfTheAccountGoesThere()
    {
        const string Model = "\"modelId\":\"openai/m\"";
        const string KeyArn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/apikeycredentialprovider/openai";
        _world.Harness = _world.Harness with { Model = new() { LiteLlmModelConfig = new() { ModelId = "openai/m", ApiKeyArn = KeyArn } } };
        await TalkAsync();
        var lines = BundleFile.Lines(await BundleFile.WriteAsync(_world, _world.Key, _key));
        var forged = lines.Select(line => line.Replace(Model, Model + ",\"apiBase\":\"http://elsewhere.example/v1\"", StringComparison.Ordinal)).ToList();
        Assert.NotEqual(lines, forged);

        var imported = await ImportAsync(await BundleFile.ReadAsync(BundleFile.Signed(forged, _key)));

        Assert.Equal((KeyArn, null), (imported.Harness.Model.LiteLlmModelConfig!.ApiKeyArn, imported.Harness.Model.LiteLlmModelConfig.ApiBase));
        Assert.Contains("model.liteLlmModelConfig.apiBase", imported.Missing);
    }

    [Fact]
    public async Task SessionThatExists_IsRefused_AndStays()
    {
        await TalkAsync();
        var bundle = await ExportAsync();
        var imported = await ImportAsync(bundle);

        var fault = await Assert.ThrowsAsync<ServiceException>(() => ImportAsync(bundle));

        Assert.Contains("already. Choose another id", fault.Message, StringComparison.Ordinal);
        Assert.Equal(imported.Entries, (await OpenedAsync(_journal, _sealer, imported.Session)).Count);
        Assert.Equal(Other, (await ImportAsync(bundle, sessionId: Other)).Session.SessionId);
    }

    [Fact]
    public async Task WhatCannotBeASession_IsRefused_AndLeavesNothing()
    {
        await TalkAsync();
        var bundle = await ExportAsync();
        var entries = bundle.Entries.ToList();

        await RefusedAsync(bundle with { At = [.. bundle.At.Select(at => at.AddYears(100))] }, "Entry 1 is of");
        await RefusedAsync(bundle with { Header = bundle.Header with { SessionId = "short" } }, "no session id");
        await RefusedAsync(bundle with { Header = bundle.Header with { HarnessId = "no\nid" } }, "no version of a harness");
        await RefusedAsync(bundle with { Header = bundle.Header with { HarnessName = "no name" } }, "cannot be made here");
        await RefusedAsync(bundle with { Versions = new Dictionary<string, Harness>() }, "has no version");
        entries[0] = entries[0] with { Body = new SessionForked("h", "s", 1, "", null, null, null) };
        await RefusedAsync(bundle with { Entries = entries }, "was forked");
        entries[0] = entries[0] with { Body = ((InvocationStarted)bundle.Entries[0].Body) with { Messages = null! } };
        await RefusedAsync(bundle with { Entries = entries }, "Entry 1 cannot stand where it does");
    }

    [Fact]
    public async Task StoreThatFails_LeavesNothing()
    {
        await TalkAsync();
        var bundle = await ExportAsync();
        _journal.BeforeAppend = (_, _, _) => throw new StorageException("The disk is full.");

        await Assert.ThrowsAsync<StorageException>(() => ImportAsync(bundle));

        Assert.Empty((await _catalog.ListAsync(EngineWorld.Scope, 10, null, Token)).Items);
        Assert.Empty(await _documents.ListAsync(EngineWorld.Scope, "imported-versions", "", null, 10, Token));
        _journal.BeforeAppend = null;
        Assert.Equal("test", (await ImportAsync(bundle)).Harness.HarnessName);
    }

    private async Task RefusedAsync(SessionBundle bundle, string why)
    {
        var problem = await Assert.ThrowsAsync<BundleException>(() => ImportAsync(bundle));
        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
        Assert.Empty((await _catalog.ListAsync(EngineWorld.Scope, 10, null, Token)).Items);
        Assert.Empty(await _journal.ListAsync(EngineWorld.Scope, null, null, Token).ToListAsync(Token));
        Assert.Empty(await _documents.ListAsync(EngineWorld.Scope, "imported-versions", "", null, 10, Token));
    }

    private async Task TalkAsync()
    {
        _world.Model.Call(("a", "shell", """{"command":"effect a; echo ok"}""")).Say("Done.").Say("Bye.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        await _world.InvokeAsync(EngineWorld.User("Go home"));
    }

    private Task<SessionBundle> ExportAsync() => BundleFile.ExportAsync(_world, _world.Key, _key);

    private Task<ImportedSession> ImportAsync(SessionBundle bundle, string? harnessId = null, string? sessionId = null) =>
        new SessionImport(new(_journal, _sealer, _other.Host.Look, new()), _other.Host, _catalog, snapshots: null, _other.Time).RunAsync(EngineWorld.Scope, bundle, files: null, harnessId, sessionId, Token);

    private async Task<(string, bool)> HarnessOfAsync(SessionBundle bundle, string? harnessId) =>
        await ImportAsync(bundle, harnessId) is var imported ? (imported.Harness.HarnessId, imported.Made) : default;

    private Task<Harness> MakeAsync(string name) =>
        _catalog.CreateAsync(EngineWorld.Scope, new() { HarnessName = name, ExecutionRoleArn = "arn:aws:iam::000000000000:role/Test" }, Token);

    private async Task ReplaysAsync(SessionKey session, List<OpenedEntry> entries)
    {
        var replayed = await new Replayer((version, token) => _catalog.FindVersionAsync(session, version, token), _world.BuiltIns)
            .RunAsync(entries.Select(RecordedEntry.Of).ToAsyncEnumerable(), new(), Token).ToListAsync(Token);
        Assert.NotEmpty(replayed);
        Assert.All(replayed, invocation => Assert.Equal(ReplayResult.Identical, invocation.Result));
    }

    private static async Task<List<OpenedEntry>> OpenedAsync(IJournal journal, ISealer sealer, SessionKey session) =>
        await SessionJournal.ReadOpenedAsync(journal, sealer, session, 0, Token).ToListAsync(Token);
}
