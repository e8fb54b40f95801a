using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Verification;

namespace Belay.Tests.Sessions;

/// <summary>A session that shares the past of another one, and goes on by itself.</summary>
public sealed class ForkTests
{
    private const string First = "fork-00000000000000000000000000000001";
    private const string Second = "fork-00000000000000000000000000000002";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Fork_KnowsThePastUpToItsEntry_AndBothGoOn()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Say("Two.").Say("Of the fork.").Say("Of the parent.");
        await world.InvokeAsync(EngineWorld.User("First"));
        var at = (await world.EntriesAsync()).Count;
        await world.InvokeAsync(EngineWorld.User("Second"));
        var before = (await world.EntriesAsync()).Count;

        var forked = await ForkAsync(world, at);
        await InvokeAsync(world, First, EngineWorld.User("Otherwise"));
        await world.InvokeAsync(EngineWorld.User("Third"));

        Assert.Equal((at, false, null), (forked.At.Sequence, forked.Waiting, forked.Files));
        Assert.Equal(["First", "One.", "Otherwise"], Texts(world.Model.Requests[2]));
        Assert.Equal(["First", "One.", "Second", "Two.", "Third"], Texts(world.Model.Requests[3]));
        var own = await EntriesAsync(world, First);
        Assert.Equal((EngineWorld.SessionId, (long)at), (((SessionForked)own[0]).SessionId, ((SessionForked)own[0]).Sequence));
        Assert.Single(own.OfType<InvocationStarted>());
        Assert.Equal(2 * before - at, (await world.EntriesAsync()).Count);
    }

    // One session with everything in it: tools side by side, a pause, an answer, the end.
    [Fact]
    public async Task EveryEntry_IsAPlace_OrTheErrorNamesTheNearestOnes()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "shell", """{"command":"echo two"}""")).Say("Done.")
            .Call(("b1", "shell", """{"command":"echo three"}"""), ("b2", "approve", "{}")).Say("Bought.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.InvokeAsync(EngineWorld.User("Buy"));
        await world.InvokeAsync(EngineWorld.Results(("b2", "yes")));
        var entries = await world.EntriesAsync();
        var places = Enumerable.Range(1, entries.Count).Where(at => Fold(entries.Take(at)).Open is null or { Paused: true }).ToList();
        Assert.InRange(places.Count, 8, entries.Count - 5);

        foreach (var at in Enumerable.Range(1, entries.Count))
        {
            var id = $"fork-at-{at:00000000000000000000000000000}";
            if (!places.Contains(at))
            {
                var refused = await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world, at, id));
                Assert.Contains($"at names entry {at}, which stands between a message that asks for tools and their results.", refused.Message, StringComparison.Ordinal);
                Assert.Contains($": {places.Last(place => place < at)} before it, {places.First(place => place > at)} after it.", refused.Message, StringComparison.Ordinal);
                Assert.Null(await world.Journal.FindAsync(Key(world, id), CancellationToken));
                continue;
            }

            var forked = await ForkAsync(world, at, id);
            var (expected, actual) = (Fold(entries.Take(at)), await FoldAsync(world, id));
            Assert.Equal(Shape(expected.Context), Shape(actual.Context));
            Assert.Equal(expected.Open?.Unanswered.Select(call => call.Id), actual.Open?.Unanswered.Select(call => call.Id));
            Assert.Equal(expected.Open is not null, forked.Waiting);
            Assert.Null(actual.Unfinished);
        }
    }

    [Fact]
    public async Task ForkOfAPause_WaitsForTheSameAnswers()
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", "{}")).Say("Of the fork.").Say("Of the parent.");
        await world.InvokeAsync(EngineWorld.User("Buy"));

        Assert.True((await ForkAsync(world)).Waiting);
        await InvokeAsync(world, First, EngineWorld.Results(("b1", "no")));
        await world.InvokeAsync(EngineWorld.Results(("b1", "yes")));

        Assert.Equal(["no", "yes"], world.Model.Requests.Skip(1).Select(request => ((ToolContent.Text)((Block.ToolResult)request.Messages[^1].Blocks[0]).Content[0]).Value));
        var reader = new SessionReader(world.Journal, world.Sealer, world.Host.Look, new());
        var row = await reader.RowAsync(Key(world, First), CancellationToken);
        var origin = await reader.ReadAsync(row, new(1), (_, fold, _) => (fold.Forked!.SessionId, fold.Waiting), CancellationToken);
        Assert.Equal((EngineWorld.SessionId, false), origin!.Value.Value);
    }

    [Fact]
    public async Task ModelAndInstructions_HoldForCallsThatNameNone_AndAreInherited()
    {
        await using var world = new EngineWorld();
        var (other, third) = (new FakeModel { ModelId = "other" }, new FakeModel { ModelId = "third" });
        (world.Models["other"], world.Models["third"]) = (other.Say("a").Say("b"), third.Say("c"));
        world.Model.Say("One.").Say("d");
        await world.InvokeAsync(EngineWorld.User("First"));

        await world.Forks.ForkAsync(world.Key, new(First, null, Named("other"), ["Be brief."]), CancellationToken);
        await InvokeAsync(world, First, EngineWorld.User("Again"));
        await world.Forks.ForkAsync(Key(world, First), new(Second, null, null, ["Be long."]), CancellationToken);
        await InvokeAsync(world, Second, EngineWorld.User("Again"));
        await InvokeAsync(world, Second, world.Request(EngineWorld.User("Again")) with { Model = Named("third"), SystemPrompt = [new() { Text = "Be mine." }] });
        await world.InvokeAsync(EngineWorld.User("Again"));

        Assert.Equal([["Be brief."], ["Be long."]], other.Requests.Select(request => request.System));
        Assert.Equal(["Be mine."], Assert.Single(third.Requests).System);
        Assert.Empty(world.Model.Requests[^1].System);
        var started = (await EntriesAsync(world, First)).OfType<InvocationStarted>().Single();
        Assert.Equal(("other", "Be brief."), (started.Model!.BedrockModelConfig!.ModelId, started.System!.Single()));
    }

    [Fact]
    public async Task WhatInvocationsMayNotOverride_AForkMayNotEither()
    {
        await using var world = new EngineWorld { Invocations = new() { AllowedOverrides = ["systemPrompt"] } };

        Assert.Equal(["Be brief."], world.Resolver.CheckFork(new(world.Harness, "DEFAULT", world.Belay), null, [new() { Text = "Be brief." }])!);
        var refused = Assert.Throws<ServiceException>(() => world.Resolver.CheckFork(new(world.Harness, "DEFAULT", world.Belay), Named("other"), null));
        Assert.Equal(FaultCode.AccessDeniedException, refused.Code);
    }

    [Fact]
    public async Task Crash_InTheForksFirstCall_IsTheForksAlone()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Hang().Say("Again.").Say("Of the parent.");
        await world.InvokeAsync(EngineWorld.User("First"));
        await ForkAsync(world);
        var accepted = await world.Host.InvokeAsync(Key(world, First), world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), world.Request(EngineWorld.User("Otherwise"))), CancellationToken);
        world.Crash();
        var before = (await world.EntriesAsync()).Count;

        Assert.Equal(1, await world.RecoverAsync());
        await InvokeAsync(world, First, EngineWorld.User("And?"));
        Assert.Equal(before, (await world.EntriesAsync()).Count);

        Assert.Equal(["First", "One.", "Otherwise", "And?"], Texts(world.Model.Requests[^1]));
        Assert.Equal(HarnessStopReason.Interrupted, (await EntriesAsync(world, First)).OfType<InvocationEnded>().First().StopReason);
        await accepted.DisposeAsync();
    }

    [Fact]
    public async Task ForkOfAForkOfAFork_FoldsThemAll_UpToADepth()
    {
        await using var world = new EngineWorld();
        world.Model.Otherwise = (request, token) => FakeModel.Yield(FakeModel.Text($"{request.Messages.Count}"), token);
        await world.InvokeAsync(EngineWorld.User("0"));
        var parent = EngineWorld.SessionId;
        for (var depth = 1; depth <= SessionPast.Deepest; depth++)
        {
            var id = $"fork-{depth:00000000000000000000000000000000}";
            await ForkAsync(world, id: id, parent: parent);
            if (depth is 1 or 2 or SessionPast.Deepest)
            {
                await InvokeAsync(world, id, EngineWorld.User($"{depth}"));
            }

            parent = id;
        }

        Assert.Equal(["0", "1", "1", "3", "2", "5", $"{SessionPast.Deepest}"], Texts(world.Model.Requests[^1]));
        var refused = await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world, id: Second.Replace('-', '_'), parent: parent));
        Assert.Equal((FaultCode.ValidationException, ValidationReason.ResourceConflict), (refused.Code, refused.Reason));
    }

    [Fact]
    public async Task RunningSession_IsForkedAtWhatIsStored()
    {
        await using var world = new EngineWorld();
        world.Model.Hang().Say("Of the fork.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("First")));
        await world.Model.CalledAsync();

        await ForkAsync(world);
        await InvokeAsync(world, First, EngineWorld.User("Otherwise"));

        Assert.Equal(["First", "Otherwise"], world.Model.Requests[1].Messages.SelectMany(message => message.Blocks).Select(block => ((Block.Text)block).Value));
    }

    [Fact]
    public async Task Fork_BelongsToTheActor_AndIsErasedWithIt()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Say("Two.");
        await world.InvokeAsync(world.Request(EngineWorld.User("First")) with { ActorId = "ada" });
        await ForkAsync(world);
        var refused = await Assert.ThrowsAsync<ServiceException>(() => InvokeAsync(world, First, world.Request(EngineWorld.User("Mine?")) with { ActorId = "bob" }));
        Assert.Contains("belongs to another actor", refused.Message, StringComparison.Ordinal);

        world.Crash();
        var actor = (await world.Journal.FindAsync(world.Key, CancellationToken))!.ActorRef!;
        Assert.Equal(actor, (await world.Journal.FindAsync(Key(world, First), CancellationToken))!.ActorRef);
        await world.Sealer.DestroyAsync(EngineWorld.Scope, actor, CancellationToken);

        foreach (var session in new[] { EngineWorld.SessionId, First })
        {
            var erased = await Assert.ThrowsAsync<ServiceException>(() => InvokeAsync(world, session, EngineWorld.User("Still there?")));
            Assert.Contains("is erased", erased.Message, StringComparison.Ordinal);
            Assert.Contains("is erased", (await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world, id: Second, parent: session))).Message, StringComparison.Ordinal);
        }

        // The chain holds over what can no longer be read.
        var row = await world.Journal.FindAsync(Key(world, First), CancellationToken);
        await foreach (var _ in new SessionCheck(world.Journal, world.Sealer, row!, signed: null, withPast: true).RunAsync(CancellationToken))
        {
        }
    }

    [Theory]
    [InlineData(2, "is another one now")]
    [InlineData(99, "is missing")]
    public async Task PastThatIsNotTheSame_IsDamaged(long sequence, string problem)
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.");
        await world.InvokeAsync(EngineWorld.User("First"));
        await using (var journal = await SessionJournal.OpenAsync(world.Journal, world.Sealer, world.Time, Key(world, First), "test", CancellationToken))
        {
            await journal.AppendAsync(
                [new SessionForked(world.Key.HarnessId, world.Key.SessionId, sequence, new string('0', 64), null, null, null)], Durability.Synced, CancellationToken);
        }

        var damaged = await Assert.ThrowsAsync<JournalDamagedException>(() => InvokeAsync(world, First, EngineWorld.User("Otherwise")));

        Assert.Equal(First, damaged.Session.SessionId);
        Assert.Contains(problem, damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsNotThere_IsRefused_AndChangesNothing()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.");
        Assert.Equal(FaultCode.ResourceNotFoundException, (await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world))).Code);
        await world.InvokeAsync(EngineWorld.User("First"));
        var entries = await world.EntriesAsync();

        foreach (var at in new long[] { 0, entries.Count + 1 })
        {
            var refused = await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world, at));
            Assert.Contains($"at names entry {at}, and session {EngineWorld.SessionId} has the entries 1 to {entries.Count}.", refused.Message, StringComparison.Ordinal);
        }

        var taken = await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world, id: EngineWorld.SessionId));
        Assert.Equal(FaultCode.ConflictException, taken.Code);
        Assert.Null(await world.Journal.FindAsync(Key(world, First), CancellationToken));
        Assert.Equal(entries.Count, (await world.EntriesAsync()).Count);
    }

    [Fact]
    public async Task FilesThatCannotBeRestored_LeaveNoSession()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Say("Two.");
        world.Files = new((_, _, _) => Task.FromResult<WorkspaceSaved?>(null), (_, _, _, _, _) => throw new IOException("no"));
        await world.InvokeAsync(EngineWorld.User("First"));

        await Assert.ThrowsAsync<IOException>(() => ForkAsync(world));
        Assert.Equal(0, (await world.Journal.FindAsync(Key(world, First), CancellationToken))?.LastSequence ?? 0);

        world.Files = null;
        await ForkAsync(world);
        await InvokeAsync(world, First, EngineWorld.User("Otherwise"));
    }

    [Fact]
    public async Task SessionThatIsBeingMade_IsWaitedFor_AndNotMadeTwice()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Say("Two.");
        var (began, go) = (new TaskCompletionSource(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        world.Files = new((_, _, _) => Task.FromResult<WorkspaceSaved?>(null), async (_, at, _, beginAsync, _) =>
        {
            began.SetResult();
            await go.Task;
            var saved = new SavedFiles(at, DateTimeOffset.UnixEpoch, 1, 2);
            await beginAsync(saved);
            return saved;
        });
        await world.InvokeAsync(EngineWorld.User("First"));

        var fork = ForkAsync(world);
        await began.Task;
        var invocation = InvokeAsync(world, First, EngineWorld.User("Otherwise"));
        var twice = await Assert.ThrowsAsync<ServiceException>(() => ForkAsync(world));
        go.SetResult();

        Assert.Equal(FaultCode.ConflictException, twice.Code);
        var forked = await fork;
        Assert.Equal(forked.At.Sequence, forked.Files!.Sequence);
        await invocation;
        Assert.Equal(["First", "One.", "Otherwise"], Texts(world.Model.Requests[1]));
        Assert.Equal(forked.Files.Id, ((SessionForked)(await EntriesAsync(world, First))[0]).Workspace);
    }

    private static EngineWorld World()
    {
        var harness = EngineWorld.DefaultHarness();
        return new() { Harness = harness with { Tools = [EngineWorld.Inline("approve")] } };
    }

    private static HarnessModelConfiguration Named(string id) => new() { BedrockModelConfig = new() { ModelId = id } };

    private static SessionKey Key(EngineWorld world, string session) => world.Key with { SessionId = session };

    private static Task<ForkedSession> ForkAsync(EngineWorld world, long? at = null, string id = First, string parent = EngineWorld.SessionId) =>
        world.Forks.ForkAsync(Key(world, parent), new(id, at, null, null), CancellationToken);

    private static Task<IReadOnlyList<InvocationEvent>> InvokeAsync(EngineWorld world, string session, HarnessMessage message) => InvokeAsync(world, session, world.Request(message));

    private static async Task<IReadOnlyList<InvocationEvent>> InvokeAsync(EngineWorld world, string session, InvokeHarnessRequest request)
    {
        await using var accepted = await world.Host.InvokeAsync(Key(world, session), world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), request), CancellationToken);
        return await EngineWorld.ReadAsync(accepted);
    }

    private static async Task<IReadOnlyList<EntryBody>> EntriesAsync(EngineWorld world, string session) =>
        await SessionJournal.ReadAsync(world.Journal, world.Sealer, Key(world, session), 0, CancellationToken).Select(entry => entry.Body).ToListAsync(CancellationToken);

    private static async Task<Conversation> FoldAsync(EngineWorld world, string session) =>
        Fold(await SessionPast.ReadAsync(world.Journal, world.Sealer, Key(world, session), CancellationToken).Select(past => past.Entry.Body).ToListAsync(CancellationToken));

    private static Conversation Fold(IEnumerable<EntryBody> entries)
    {
        var conversation = new Conversation();
        foreach (var entry in entries)
        {
            conversation.Apply(entry);
        }

        return conversation;
    }

    private static IEnumerable<string> Shape(IEnumerable<Message> messages) => messages.Select(message => $"{message.Role}: {string.Join(' ', message.Blocks)}");

    private static IEnumerable<string> Texts(Belay.Models.ModelRequest request) => request.Messages.SelectMany(message => message.Blocks).Select(block => ((Block.Text)block).Value);
}
