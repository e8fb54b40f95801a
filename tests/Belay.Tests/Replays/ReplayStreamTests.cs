using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Replays;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Replays;

/// <summary>Answers of every form, failures and cut-offs: what the client saw is what a replay shows.</summary>
public sealed class ReplayStreamTests
{
    private static readonly JsonElement State = JsonElement.Parse("""{"thought":1}""");

    public static TheoryData<string> Forms => [.. Answers.Keys];

    private static readonly Dictionary<string, Action<FakeModel>> Answers = new()
    {
        ["text in pieces"] = model => model.Say("All ", "is ", "well \ud83d", "\ude00."),
        ["nothing"] = model => model.Reply(new ModelEvent.Stopped(HarnessStopReason.EndTurn)),
        ["a block that came while another was open"] = model => model.Reply(
            new ModelEvent.Text(0, "Be"),
            new ModelEvent.ToolOpened(1, "t1", "shell"),
            new ModelEvent.ToolInput(1, " {\"command\": "),
            new ModelEvent.Text(0, "fore"),
            new ModelEvent.BlockClosed(0),
            new ModelEvent.ToolInput(1, " \"effect t1; echo ok\" } \n"),
            new ModelEvent.BlockClosed(1),
            new ModelEvent.Stopped(HarnessStopReason.EndTurn)).Say("Done."),
        ["arguments of every kind"] = model => model.Call(("a", "shell", ""), ("b", "nothing", "{}"), ("c", "shell", "{\"comm"), ("d", "shell", "  \n"), ("e", "no good", "[1]")).Say("Done."),
        ["long arguments with white space where they are cut"] = model => model.Call(
            ("a", "shell", $$"""{"command":"echo ok","note":"{{string.Concat(Enumerable.Repeat("word and \u00e4 ", 20_000))}}"}""")).Say("Done."),
        ["reasoning, state, images, citations, the provider's own tools"] = model => model.Reply(
            new ModelEvent.Reasoning(0, "Hm"),
            new ModelEvent.Reasoning(0, "m."),
            new ModelEvent.Signature(0, "sig"),
            new ModelEvent.State(0, State),
            new ModelEvent.BlockClosed(0),
            new ModelEvent.Redacted(1, new byte[100_000]),
            new ModelEvent.BlockClosed(1),
            new ModelEvent.State(2, State),
            new ModelEvent.BlockClosed(2),
            new ModelEvent.ServerTool(3, "s1", "web_search", JsonElement.Parse("""{"q": 1}""")),
            new ModelEvent.Text(4, "See"),
            new ModelEvent.Citation(4, "https://example.com", "Title", "quote"),
            new ModelEvent.Image(5, "image/png", new byte[] { 1, 2, 3 }),
            new ModelEvent.Text(4, " there."),
            new ModelEvent.BlockClosed(4),
            new ModelEvent.Stopped(HarnessStopReason.EndTurn),
            new ModelEvent.Usage(new(7, 8, 9, 10))),
        ["cut by its own limit, in a call"] = model => model.Reply(
            new ModelEvent.Text(0, "Cut"), new ModelEvent.ToolOpened(1, "t1", "shell"), new ModelEvent.ToolInput(1, "{\"comm"), new ModelEvent.Stopped(HarnessStopReason.MaxTokens)),
        ["against the protocol, behind a block that is open"] = model => model.Reply(
            new ModelEvent.Text(0, "Bad"), new ModelEvent.Text(1, "hidden"), new ModelEvent.ToolInput(9, "{}")),
        ["broken in the middle"] = model => model.Fail(ModelFailure.Broken, "fake: it broke", new ModelEvent.Text(0, "Half a "), new ModelEvent.Text(1, "hidden")),
        ["refused"] = model => model.Fail(ModelFailure.Refused, "fake: no"),
        ["throttled, then answered"] = model => model.Fail(ModelFailure.Throttled, "fake: wait", new ModelEvent.ToolOpened(0, "t", "shell")).Fail(ModelFailure.Unreachable, "fake: gone").Say("Well."),
        ["throttled to the end"] = model => Enumerable.Range(0, 6).Aggregate(model, (one, _) => one.Fail(ModelFailure.Throttled, "fake: wait")),
        ["stopped while it waits for its next attempt"] = model => Enumerable.Range(0, 3).Aggregate(model, (one, _) => one.Fail(ModelFailure.Throttled, "fake: wait")).Hang(),
        ["too long, then shortened"] = model => model.Fail(ModelFailure.ContextTooLong, "fake: long").Say("Well."),
        ["stopped in the middle, with a block behind"] = model => model.Hang(
            new ModelEvent.Text(0, "One"), new ModelEvent.BlockClosed(0), new ModelEvent.Text(1, "Two"), new ModelEvent.Text(2, "hidden"), new ModelEvent.ToolOpened(3, "t3", "shell")),
        ["stopped behind a block of which nothing came"] = model => model.Hang(new ModelEvent.Text(0, ""), new ModelEvent.Text(1, "hidden")),
        ["stopped before anything came"] = model => model.Hang(),
        ["stopped while tools run"] = model => model.Call(("a", "shell", """{"command":"effect a; echo ok"}"""), ("b", "shell", """{"command":"effect b; sleep"}"""), ("c", "shell", """{"command":"effect c; echo ok"}""")),
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Answer_IsReplayedEventForEvent(string form)
    {
        await using var world = new EngineWorld();
        var first = await DriveAsync(world, world.Model.Say("Hello.", " I am here."), EngineWorld.User("Hi"));
        Answers[form](world.Model);
        var second = await DriveAsync(world, world.Model, EngineWorld.User("Go"));

        var replayed = await world.ReplayAsync();

        Assert.All(replayed, invocation => Assert.Null(invocation.Divergence));
        Assert.Equal([ReplayResult.Identical, ReplayResult.Identical], replayed.Select(invocation => invocation.Result));
        Assert.Equal(first, replayed[0].Events.Select(Json));
        Assert.Equal(second, replayed[1].Events.Select(Json));
    }

    [Fact]
    public async Task SummaryOfALongConversation_IsReplayed()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with { Truncation = new() { Strategy = HarnessTruncationStrategy.Summarization } };
        for (var i = 0; i < 12; i++)
        {
            await DriveAsync(world, world.Model.Say("Yes."), EngineWorld.User($"Is {i} a number?"));
        }

        world.Model.Fail(ModelFailure.ContextTooLong, "fake: long").Say("- Numbers are numbers.").Say("Well.");
        var live = await DriveAsync(world, world.Model, EngineWorld.User("Go"));

        var replayed = await world.ReplayAsync();

        Assert.Contains(await world.EntriesAsync(), entry => entry is ContextReduced);
        Assert.Equal(Enumerable.Repeat(ReplayResult.Identical, 13), replayed.Select(invocation => invocation.Result));
        Assert.Equal(live, replayed[^1].Events.Select(Json));
    }

