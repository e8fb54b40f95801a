using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>What a model is shown of a conversation that is too long, and what the journal says of it.</summary>
public sealed class ContextTests
{
    private const string Flood = """{"command":"flood 1000"}""";

    public static TheoryData<string> Failures => [.. NoSummary.Keys];

    private static readonly Dictionary<string, Action<FakeModel>> NoSummary = new()
    {
        ["overflow"] = model => model.Fail(ModelFailure.ContextTooLong, "fake: long"),
        ["refused"] = model => model.Fail(ModelFailure.Refused, "fake: no"),
        ["malformed"] = model => model.Fail(ModelFailure.Malformed, "fake: bad", new ModelEvent.Text(0, "Ba")),
        ["throttled to the end"] = model => Enumerable.Range(0, 6).Aggregate(model, (one, _) => one.Fail(ModelFailure.Throttled, "fake: wait")),
        ["unreachable"] = model => Enumerable.Range(0, 3).Aggregate(model, (one, _) => one.Fail(ModelFailure.Unreachable, "fake: gone")),
        ["broken"] = model => Enumerable.Range(0, 6).Aggregate(model, (one, _) => one.Fail(ModelFailure.Broken, "fake: gone", new ModelEvent.Text(0, "- no"))),
        ["nothing"] = model => model.Reply(new ModelEvent.Stopped(HarnessStopReason.EndTurn)),
        ["blank"] = model => model.Say(" \n"),
        ["filtered"] = model => model.Reply(new ModelEvent.Text(0, "I cannot."), new ModelEvent.BlockClosed(0), new ModelEvent.Stopped(HarnessStopReason.ContentFiltered)),
        ["a tool call"] = model => model.Call(("s1", "shell", Flood)),
        ["the window's end"] = model => model.Reply(new ModelEvent.Text(0, "- half"), new ModelEvent.BlockClosed(0), new ModelEvent.Stopped(HarnessStopReason.ModelContextWindowExceeded)),
    };

