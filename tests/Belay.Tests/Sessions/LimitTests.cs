using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class LimitTests
{
    private const string Echo = """{"command":"echo one"}""";

    [Fact]
    public async Task MaxIterations_StopsBareAfterTheResults()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", Echo));

        var events = await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { MaxIterations = 1 });

        Assert.Equal(["messageStop ToolResult", "messageStop MaxIterationsExceeded", "metadata 10/5"], events.Select(Shown.Of).TakeLast(3));
    }

    [Fact]
    public async Task MaxTokens_StopsBeforeTheNextCall()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", Echo));

        var events = await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { MaxTokens = 5 });

        Assert.Equal(["messageStop ToolResult", "messageStop MaxOutputTokensExceeded", "metadata 10/5"], events.Select(Shown.Of).TakeLast(3));
        Assert.Single(world.Model.Requests);
    }

    [Fact]
    public async Task LimitOfOneCall_StopsWithMaxTokensAndKeepsATextForTheCall()
    {
        await using var world = new EngineWorld();
        world.Model
            .Reply(new ModelEvent.Text(0, "So"), new ModelEvent.BlockClosed(0), new ModelEvent.ToolOpened(1, "a1", "shell"), new ModelEvent.ToolInput(1, "{\"comm"), new ModelEvent.Stopped(HarnessStopReason.MaxTokens))
            .Say("Again.");

        var events = await world.InvokeAsync(EngineWorld.User("Go"));
        await world.InvokeAsync(EngineWorld.User("And?"));

        Assert.Equal("messageStop MaxTokens", Shown.Of(events[^2]));
        Assert.Equal([new Block.Text("So"), new Block.Text("[The call of shell was cut off and did not run.]")], world.Model.Requests[1].Messages[1].Blocks);
    }

    [Fact]
    public async Task Timeout_KillsTheToolAndLeavesTheSessionUsable()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"sleep"}""")).Say("Well.");

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 2 });
        var reading = EngineWorld.ReadAsync(accepted);
        await world.Disk.Slept.Task;
        world.Time.Advance(TimeSpan.FromSeconds(2));
        var events = await reading;

        Assert.Equal(["messageStop ToolUse", "messageStop TimeoutExceeded", "metadata 10/5"], events.Select(Shown.Of).TakeLast(3));
        Assert.Equal(0, world.Sandboxes[0].Current!.Running);
        var next = await world.InvokeAsync(EngineWorld.User("Are you there?"));
        Assert.Equal("messageStop EndTurn", Shown.Of(next[^2]));
        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Equal("Tool execution cancelled", Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value);
    }

    [Fact]
    public async Task TimeoutInTheMiddleOfText_ClosesTheBlockAndKeepsTheText()
    {
        await using var world = new EngineWorld();
        world.Model.Hang(new ModelEvent.Text(0, "Half")).Say("Well.");

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 2 });
        var events = new List<InvocationEvent>();
        await foreach (var item in accepted.ReadAsync(CancellationToken.None))
        {
            events.Add(item);
            if (item is HarnessContentBlockDeltaEvent)
            {
                world.Time.Advance(TimeSpan.FromSeconds(2));
            }
        }

        await world.InvokeAsync(EngineWorld.User("Go on"));

        Assert.Equal(["messageStart assistant", "delta 0 text Half", "stop 0", "messageStop TimeoutExceeded"], events.Select(Shown.Of).Take(4));
        Assert.Equal(new Block.Text("Half"), Assert.Single(world.Model.Requests[1].Messages[1].Blocks));
    }

    [Fact]
    public async Task Throttled_TwiceThenAnswer_NothingVisibleButLatency()
    {
        await using var world = new EngineWorld();
        world.Model.Fail(ModelFailure.Throttled).Fail(ModelFailure.Throttled).Say("There.");

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        await AdvanceUntilAsync(world, reading);
        var events = await reading;

        Assert.Equal(["messageStart assistant", "delta 0 text There.", "stop 0", "messageStop EndTurn", "metadata 10/5"], events.Select(Shown.Of));
        Assert.True(((HarnessMetadataEvent)events[^1]).Metrics.LatencyMs >= 12_000);
        var outcome = Assert.Single((await world.EntriesAsync()).OfType<ModelOutcome>());
        Assert.Equal(3, outcome.Attempts);
    }

    [Fact]
    public async Task ThrottledForGood_FaultSaysHowOften()
    {
        await using var world = new EngineWorld();
        world.Model.Otherwise = (_, _) => throw new ModelException(ModelFailure.Throttled, "fake: slow down");

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        await AdvanceUntilAsync(world, reading);
        var fault = await Assert.ThrowsAsync<ServiceException>(() => reading);

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
        Assert.Equal("Model throttled after 6 attempts: fake: slow down", fault.Message);
        Assert.Equal("RuntimeClientError", Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>()).Fault);
    }

    [Fact]
    public async Task StreamBrokenAfterContent_IsAFaultAndNeverAnAnswer()
    {
        await using var world = new EngineWorld();
        world.Model.Fail(ModelFailure.Broken, "fake: gone", new ModelEvent.Text(0, "Half")).Say("Well.");

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.User("Go")));
        await world.InvokeAsync(EngineWorld.User("Again"));

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
        Assert.Equal([HarnessConversationRole.User, HarnessConversationRole.User], world.Model.Requests[1].Messages.Select(message => message.Role));
    }

    [Fact]
    public async Task StreamWithoutAnEnd_IsAFault()
    {
        await using var world = new EngineWorld();
        world.Model.Reply(new ModelEvent.Text(0, "Half"));

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.User("Go")));

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
    }

    [Fact]
    public async Task Overflow_SlidingWindow_ShortensResultsThenCuts()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"flood 1000"}""")).Say("One.").Say("Two.")
            .Fail(ModelFailure.ContextTooLong).Fail(ModelFailure.ContextTooLong).Say("Three.");
        await world.InvokeAsync(EngineWorld.User("First"));
        await world.InvokeAsync(EngineWorld.User("Second"));

        var events = await world.InvokeAsync(EngineWorld.User("Third"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        var shortened = Assert.IsType<Block.ToolResult>(world.Model.Requests[4].Messages[2].Blocks[0]);
        Assert.Equal($"{new string('x', 200)}\n[… 600 characters removed …]\n{new string('x', 200)}", Assert.IsType<ToolContent.Text>(shortened.Content[0]).Value);
        Assert.Equal(new Block.Text("Second"), world.Model.Requests[5].Messages[0].Blocks[0]);
        Assert.Equal(2, (await world.EntriesAsync()).OfType<ContextReduced>().Count());
    }

    [Fact]
    public async Task Overflow_Summarization_ReplacesTheOldest()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with
        {
            Truncation = new() { Strategy = HarnessTruncationStrategy.Summarization, Config = new() { Summarization = new() { SummaryRatio = 0.5, PreserveRecentMessages = 1 } } },
        };
        world.Model.Say("One.").Fail(ModelFailure.ContextTooLong).Say("- they said hello").Say("Two.");
        await world.InvokeAsync(EngineWorld.User("First"));

        var events = await world.InvokeAsync(EngineWorld.User("Second"));

        Assert.Equal("metadata 20/10", Shown.Of(events[^1]));
        Assert.Empty(world.Model.Requests[2].Tools);
        Assert.Equal(["- they said hello", "One.", "Second"], world.Model.Requests[3].Messages.Select(message => ((Block.Text)message.Blocks[0]).Value));
    }

    [Fact]
    public async Task Overflow_SummarizationThatGetsNowhere_Stops()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with
        {
            Truncation = new() { Strategy = HarnessTruncationStrategy.Summarization, Config = new() { Summarization = new() { PreserveRecentMessages = 1 } } },
        };
        world.Model.Otherwise = (request, token) => request.Messages.Count > 1 && request.Messages[^1].Blocks[0] is Block.Text { Value: "Huge" }
            ? throw new ModelException(ModelFailure.ContextTooLong, "no")
            : FakeModel.Yield(FakeModel.Text("- a long story, in short"), token);

        var events = await world.InvokeAsync(EngineWorld.User(new('x', 200)), EngineWorld.User("Huge"));

        Assert.Equal("messageStop ModelContextWindowExceeded", Shown.Of(events[^2]));
        Assert.InRange(world.Model.Requests.Count, 2, 6);
    }

    [Theory]
    [InlineData(HarnessTruncationStrategy.None)]
    [InlineData(HarnessTruncationStrategy.Summarization)]
    [InlineData(HarnessTruncationStrategy.SlidingWindow)]
    public async Task Overflow_NothingToReduce_StopsBare(HarnessTruncationStrategy strategy)
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with { Truncation = new() { Strategy = strategy } };
        world.Model.Fail(ModelFailure.ContextTooLong);

        var events = await world.InvokeAsync(EngineWorld.User("Too long"));

        Assert.Equal(["messageStop ModelContextWindowExceeded", "metadata 0/0"], events.Select(Shown.Of));
    }

    [Fact]
    public async Task LargeToolOutput_TravelsInPiecesThatFitAFrame()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"flood 3000000"}""")).Say("Long.");

        var events = await world.InvokeAsync(EngineWorld.User("Go"));

        var pieces = events.OfType<HarnessContentBlockDeltaEvent>().SelectMany(delta => delta.Delta.ToolResult ?? []).Select(item => item.Text!).ToList();
        Assert.All(pieces, piece => Assert.InRange(piece.Length, 1, 65536));
        Assert.InRange(pieces.Sum(piece => piece.Length), 1_000_000, 1_048_576 + 64);
        Assert.Contains(pieces, piece => piece.Contains("bytes removed …]", StringComparison.Ordinal));
    }

    private static async Task AdvanceUntilAsync(EngineWorld world, Task task)
    {
        while (!task.IsCompleted)
        {
            await Task.Yield();
            // One timer is the invocation's own; a second is somebody who waits.
            if (world.Time.ArmedTimers > 1)
            {
                world.Time.Advance(TimeSpan.FromSeconds(1));
            }
        }
    }
}
