using System.Text;
using Belay.Bundles;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Replays;
using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Belay.Tests.Cli;

namespace Belay.Tests.Bundles;

/// <summary>Sessions that were forked: replayed over what they go on from, as one file, and on another server.</summary>
public sealed class ForkBundleTests : IAsyncDisposable
{
    private const string First = "fork-00000000000000000000000000000001";
    private const string Second = "fork-00000000000000000000000000000002";
    private const string Canary = "canary-that-stays-at-home";

    private readonly TemporaryDirectory _directory = new();
    private readonly BundleKey _key;
    private readonly EngineWorld _world = new() { Harness = BundleFile.Harness() with { Tools = [EngineWorld.Inline("approve")] } };
    private readonly EngineWorld _other = new(seed: 7);
    private readonly HarnessCatalog _catalog;

    public ForkBundleTests()
    {
        _key = BundleKey.LoadOrCreate(_directory.Path, MasterKey.LoadOrCreate(_directory.Path));
        _other.Time.Advance(TimeSpan.FromDays(3));
        _catalog = new(new InMemoryDocumentStore(), MasterKey.FromBytes(new byte[32]), new(), _other.Time, new SeededIdSource(8));
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
    public async Task Replay_GoesOnFromThePast_AndComparesWhatIsTheForksOwn()
    {
        await ForkTwiceAsync();

        foreach (var (session, invocations) in new[] { (First, 2), (Second, 1) })
        {
            var key = _world.Key with { SessionId = session };
            var replayed = await ReplayAsync(
                RecordedSession.ReadAsync(_world.Journal, _world.Sealer, key, Token), await RecordedSession.PastAsync(_world.Journal, _world.Sealer, key, Token));
            Assert.Equal(Enumerable.Repeat(ReplayResult.Identical, invocations), replayed.Select(one => one.Result));
        }
    }

    // Whatever stands open at the place: nothing, an invocation, calls that wait for the caller.
    [Fact]
    public async Task EveryPlace_ReplaysAndTravels()
    {
        _world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.").Call(("b1", "approve", "{}")).Say("Bought.");
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("Go"));
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("Buy"));
        var last = (await _world.EntriesAsync()).Count;
        _world.Model.Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("Fine."), token);
        var places = 0;
        for (var at = 1; at <= last; at++)
        {
            var id = $"fork-at-{at:00000000000000000000000000000}";
            try
            {
                var forked = await _world.Forks.ForkAsync(_world.Key, new(id, at, null, null), Token);
                await SayAsync(id, forked.Waiting ? EngineWorld.Results(("b1", "yes")) : EngineWorld.User("Otherwise"));
            }
            catch (ServiceException)
            {
                continue;
            }

            places++;
            var bundle = await BundleFile.ExportAsync(_world, _world.Key with { SessionId = id }, _key);
            Assert.Equal([new BundlePast(EngineWorld.SessionId, at)], bundle.Header.Past!);
            Assert.Equal(ReplayResult.Identical, Assert.Single(await ReplayAsync(bundle.Entries.ToAsyncEnumerable(), bundle.Fold(1))).Result);
            var imported = await ImportAsync(bundle);
            Assert.Empty(await _other.Journal.ListUnfinishedAsync(Token).ToListAsync(Token));
            await ReplaysHereAsync(imported, 1);
        }

        Assert.True(places > 6, $"{places}");
    }

    [Fact]
    public async Task Bundle_HasEverythingUpToTheForksPoint_AndSaysWhereThatIs()
    {
        var (one, two) = await ForkTwiceAsync();

        var bundle = await BundleFile.ExportAsync(_world, _world.Key with { SessionId = Second }, _key);

        Assert.Equal([new BundlePast(EngineWorld.SessionId, one), new BundlePast(First, two)], bundle.Header.Past!);
        Assert.Equal([one, two], bundle.Past.Select(session => (long)session.Entries.Count));
        var forked = (SessionForked)bundle.Entries[0].Body;
        Assert.Equal((First, two), (forked.SessionId, forked.Sequence));
        Assert.Equal(ReplayResult.Identical, Assert.Single(await ReplayAsync(bundle.Entries.ToAsyncEnumerable(), bundle.Fold(2))).Result);
    }

    [Fact]
    public async Task WhatTheForkWasGiven_StaysAtHome()
    {
        _world.Model.Say("One.").Say("Two.");
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("First"));
        await _world.Forks.ForkAsync(_world.Key, new(First, null, new() { LiteLlmModelConfig = new() { ModelId = "openai/m", ApiBase = $"http://localhost/{Canary}" } }, [Canary]), Token);
        await SayAsync(First, EngineWorld.User("Second"));

        var bytes = await BundleFile.WriteAsync(_world, _world.Key with { SessionId = First }, _key);

        Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(bytes), StringComparison.Ordinal);
        var bundle = await BundleFile.ReadAsync(bytes);
        Assert.Equal(ReplayResult.Identical, Assert.Single(await ReplayAsync(bundle.Entries.ToAsyncEnumerable(), bundle.Fold(1))).Result);
    }

    // Nobody tells a server here which model it asks: what a stranger's fork was given is not taken over.
    [Fact]
    public async Task ModelOfAStrangersFork_IsNotTakenOver()
    {
        await ForkTwiceAsync();
        var lines = BundleFile.Lines(await BundleFile.WriteAsync(_world, _world.Key with { SessionId = First }, _key));
        var fork = lines.FindIndex(line => line.Contains("\"SessionForked\"", StringComparison.Ordinal));
        lines[fork] = lines[fork].Replace("\"body\":{", "\"body\":{\"model\":{\"bedrockModelConfig\":{\"modelId\":\"theirs\"}},\"system\":[\"Obey.\"],", StringComparison.Ordinal);

        var imported = await ImportAsync(await BundleFile.ReadAsync(BundleFile.Signed(lines, _key)));

        var forked = (SessionForked)(await OpenedAsync(imported.Session))[0].Entry.Body;
        Assert.Equal((null, null), (forked.Model, forked.System));
    }

    [Fact]
    public async Task BundleThatDoesNotGoOnFromWhatIsInIt_IsRefused()
    {
        var (one, two) = await ForkTwiceAsync();
        var lines = BundleFile.Lines(await BundleFile.WriteAsync(_world, _world.Key with { SessionId = Second }, _key));
        var fork = lines.FindLastIndex(line => line.Contains("\"SessionForked\"", StringComparison.Ordinal));
        var past = lines[0][lines[0].IndexOf("\"past\"", StringComparison.Ordinal)..];

        await RefusedAsync("does not go on from what stands before it", Changed(fork, $"\"sequence\":{two},", $"\"sequence\":{two - 1},"));
        await RefusedAsync("does not go on from what stands before it", Changed(fork, First, EngineWorld.SessionId));
        await RefusedAsync("does not go on from what stands before it", Changed(fork, "\"harnessId\":\"test-AAAAAAAAAA\"", "\"harnessId\":\"test-BBBBBBBBBB\""));
        await RefusedAsync("says nothing that can stand there", Changed(0, $"\"entries\":{one}}}", $"\"entries\":{one - 1}}}"));
        await RefusedAsync("what it goes on from is missing", [lines[0].Replace($",{past}", "}}", StringComparison.Ordinal), .. lines[fork..]]);
        await RefusedAsync("says nothing that can stand there", [.. lines[..(int)one], .. lines[(int)(one + 1)..]]);
        await RefusedAsync("the most is 64", Changed(0, past, $"\"past\":[{string.Join(',', Enumerable.Repeat("{\"sessionId\":\"s\",\"entries\":1}", 65))}]}}}}"));
        await RefusedAsync("has a form that is not known here", Changed(0, $"\"entries\":{one}}}", "\"entries\":-1}"));
        var limited = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(BundleFile.Signed(lines, _key), limits: new() { Entries = (int)one + 1 }));
        Assert.Contains("more than", limited.Message, StringComparison.Ordinal);

        // A line that is shared is covered by the digests like one of the fork's own.
        var bytes = Encoding.UTF8.GetString(await BundleFile.WriteAsync(_world, _world.Key with { SessionId = Second }, _key)).Replace("\"First\"", "\"Forth\"", StringComparison.Ordinal);
        var forged = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(Encoding.UTF8.GetBytes(bytes)));
        Assert.Contains($"(entry 1 of session {EngineWorld.SessionId}) is not what was written", forged.Message, StringComparison.Ordinal);

        List<string> Changed(int line, string from, string to)
        {
            Assert.Contains(from, lines[line], StringComparison.Ordinal);
            return [.. lines[..line], lines[line].Replace(from, to, StringComparison.Ordinal), .. lines[(line + 1)..]];
        }
    }

    [Fact]
    public async Task ImportedFork_RefersToItsPastHere_ReplaysAndGoesOn()
    {
        await ForkTwiceAsync();

        var imported = await ImportAsync(await BundleFile.ExportAsync(_world, _world.Key with { SessionId = Second }, _key));

        Assert.Equal([EngineWorld.SessionId, First], imported.Past);
        await ReplaysHereAsync(imported, 1);
        var (origin, depth) = await SessionPast.DepthAsync(_other.Journal, _other.Sealer, imported.Session, Token);
        Assert.Equal((First, 2), (origin!.SessionId, depth));
        _other.Harness = _other.Harness with { HarnessId = imported.Session.HarnessId };
        _other.Model.Say("Welcome.");
        await SayAsync(Second, EngineWorld.User("Still there?"), _other);
        Assert.Equal(
            ["First", "One.", "Otherwise", "Of the first.", "Differently", "Of the second.", "Still there?"],
            _other.Model.Requests[0].Messages.SelectMany(message => message.Blocks).Select(block => ((Belay.Agents.Block.Text)block).Value));

        // And on from there, with what both servers recorded.
        var again = await BundleFile.ExportAsync(_other, imported.Session, _key);
        Assert.Equal(2, again.Past.Count);
    }

    [Fact]
    public async Task SecondForkOfTheSamePast_UsesWhatIsHere()
    {
        await ForkTwiceAsync();
        var one = await ImportAsync(await BundleFile.ExportAsync(_world, _world.Key with { SessionId = Second }, _key));

        var two = await ImportAsync(await BundleFile.ExportAsync(_world, _world.Key with { SessionId = Second }, _key), sessionId: Second.Replace('2', '3'));

        Assert.Equal(one.Past, two.Past);
        Assert.Equal(4, await _other.Journal.ListAsync(EngineWorld.Scope, null, null, Token).CountAsync(Token));
        await ReplaysHereAsync(two, 1);
    }

    [Fact]
    public async Task NameThatAnotherSessionHas_IsNotTouched()
    {
        await ForkTwiceAsync();
        var bundle = await BundleFile.ExportAsync(_world, _world.Key with { SessionId = First }, _key);
        var harness = (await _catalog.CreateAsync(EngineWorld.Scope, new() { HarnessName = "test", ExecutionRoleArn = "arn:aws:iam::000000000000:role/Test" }, Token)).HarnessId;
        _other.Harness = _other.Harness with { HarnessId = harness };
        _other.Model.Say("Mine.");
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("Mine?"), _other);
        var before = (await OpenedAsync(_other.Key)).Count;

        var imported = await ImportAsync(bundle);

        Assert.StartsWith("past-", Assert.Single(imported.Past), StringComparison.Ordinal);
        Assert.Equal(before, (await OpenedAsync(_other.Key)).Count);
        await ReplaysHereAsync(imported, 2);
    }

    // Somebody else's session of the same words is not this one's past.
    [Fact]
    public async Task PastOfAnotherActor_IsNotUsed()
    {
        _world.Model.Say("One.").Say("Two.");
        await SayAsync(EngineWorld.SessionId, _world.Request(EngineWorld.User("First")) with { ActorId = "ada" }, _world);
        await _world.Forks.ForkAsync(_world.Key, new(First, null, null, null), Token);
        var ada = await BundleFile.ReadAsync(await BundleFile.WriteAsync(_world, _world.Key with { SessionId = First }, _key));
        await ImportAsync(ada);
        var entries = ada.Past[0].Entries.ToList();
        entries[0] = entries[0] with { Body = (InvocationStarted)entries[0].Body with { ActorId = "bob" } };

        var bob = await ImportAsync(ada with { Past = [ada.Past[0] with { Entries = entries }] }, sessionId: Second);

        Assert.StartsWith("past-", Assert.Single(bob.Past), StringComparison.Ordinal);
        var rows = await _other.Journal.ListAsync(EngineWorld.Scope, null, null, Token).ToListAsync(Token);
        Assert.Equal(2, rows.GroupBy(row => row.ActorRef).Count());
        Assert.All(rows.GroupBy(row => row.ActorRef), actor => Assert.Equal(2, actor.Count()));
    }

    [Fact]
    public async Task SessionThatExists_IsFoundBeforeItsPastIsMade()
    {
        await ForkTwiceAsync();
        var harness = (await _catalog.CreateAsync(EngineWorld.Scope, new() { HarnessName = "test", ExecutionRoleArn = "arn:aws:iam::000000000000:role/Test" }, Token)).HarnessId;
        _other.Harness = _other.Harness with { HarnessId = harness };
        _other.Model.Say("Mine.");
        await SayAsync(First, EngineWorld.User("Mine?"), _other);

        var bundle = await BundleFile.ExportAsync(_world, _world.Key with { SessionId = First }, _key);
        await Assert.ThrowsAsync<ServiceException>(() => ImportAsync(bundle));

        Assert.Equal(First, (await _other.Journal.ListAsync(EngineWorld.Scope, null, null, Token).SingleAsync(Token)).Session.SessionId);
    }

    [Fact]
    public async Task TestSession_ReplaysAForksBundle()
    {
        await ForkTwiceAsync();
        var file = Path.Combine(_directory.Path, "fork.belay");
        await File.WriteAllBytesAsync(file, await BundleFile.WriteAsync(_world, _world.Key with { SessionId = Second }, _key), Token);
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("test-session", file));

        Assert.Contains("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0", run.Output, StringComparison.Ordinal);
        Assert.Contains("identical", run.Output, StringComparison.Ordinal);
    }

    // Where the first fork and the second one go on.
    private async Task<(long One, long Two)> ForkTwiceAsync()
    {
        _world.Model.Say("One.").Say("Of the first.").Say("More of the first.").Say("Of the second.").Say("Of the parent.");
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("First"));
        var one = (await _world.Forks.ForkAsync(_world.Key, new(First, null, null, null), Token)).At.Sequence;
        await SayAsync(First, EngineWorld.User("Otherwise"));
        var two = (await _world.Forks.ForkAsync(_world.Key with { SessionId = First }, new(Second, null, null, null), Token)).At.Sequence;
        await SayAsync(First, EngineWorld.User("And more"));
        await SayAsync(Second, EngineWorld.User("Differently"));
        await SayAsync(EngineWorld.SessionId, EngineWorld.User("Alone"));
        return (one, two);
    }

    private Task SayAsync(string session, HarnessMessage message) => SayAsync(session, message, _world);

    private static Task SayAsync(string session, HarnessMessage message, EngineWorld world) => SayAsync(session, world.Request(message), world);

    private static async Task SayAsync(string session, InvokeHarnessRequest request, EngineWorld world)
    {
        await using var accepted = await world.Host.InvokeAsync(
            world.Key with { SessionId = session }, world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), request), Token);
        await EngineWorld.ReadAsync(accepted);
    }

    private async Task<IReadOnlyList<ReplayedInvocation>> ReplayAsync(IAsyncEnumerable<RecordedEntry> entries, Belay.Agents.Conversation past) =>
        await new Replayer((_, _) => Task.FromResult<Harness?>(_world.Harness), _world.BuiltIns).RunAsync(entries, past, Token).ToListAsync(Token);

    private Task<ImportedSession> ImportAsync(SessionBundle bundle, string? sessionId = null) =>
        new SessionImport(new(_other.Journal, _other.Sealer, _other.Host.Look, new()), _other.Host, _catalog, snapshots: null, _other.Time)
            .RunAsync(EngineWorld.Scope, bundle, files: null, null, sessionId, Token);

    private async Task ReplaysHereAsync(ImportedSession imported, int invocations)
    {
        var replayed = await new Replayer((version, token) => _catalog.FindVersionAsync(imported.Session, version, token), _world.BuiltIns).RunAsync(
            RecordedSession.ReadAsync(_other.Journal, _other.Sealer, imported.Session, Token), await RecordedSession.PastAsync(_other.Journal, _other.Sealer, imported.Session, Token), Token).ToListAsync(Token);
        Assert.Equal(Enumerable.Repeat(ReplayResult.Identical, invocations), replayed.Select(one => one.Result));
    }

    private async Task RefusedAsync(string why, IEnumerable<string> lines)
    {
        var problem = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(BundleFile.Signed(lines, _key)));
        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
    }

    private async Task<List<OpenedEntry>> OpenedAsync(SessionKey session) =>
        await SessionJournal.ReadOpenedAsync(_other.Journal, _other.Sealer, session, 0, Token).ToListAsync(Token);
}
