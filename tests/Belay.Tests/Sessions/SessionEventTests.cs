using System.Text.Json;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>The events of a session, folded from its journal, beside what the reader of each invocation was sent.</summary>
public sealed class SessionEventTests
{
    private static readonly HarnessMessage Hi = EngineWorld.User("Hi");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task PlainTurn() => CheckAsync(world => world.Model.Say("Hel", "lo."), [Hi]);

    [Fact]
    public Task ToolTurn() => CheckAsync(world => world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done."), [Hi]);

    [Fact]
    public Task ParallelTools() => CheckAsync(
        world => world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "shell", """{"command":"exit 3"}"""), ("a3", "none", "")).Say("Done."), [Hi]);

    [Fact]
    public Task InlinePauseAndResume() => CheckAsync(
        world =>
        {
            world.Harness = world.Harness with { Tools = [EngineWorld.Inline("ask")] };
            world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "ask", "{}"), ("a3", "shell", """{"command":"echo two"}""")).Say("Done.");
        },
        [Hi],
        [EngineWorld.Results(("a2", "yes"))]);

    [Fact]
    public Task LimitReached() => CheckAsync(
        world =>
        {
            world.Harness = world.Harness with { MaxIterations = 1 };
            world.Model.Call(("a1", "shell", """{"command":"echo one"}"""));
        },
        [Hi]);

    [Fact]
    public Task MalformedOutput() => CheckAsync(
        world => world.Model.Reply(new ModelEvent.Text(0, "one"), new ModelEvent.BlockClosed(0), new ModelEvent.Text(1, "two"), new ModelEvent.Reasoning(1, "three")), [Hi]);

    [Fact]
    public Task FailureMidStream() => CheckAsync(
        world => world.Model.Fail(ModelFailure.Broken, "gone", new ModelEvent.Text(0, "one"), new ModelEvent.BlockClosed(0), new ModelEvent.ToolOpened(1, "a1", "shell")), [Hi]);

    [Fact]
    public Task ReplyWithoutAnyBlock() => CheckAsync(world => world.Model.Reply(new ModelEvent.Stopped(HarnessStopReason.EndTurn)), [Hi]);

    [Fact]
    public async Task TimeOverInText()
    {
        await using var world = new EngineWorld();
        world.Model.Hang(new ModelEvent.Text(0, "one"), new ModelEvent.BlockClosed(0), new ModelEvent.Text(1, "two"));
        await using var accepted = await world.StartAsync(world.Request(Hi) with { TimeoutSeconds = 60 });
        var sent = new List<InvocationEvent>();
        await foreach (var item in accepted.ReadAsync(Token))
        {
            sent.Add(item);
            if (Shown.Of(item) == "delta 1 text two")
            {
                world.Time.Advance(TimeSpan.FromSeconds(61));
            }
        }

        Assert.Equal("messageStop TimeoutExceeded", Shown.Of(sent[^2]));
        Assert.Equal(sent.Select(Json), (await ToldAsync(world)).Where(IsSent).Select(told => Json(told.Event)));
    }

    [Fact]
    public void VoidedCall_IsTold_AndItsReplacementHasAnIdOfItsOwn()
    {
        var outcome = new ModelOutcome("i", 1, new(HarnessConversationRole.Assistant, [new Block.Text("ab")]), HarnessStopReason.EndTurn, default, [new(0, 2)], 1, 1, 1, null);

        var told = Told(
            new InvocationStarted("i", "DEFAULT", "1", [], [], [], new(1, null, 1)),
            new ModelIntent("i", 1, "p", "m", 1),
            new Steered("i", "s", new(HarnessConversationRole.User, [new Block.Text("wait")])),
            new ModelVoided("i", 2),
            new ModelIntent("i", 1, "p", "m", 1, Steers: 1),
            outcome,
            new InvocationEnded("i", HarnessStopReason.EndTurn, "over", default, 1, 5, null));

        Assert.Equal(
            [
                "1.0 invocationStarted", "3.0 steered", "4.0 modelVoided", "5.0 messageStart", "5.1 contentBlockDelta", "5.2 contentBlockStop", "5.3 messageStop",
                "7.0 metadata", "7.1 invocationEnded",
            ],
            told.Select(one => $"{one.Id} {one.Event.EventType}"));
        Assert.Equal(2, Assert.IsType<ModelVoidedNotice>(told[2].Event).Void);
    }

    [Fact]
    public void Switch_IsTold_AndTheCallBeforeItShowsNothing()
    {
        var told = Told(
            new InvocationStarted("i", "DEFAULT", "1", [], [], [], new(1, null, 1)),
            new ModelIntent("i", 1, "p", "m", 1),
            new ModelOutcome("i", 0, null, null, default, [], 6, 1, null, "no room", ModelFailure.Throttled),
            new ModelSwitched("i", 1, "p", "m", "q", "n", ModelFailure.Throttled, "no room"),
            new ModelIntent("i", 1, "q", "n", 1),
            new ModelOutcome("i", 1, new(HarnessConversationRole.Assistant, [new Block.Text("ab")]), HarnessStopReason.EndTurn, default, [new(0, 2)], 1, 1, 1, null));

        Assert.Equal(
            ["1.0 invocationStarted", "4.0 modelSwitched", "5.0 messageStart", "5.1 contentBlockDelta", "5.2 contentBlockStop", "5.3 messageStop"],
            told.Select(one => $"{one.Id} {one.Event.EventType}"));
        Assert.Equal(
            new ModelSwitchedNotice { Fallback = 1, FromProvider = "p", FromModelId = "m", Provider = "q", ModelId = "n", Failure = "Throttled", Why = "no room" },
            told[1].Event);
    }

    [Fact]
    public void WhatIsStoredWhileTheModelSpeaks_IsToldAfterIt()
    {
        var told = Told(
            new ModelIntent("i", 1, "p", "m", 1),
            new Steered("i", "s", new(HarnessConversationRole.User, [new Block.Text("wait")])),
            new ModelOutcome("i", 1, new(HarnessConversationRole.Assistant, [new Block.Text("ab")]), null, default, [new(0, 2)], 1, 1, 1, null, Ended: 0),
            new InvocationEnded("i", HarnessStopReason.Interrupted, "over", default, 1, 5, null));

        Assert.Equal(
            ["1.0 messageStart", "1.1 contentBlockDelta", "2.0 steered", "4.0 contentBlockStop", "4.1 messageStop", "4.2 metadata", "4.3 invocationEnded"],
            told.Select(one => $"{one.Id} {one.Event.EventType}"));
    }

    [Theory]
    [InlineData("7.3", 7, 3)]
    [InlineData("7", 7, int.MaxValue)]
    public void Ids_AreRead(string text, long entry, int delta)
    {
        Assert.True(SessionEventId.TryParse(text, out var id));
        Assert.Equal(new(entry, delta), id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("7.")]
    [InlineData(".7")]
    [InlineData("-7.1")]
    [InlineData("7.99999999999")]
    public void WhatIsNoId_IsNotRead(string text) => Assert.False(SessionEventId.TryParse(text, out _));

    // Both readers stop in the middle of a reply that has not ended: one saw it grow, the other came late.
    [Fact]
    public async Task RunningCall_IsToldFromMemory_ToWhoeverComes_AndGoesOnAfterwards()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Hang(new ModelEvent.Text(0, "one"), new ModelEvent.Text(0, "two"));
        await using var accepted = await world.StartAsync(world.Request(Hi));
        var early = await UntilTextAsync(world, SessionEventId.Start, "two");
        var late = await UntilTextAsync(world, early[^2].Id, "two");
        var page = await StreamsOf(world).ReadAsync(world.Key, SessionEventId.Start, follow: false, CancellationToken.None, Token).ToListAsync(Token);
        await world.Host.StopAsync(world.Key, null, Token);
        var sent = await EngineWorld.ReadAsync(accepted);

        var rest = await StreamsOf(world).ReadAsync(world.Key, late[^1].Id, follow: false, CancellationToken.None, Token).ToListAsync(Token);
        Assert.Equal(early[^1], Assert.Single(late));
        Assert.Equal(Ids(early), Ids(page));
        Assert.Equal(Ids(await ToldAsync(world)), Ids([.. early, .. rest]));
        Assert.Equal(sent.Select(Json), early.Concat(rest).Where(IsSent).Select(told => Json(told.Event)));
    }

    [Fact]
    public async Task LeftAndTakenUpAgainAtEveryEvent_WhileItRuns_NothingIsLostOrRepeated()
    {
        await using var world = new EngineWorld();
        for (var i = 1; i < 6; i++)
        {
            world.Model.Reply(
            [
                .. Enumerable.Range(0, 5).Select(piece => new ModelEvent.Text(0, $"piece {piece} ")), new ModelEvent.BlockClosed(0),
                new ModelEvent.ToolOpened(1, $"a{i}", "shell"), new ModelEvent.ToolInput(1, """{"command":"echo one"}"""), new ModelEvent.Stopped(HarnessStopReason.ToolUse),
            ]);
        }

        world.Model.Say("Do", "ne.");
        await using var accepted = await world.StartAsync(world.Request(Hi));
        var (seen, streams) = (new List<ToldEvent>(), StreamsOf(world));
        while (seen is not [.., { Event: InvocationEndedNotice }])
        {
            seen.Add(await streams.ReadAsync(world.Key, seen is [.., var last] ? last.Id : SessionEventId.Start, follow: true, CancellationToken.None, Token).FirstAsync(Token));
        }

        Assert.Equal(Lines(await ToldAsync(world)), Lines(seen));
        Assert.Equal((await EngineWorld.ReadAsync(accepted)).Select(Json), seen.Where(IsSent).Select(told => Json(told.Event)));
        await Eventually.TrueAsync("readers that left are forgotten", () => Task.FromResult(world.Journal.Waiting == 0), Token);
    }

    [Fact]
    public async Task TakenUpAgain_FromEveryEventOfAnOldSession_GivesTheRest()
    {
        await using var world = new EngineWorld();
        for (var i = 0; i < 30; i++)
        {
            world.Model.Call(($"a{i}", "shell", """{"command":"echo one"}""")).Say("Done.");
            await world.InvokeAsync(Hi);
        }

        var all = await ToldAsync(world);
        foreach (var index in Enumerable.Range(0, all.Count).Where(index => index % 7 == 0))
        {
            var rest = await StreamsOf(world).ReadAsync(world.Key, all[index].Id, follow: false, CancellationToken.None, Token).ToListAsync(Token);
            Assert.Equal(Lines(all.Skip(index + 1)), Lines(rest));
        }
    }

    [Fact]
    public async Task ServerThatDiesInAReply_TellsThatItIsVoid_AndTheReaderGoesOn()
    {
        await using var world = new EngineWorld { Invocations = new() { FinishOnDisconnect = true } };
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Hang(new ModelEvent.Text(0, "one"), new ModelEvent.Text(0, "two")).Say("three");
        await using var accepted = await world.StartAsync(world.Request(Hi));
        var seen = await UntilTextAsync(world, SessionEventId.Start, "two");

        // A real store has synced within 10 ms what a reader was shown.
        world.Crash(survivingAppends: world.Journal.UnsyncedAppends);
        await world.RecoverAsync();
        await foreach (var told in StreamsOf(world).ReadAsync(world.Key, seen[^1].Id, follow: true, CancellationToken.None, Token))
        {
            seen.Add(told);
            if (told.Event is InvocationEndedNotice)
            {
                break;
            }
        }

        var gone = Assert.Single(seen.Select(told => told.Event).OfType<ModelVoidedNotice>());
        Assert.Equal("two", ((HarnessContentBlockDeltaEvent)seen.Last(told => told.Id.Entry == gone.Void).Event).Delta.Text);
        Assert.Equal(Lines(await ToldAsync(world)), Lines(seen.Where(told => told.Id.Entry != gone.Void)));
        Assert.Equal(seen.Select(told => told.Id).Distinct().Order(), seen.Select(told => told.Id));
    }

    /// <summary>Runs invocations one after another, and compares what was sent with what the journal tells.</summary>
    private static async Task CheckAsync(Action<EngineWorld> prepare, params HarnessMessage[][] invocations)
    {
        await using var world = new EngineWorld();
        prepare(world);
        var sent = new List<InvocationEvent>();
        foreach (var messages in invocations)
        {
            await using var accepted = await world.StartAsync(world.Request(messages));
            try
            {
                await foreach (var item in accepted.ReadAsync(Token))
                {
                    sent.Add(item);
                }
            }
            catch (ServiceException)
            {
                // What was sent before still counts.
            }
        }

        var told = await ToldAsync(world);
        Assert.Equal(sent.Select(Json), told.Where(IsSent).Select(one => Json(one.Event)));
        Assert.Equal(told.Select(one => one.Id).Distinct().Order(), told.Select(one => one.Id));
        Assert.IsType<InvocationStartedNotice>(told[0].Event);
        Assert.IsType<InvocationEndedNotice>(told[^1].Event);
    }

    private static SessionEventStreams StreamsOf(EngineWorld world) => new(new(world.Journal, world.Sealer, world.Host.Look, new()), world.Host.Listen, world.Host.Outputs);

    private static async Task<List<ToldEvent>> UntilTextAsync(EngineWorld world, SessionEventId after, string text)
    {
        var seen = new List<ToldEvent>();
        await foreach (var told in StreamsOf(world).ReadAsync(world.Key, after, follow: true, CancellationToken.None, Token))
        {
            seen.Add(told);
            if (told.Event is HarnessContentBlockDeltaEvent delta && delta.Delta.Text == text)
            {
                break;
            }
        }

        return seen;
    }

    private static async Task<List<ToldEvent>> ToldAsync(EngineWorld world) => Told([.. await world.EntriesAsync()]);

    private static List<ToldEvent> Told(params EntryBody[] entries)
    {
        var fold = new SessionEvents();
        return [.. entries.SelectMany((body, i) => fold.Apply(new(i + 1, default, body)))];
    }

    private static bool IsSent(ToldEvent told) => told.Event is not SessionNotice;

    private static IEnumerable<string> Ids(IEnumerable<ToldEvent> events) => events.Select(told => told.Id.ToString());

    // Times of entries are not the fold's to compare.
    private static IEnumerable<string> Lines(IEnumerable<ToldEvent> events) => events.Select(told => $"{told.Id} {(IsSent(told) ? Json(told.Event) : told.Event.EventType)}");

    private static string Json(InvocationEvent item) => item.EventType + JsonSerializer.Serialize(item, item.GetType(), BelayJson.Default);
}