    [Fact]
    public async Task AnswerThatWasChanged_DivergesAtThatEntry()
    {
        await using var world = new EngineWorld();
        await DriveAsync(world, world.Model.Say("All ", "done."), EngineWorld.User("Hi"));

        var replayed = Assert.Single(await world.ReplayAsync(Change<ModelOutcome>(outcome => outcome with { Message = new(HarnessConversationRole.Assistant, [new Block.Text("All was done.")]) })));

        Assert.Equal(ReplayResult.Diverged, replayed.Result);
        Assert.Equal((3, "deltas[4]", EntryKind.ModelOutcome, EntryKind.ModelOutcome), (replayed.Divergence!.Sequence, replayed.Divergence.Path, replayed.Divergence.ExpectedKind, replayed.Divergence.GotKind));
    }

    [Fact]
    public async Task CallThatWasChanged_DivergesAtItsIntent_AndNamesTheNearest()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a", "shell", """{"command":"effect a; echo ok"}"""), ("b", "shell", """{"command":"effect b; echo well"}""")).Say("Done.");
        await DriveAsync(world, world.Model, EngineWorld.User("Go"));

        var replayed = Assert.Single(await world.ReplayAsync(Change<ToolIntent>(
            intent => intent.ToolUseId == "a" ? intent with { Input = JsonElement.Parse("""{"command":"rm"}""") } : intent)));

        Assert.Equal(ReplayResult.Diverged, replayed.Result);
        Assert.Equal((4, "input.command"), (replayed.Divergence!.Sequence, replayed.Divergence.Path));
        Assert.Equal("b", ((ToolIntent)replayed.Divergence.Nearest!.Body).ToolUseId);
    }

    [Theory]
    [InlineData(typeof(ModelOutcome))]
    [InlineData(typeof(ToolIntent))]
    [InlineData(typeof(ToolOutcome))]
    [InlineData(typeof(InvocationEnded))]
    public async Task EntryThatIsMissing_DivergesThereOrIsUnfinished(Type missing)
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a", "shell", """{"command":"effect a; echo ok"}""")).Say("Done.");
        await DriveAsync(world, world.Model, EngineWorld.User("Go"));
        var entries = new List<RecordedEntry>();
        await foreach (var opened in SessionJournal.ReadOpenedAsync(world.Journal, world.Sealer, world.Key, 0, CancellationToken.None))
        {
            entries.Add(RecordedEntry.Of(opened));
        }

        var gap = entries.FindIndex(entry => entry.Body.GetType() == missing);
        entries.RemoveAt(gap);
        var replayer = new Replayer((_, _) => Task.FromResult<Harness?>(world.Harness), world.BuiltIns);
        var replayed = Assert.Single(await replayer.RunAsync(entries.ToAsyncEnumerable(), new(), CancellationToken.None).ToListAsync());

        if (missing == typeof(InvocationEnded))
        {
            Assert.Equal(ReplayResult.Unfinished, replayed.Result);
        }
        else
        {
            // What is not the loop's is passed on; the next entry that is shows the gap.
            Assert.Equal((ReplayResult.Diverged, entries.Skip(gap).First(entry => entry.Body is not SandboxStarted).Sequence), (replayed.Result, replayed.Divergence!.Sequence));
        }
    }

    [Fact]
    public async Task VersionThatIsGone_IsNamed()
    {
        await using var world = new EngineWorld();
        await DriveAsync(world, world.Model.Say("Hello."), EngineWorld.User("Hi"));
        var replayer = new Replayer((_, _) => Task.FromResult<Harness?>(null), world.BuiltIns);

        var fault = await Assert.ThrowsAsync<ReplayException>(async () => await replayer
            .RunAsync(SessionJournal.ReadOpenedAsync(world.Journal, world.Sealer, world.Key, 0, CancellationToken.None).Select(RecordedEntry.Of), new(), CancellationToken.None)
            .ToListAsync());

        Assert.Equal("Entry 1 began on version 1 of its harness, which does not exist any more.", fault.Message);
    }

    private static Func<RecordedEntry, RecordedEntry> Change<T>(Func<T, T> change)
        where T : EntryBody => entry =>
        {
            if (entry.Body is not T body)
            {
                return entry;
            }

            var changed = change(body);
            return entry with { Body = changed, Json = JournalJson.Serialize(changed) };
        };

    // Nothing moves by itself in a world whose clock stands still: after a while of nothing, time passes.
    private static async Task<IReadOnlyList<string>> DriveAsync(EngineWorld world, FakeModel model, HarnessMessage message)
    {
        Assert.Same(world.Model, model);
        await using var accepted = await world.StartAsync(world.Request(message) with { TimeoutSeconds = 300 });
        var events = new List<string>();
        var reading = ReadAsync(accepted, events);
        for (var turns = 0; !reading.IsCompleted; turns++)
        {
            await Task.Yield();
            if (turns % 256 == 255)
            {
                world.Time.Advance(TimeSpan.FromSeconds(2));
            }
        }

        await reading;
        return events;
    }

    private static async Task ReadAsync(AcceptedInvocation accepted, List<string> events)
    {
        try
        {
            await foreach (var item in accepted.ReadAsync(CancellationToken.None))
            {
                events.Add(Json(item));
            }
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.RuntimeClientError)
        {
            // The model failed; what came before is what the client saw.
        }
    }

    private static string Json(InvocationEvent shown) => $"{shown.EventType} {Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(shown, Contracts.BelayJson.Default.GetTypeInfo(shown.GetType())!))}";
}
