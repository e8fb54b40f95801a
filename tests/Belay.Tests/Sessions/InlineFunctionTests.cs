using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class InlineFunctionTests
{
    private static readonly string[] Paused =
    [
        "messageStart assistant", "start 0 toolUse b1 approve ToolUse", "delta 0 input {\"amount\":120}", "stop 0", "messageStop ToolUse", "metadata 10/5",
    ];

    [Fact]
    public async Task InlineCall_PausesWithToolUseLast()
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", """{"amount":120}"""));

        var events = await world.InvokeAsync(EngineWorld.User("Buy it"));

        Assert.Equal(Paused, events.Select(Shown.Of));
        var conversation = await world.ConversationAsync();
        Assert.Single(conversation.Context);
        Assert.Equal(["b1"], conversation.Open!.Offered);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Resume_WithOrWithoutTheAssistantMessage_GoesOn(bool both)
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", """{"amount":120}""")).Say("Bought.");
        await world.InvokeAsync(EngineWorld.User("Buy it"));

        var results = EngineWorld.Results(("b1", "yes"));
        var events = await world.InvokeAsync(both ? [EngineWorld.Uses(("b1", "approve", """{"amount":99}""")), results] : [results]);

        Assert.Equal(["messageStart assistant", "delta 0 text Bought.", "stop 0", "messageStop EndTurn", "metadata 10/5"], events.Select(Shown.Of));
        var sent = world.Model.Requests[1].Messages;
        Assert.Equal(3, sent.Count);
        var call = Assert.IsType<Block.ToolUse>(Assert.Single(sent[1].Blocks));
        Assert.Equal(both ? """{"amount":99}""" : """{"amount":120}""", call.Input.GetRawText());
        var result = Assert.IsType<Block.ToolResult>(Assert.Single(sent[2].Blocks));
        Assert.Equal("yes", Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value);
    }

    [Fact]
    public async Task CallThatRepeatsAnEarlierId_GetsOneOfItsOwn_AndOnlyThatIsAnswered()
    {
        await using var world = World();
        world.Model.Call(("b1", "shell", "{\"command\":\"echo one\"}")).Say("One.").Call(("b1", "approve", "{}")).Say("Bought.");
        await world.InvokeAsync(EngineWorld.User("Look"));
        var paused = await world.InvokeAsync(EngineWorld.User("Buy it"));
        var id = Assert.Single(paused.OfType<HarnessContentBlockStartEvent>()).Start!.ToolUse!.ToolUseId;

        await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.Results(("b1", "yes"))));
        var events = await world.InvokeAsync(EngineWorld.Results((id, "yes")));

        Assert.NotEqual("b1", id);
        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        Assert.Equal(["b1", id], (await world.EntriesAsync()).OfType<ToolIntent>().Select(intent => intent.ToolUseId));
    }

    [Fact]
    public async Task CallThatRepeatsAnIdOfTheCallersHistory_GetsOneOfItsOwn_AfterARestartToo()
    {
        await using var world = World();
        world.Model.Say("Seen.").Call(("c1", "approve", "{}"));
        await world.InvokeAsync(EngineWorld.User("Look"), EngineWorld.Uses(("c1", "shell", "{}")), EngineWorld.Results(("c1", "done")));
        world.Crash();

        await world.InvokeAsync(EngineWorld.User("Buy it"));

        Assert.NotEqual("c1", Assert.Single((await world.ConversationAsync()).Open!.Offered));
    }

    [Fact]
    public async Task Resume_AnswerInASecondMessage_IsRefused()
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", """{"amount":120}""")).Say("Bought.");
        await world.InvokeAsync(EngineWorld.User("Buy it"));
        var (yes, no) = (EngineWorld.Results(("b1", "yes")), EngineWorld.Results(("b1", "no")));
        var aside = new HarnessMessage { Role = HarnessConversationRole.Assistant, Content = [new() { Text = "Hm." }] };
        var pending = ("b1", "approve", "{}");

        await RefusedAsync("messages[1].content[0].toolResult.toolUseId", yes, no);
        await RefusedAsync("messages[2].content[0].toolResult.toolUseId", yes, aside, no);
        await RefusedAsync("messages[2].content[0].toolResult.toolUseId", EngineWorld.User("Well."), aside, yes);
        await RefusedAsync("messages[1].content[1].toolResult.toolUseId", EngineWorld.Uses(pending, ("mine", "approve", "{}")), EngineWorld.Results(("b1", "yes"), ("mine", "yes")));
        await RefusedAsync("messages[3].content[0].toolResult.toolUseId", EngineWorld.Uses(pending), yes, aside, no);
        var events = await world.InvokeAsync(EngineWorld.User("It is:"), yes);

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        Assert.Empty(Belay.Testing.Simulation.JournalCheck.PairProblems(world.Model.Requests[1].Messages));

        async Task RefusedAsync(string field, params HarnessMessage[] messages)
        {
            var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(messages));
            Assert.Equal(field, Assert.Single(fault.Fields).Name);
        }
    }

    [Fact]
    public async Task Request_WithCallsOfItsOwn_IsMadeWhole_AndASecondAnswerIsRefused()
    {
        await using var world = World();
        world.Model.Say("Thanks.");
        var call = EngineWorld.Uses(("a1", "shell", "{}"), ("a2", "shell", "{}"));
        var (one, two) = (EngineWorld.Results(("a1", "x")), EngineWorld.Results(("a2", "y")));

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(call, one, one));
        await world.InvokeAsync(call, EngineWorld.User("Wait."), one, two, EngineWorld.User("So?"));

        Assert.Equal("messages[2].content[0].toolResult.toolUseId", Assert.Single(fault.Fields).Name);
        var sent = world.Model.Requests[0].Messages;
        Assert.Empty(Belay.Testing.Simulation.JournalCheck.PairProblems(sent));
        Assert.Equal(["ToolResult", "ToolResult", "Text"], sent[2].Blocks.Select(block => block.GetType().Name));
        Assert.Equal(4, sent.Count);
    }

    [Fact]
    public async Task Resume_KeepsReasoningInFrontAndAppendsWhatTheUserSays()
    {
        await using var world = World();
        world.Model.Reply(
            new Belay.Models.ModelEvent.Reasoning(0, "Think."),
            new Belay.Models.ModelEvent.Signature(0, "s1"),
            new Belay.Models.ModelEvent.BlockClosed(0),
            new Belay.Models.ModelEvent.ToolOpened(1, "b1", "approve"),
            new Belay.Models.ModelEvent.BlockClosed(1),
            new Belay.Models.ModelEvent.Stopped(HarnessStopReason.ToolUse)).Say("Ok.");
        await world.InvokeAsync(EngineWorld.User("Buy it"));

        await world.InvokeAsync(EngineWorld.Uses(("b1", "approve", "{}")), EngineWorld.Results(("b1", "yes")), EngineWorld.User("Be quick."));

        var sent = world.Model.Requests[1].Messages;
        Assert.Equal(new Block.Reasoning("Think.", "s1"), sent[1].Blocks[0]);
        Assert.Equal(new Block.Text("Be quick."), sent[2].Blocks[1]);
        Assert.Equal(3, sent.Count);
    }

    [Fact]
    public async Task NoAnswer_NextQuestionRepairsTheHistory()
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", "{}")).Say("Fine.");
        await world.InvokeAsync(EngineWorld.User("Buy it"));

        await world.InvokeAsync(EngineWorld.User("Never mind."));

        var sent = world.Model.Requests[1].Messages;
        Assert.Equal(4, sent.Count);
        var result = Assert.IsType<Block.ToolResult>(Assert.Single(sent[2].Blocks));
        Assert.Equal(HarnessToolUseStatus.Error, result.Status);
        Assert.Equal("Tool was interrupted.", Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value);
    }

    [Fact]
    public async Task ServerInlineServer_RunsInCallOrderAcrossThePause()
    {
        await using var world = World();
        world.Model
            .Call(("a1", "shell", """{"command":"effect A; echo one"}"""), ("b1", "approve", "{}"), ("c1", "shell", """{"command":"effect C; echo three"}"""))
            .Say("Done.");

        var first = await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(
            ["messageStop ToolUse", "messageStart user", "start 0 toolResult a1 Success", "delta 0 result one\n", "delta 0 metadata {\"durationMs\":0}", "stop 0", "messageStop ToolResult", "messageStop ToolUse", "metadata 10/5"],
            first.Select(Shown.Of).SkipWhile(line => !line.StartsWith("messageStop", StringComparison.Ordinal)));
        Assert.Equal(["A"], world.Disk.Effects.Keys);

        var second = await world.InvokeAsync(EngineWorld.Results(("b1", "two")));

        Assert.Equal(
            ["messageStart user", "start 0 toolResult c1 Success", "delta 0 result three\n", "delta 0 metadata {\"durationMs\":0}", "stop 0", "messageStop ToolResult", "messageStart assistant"],
            second.Select(Shown.Of).Take(7));
        Assert.Equal(["a1", "b1", "c1"], world.Model.Requests[1].Messages[2].Blocks.OfType<Block.ToolResult>().Select(result => result.ToolUseId));
        Assert.Equal(1, world.Disk.Effects["A"]);
    }

    [Fact]
    public async Task Resume_AfterTheSessionWasStoppedAndTheServerDied_StillWorks()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("b1", "approve", "{}")).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.Host.StopAsync(world.Key, null, CancellationToken.None);
        world.Crash();

        await world.InvokeAsync(EngineWorld.Results(("b1", "yes")));

        Assert.Equal(["a1", "b1"], world.Model.Requests[1].Messages[2].Blocks.OfType<Block.ToolResult>().Select(result => result.ToolUseId));
    }

    [Fact]
    public async Task Resume_WithoutTools_UsesThoseOfThePausedCall()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("b1", "approve", "{}")).Say("Done.");
        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { Tools = [EngineWorld.Inline("approve")] });

        await world.InvokeAsync(EngineWorld.Results(("b1", "yes")));

        Assert.Contains(world.Model.Requests[1].Tools, tool => tool.Name == "approve");
    }

    [Fact]
    public async Task ResultForACallThatWasNotOffered_IsRefused()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("b1", "approve", "{}"), ("c1", "shell", "{}"));
        await world.InvokeAsync(EngineWorld.User("Go"));

        foreach (var id in new[] { "a1", "c1", "zz" })
        {
            var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.Results((id, "mine"))));
            Assert.Equal(FaultCode.ValidationException, fault.Code);
            Assert.Equal("messages[0].content[0].toolResult.toolUseId", Assert.Single(fault.Fields).Name);
        }
    }

    [Fact]
    public async Task TwoInlineCalls_OneAnswered_TheOtherIsInterrupted()
    {
        await using var world = World();
        world.Model.Call(("b1", "approve", "{}"), ("b2", "approve", "{}")).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));

        await world.InvokeAsync(EngineWorld.Results(("b2", "yes")));

        var results = world.Model.Requests[1].Messages[2].Blocks.OfType<Block.ToolResult>().ToList();
        Assert.Equal([("b1", HarnessToolUseStatus.Error), ("b2", HarnessToolUseStatus.Success)], results.Select(result => (result.ToolUseId, result.Status)));
    }

    private static EngineWorld World()
    {
        var world = new EngineWorld();
        world.Harness = world.Harness with { Tools = [EngineWorld.Inline("approve")] };
        return world;
    }
}