    // Whatever the summary call comes to, the run goes on as the sliding window would.
    [Theory]
    [MemberData(nameof(Failures))]
    public async Task SummaryThatFails_IsDoneWithout(string how)
    {
        await using var world = Summarising();
        world.Model.Call(("a1", "shell", Flood)).Say("One.");
        await world.InvokeAsync(EngineWorld.User("First"));
        world.Model.Fail(ModelFailure.ContextTooLong, "fake: long");
        NoSummary[how](world.Model);
        world.Model.Say("Two.");

        var events = await DriveAsync(world, EngineWorld.User("Second"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        var entries = await world.EntriesAsync();
        Assert.Equal("There is no summary. The tool results of message 3 were shortened.", Assert.Single(entries.OfType<ContextReduced>()).Reason);
        Assert.Single(entries.OfType<ModelIntent>(), intent => intent.Iteration == 0);
        var result = Assert.IsType<Block.ToolResult>(world.Model.Requests[^1].Messages[2].Blocks[0]);
        Assert.Contains("[… 600 characters removed …]", Assert.IsType<ToolContent.Text>(result.Content[0]).Value, StringComparison.Ordinal);
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task SummaryThatFailed_IsNotAskedForAgain_UntilTheModelHasAnswered()
    {
        await using var world = Summarising();
        world.Model.Call(("a1", "shell", Flood)).Say("One.").Say("Two.");
        await world.InvokeAsync(EngineWorld.User("First"));
        await world.InvokeAsync(EngineWorld.User("Second"));
        world.Model.Fail(ModelFailure.ContextTooLong).Fail(ModelFailure.Refused).Fail(ModelFailure.ContextTooLong).Call(("a2", "shell", """{"command":"echo ok"}"""))
            .Fail(ModelFailure.ContextTooLong).Say("- notes").Say("Three.");

        var events = await world.InvokeAsync(EngineWorld.User("Third"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        var entries = await world.EntriesAsync();
        Assert.Equal(
            ["There is no summary. The tool results of message 3 were shortened.", "There is no summary. The oldest 4 messages were left out.", "The oldest 2 messages were replaced by a summary."],
            entries.OfType<ContextReduced>().Select(reduced => reduced.Reason));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task SummaryThatFails_WithNothingToShorten_Stops()
    {
        await using var world = Summarising();
        world.Model.Fail(ModelFailure.ContextTooLong).Fail(ModelFailure.Refused);

        var events = await world.InvokeAsync(EngineWorld.User("One"), EngineWorld.User("Two"));

        Assert.Equal("messageStop ModelContextWindowExceeded", Shown.Of(events[^2]));
        Assert.Null(Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>()).Fault);
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task SummaryThatWasCutByItsOwnLimit_IsOne()
    {
        await using var world = Summarising();
        world.Model.Say("One.").Fail(ModelFailure.ContextTooLong)
            .Reply(new ModelEvent.Text(0, "- they said"), new ModelEvent.BlockClosed(0), new ModelEvent.Stopped(HarnessStopReason.MaxTokens)).Say("Two.");
        await world.InvokeAsync(EngineWorld.User("First"));

        await world.InvokeAsync(EngineWorld.User("Second"));

        Assert.Equal(new Block.Text("- they said"), world.Model.Requests[^1].Messages[0].Blocks[0]);
    }

    [Fact]
    public async Task OverflowInTheMiddleOfAnAnswer_KeepsWhatWasSaid_AndTheNextTurnIsShortened()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Fail(ModelFailure.ContextTooLong, "fake: long", new ModelEvent.Text(0, "Half an ")).Fail(ModelFailure.ContextTooLong).Say("Three.");
        await world.InvokeAsync(EngineWorld.User("First"));

        var events = await world.InvokeAsync(EngineWorld.User("Second"));
        var next = await world.InvokeAsync(EngineWorld.User("Third"));

        Assert.Equal(["messageStart assistant", "delta 0 text Half an ", "stop 0", "messageStop ModelContextWindowExceeded"], events.Select(Shown.Of).Take(4));
        Assert.Single(events.OfType<HarnessMessageStopEvent>());
        Assert.Equal("messageStop EndTurn", Shown.Of(next[^2]));
        Assert.Equal(["First", "One.", "Second", "Half an ", "Third"], Texts(world.Model.Requests[2]));
        Assert.Equal(["Second", "Half an ", "Third"], Texts(world.Model.Requests[3]));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task Window_IsCutBeforeEveryCall_AndTheJournalSaysHowMuch()
    {
        await using var world = Sliding(3);
        world.Model.Call(("a1", "shell", Flood)).Call(("a2", "shell", Flood)).Call(("a3", "shell", Flood)).Say("Done.").Say("Bye.");

        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.InvokeAsync(EngineWorld.User("And?"));

        var intents = (await world.EntriesAsync()).OfType<ModelIntent>().ToList();
        Assert.Equal([null, null, 3, 5, 8], intents.Select(intent => intent.LeftOut));
        Assert.Equal([1, 3, 3, 3, 1], intents.Select(intent => intent.MessageCount)); // Where the user's words are left out, some stand for them.
        Assert.Equal(intents.Select(intent => intent.MessageCount), world.Model.Requests.Select(request => request.Messages.Count));
        Assert.All(world.Model.Requests, request => Assert.Empty(Testing.Simulation.JournalCheck.PairProblems(request.Messages)));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task WindowThatNoCutFits_IsSaid()
    {
        await using var world = Sliding(1);
        world.Model.Call(("a1", "shell", Flood)).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var intents = (await world.EntriesAsync()).OfType<ModelIntent>().ToList();
        Assert.Equal([(null, 1), (0, 3)], intents.Select(intent => (intent.LeftOut, intent.MessageCount)));
    }

    private static EngineWorld Sliding(int count) => World(new() { Strategy = HarnessTruncationStrategy.SlidingWindow, Config = new() { SlidingWindow = new() { MessagesCount = count } } });

    private static EngineWorld Summarising() =>
        World(new() { Strategy = HarnessTruncationStrategy.Summarization, Config = new() { Summarization = new() { SummaryRatio = 0.5, PreserveRecentMessages = 1 } } });

    private static EngineWorld World(HarnessTruncationConfiguration truncation) => new() { Harness = EngineWorld.DefaultHarness() with { Truncation = truncation } };

    private static IEnumerable<string> Texts(ModelRequest request) => request.Messages.SelectMany(message => message.Blocks).OfType<Block.Text>().Select(text => text.Value);

    // Time goes on while an attempt waits for the next.
    private static async Task<IReadOnlyList<InvocationEvent>> DriveAsync(EngineWorld world, HarnessMessage message)
    {
        await using var accepted = await world.StartAsync(world.Request(message));
        var reading = EngineWorld.ReadAsync(accepted);
        while (!reading.IsCompleted)
        {
            await Task.Yield();
            if (world.Time.ArmedTimers > 1)
            {
                world.Time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        return await reading;
    }
}
