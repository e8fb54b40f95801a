using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Testing.Simulation;
using Belay.Testing.Tools;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Tests.Sessions;

/// <summary>What becomes of an invocation whose server died: decision 0015, rule by rule.</summary>
public sealed class RecoveryTests
{
    private static readonly JsonElement True = JsonElement.Parse("true");

    // Of the newest server.
    private CrashingJournal _journal = null!;
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData(ToolRecovery.Pure, 2)]
    [InlineData(ToolRecovery.Idempotent, 2)]
    [InlineData(ToolRecovery.Unknown, 1)]
    public async Task Attached_SettlesItsCallAndEndsInterrupted_BeforeTheNextCallIsServed(ToolRecovery recovery, int runs)
    {
        await using var world = new EngineWorld();
        var tool = new Stuck(recovery);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Say("Well.");
        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await tool.Tool.Called.Task;
        world.Crash();

        await world.InvokeAsync(EngineWorld.User("And?"));

        Assert.Equal(Enumerable.Repeat("a1", runs), tool.Keys);
        var entries = await world.EntriesAsync();
        var end = Assert.Single(entries.OfType<InvocationEnded>(), ended => ended.InvocationId == accepted.InvocationId);
        Assert.Equal((HarnessStopReason.Interrupted, null), (end.StopReason, end.Fault));
        var answer = Assert.Single(entries.OfType<ToolOutcome>());
        Assert.Equal(runs == 2 ? "done" : History.MaybeDone, ((ToolContent.Text)answer.Result.Content[0]).Value);
        Assert.Equal(2, world.Model.Requests.Count);
        await accepted.DisposeAsync();
    }

    [Fact]
    public async Task HarnessSetting_ReplacesWhatTheToolSays()
    {
        await using var world = new EngineWorld { Belay = Settings("""{"recovery":{"stuck":"idempotent"}}""") };
        var tool = new Stuck(ToolRecovery.Unknown);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Say("Well.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await tool.Tool.Called.Task;
        world.Crash();

        await world.InvokeAsync(EngineWorld.User("And?"));

        Assert.Equal(["a1", "a1"], tool.Keys);
    }

    [Fact]
    public async Task Detached_GoesOnToItsEndByItself()
    {
        await using var world = Detached();
        var tool = new Stuck(ToolRecovery.Unknown);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Say("Well.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await tool.Tool.Called.Task;
        world.Crash();

        Assert.Equal(1, await world.RecoverAsync());
        await EndedAsync(world);

        var entries = await world.EntriesAsync();
        Assert.Single(entries.OfType<InvocationStarted>());
        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single(entries.OfType<InvocationEnded>()).StopReason);
        Assert.Equal(["a1"], tool.Keys);
        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Equal(History.MaybeDone, ((ToolContent.Text)result.Content[0]).Value);
        Assert.Equal(0, await world.RecoverAsync());
    }

    [Fact]
    public async Task Detached_CallsSideBySide_EachByItsOwnClass()
    {
        await using var world = Detached();
        var (pure, unknown) = (new Stuck(ToolRecovery.Pure), new Stuck(ToolRecovery.Unknown, "other"));
        world.BuiltIns.AddRange([pure.Tool, unknown.Tool]);
        world.Model.Call(("a1", "other", "{}"), ("a2", "stuck", "{}")).Say("Well.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await Task.WhenAll(pure.Tool.Called.Task, unknown.Tool.Called.Task);
        world.Crash();

        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.Equal((2, 1), (pure.Keys.Count, unknown.Keys.Count));
        Assert.Equal(
            [("a1", History.MaybeDone), ("a2", "done")],
            world.Model.Requests[1].Messages[2].Blocks.Cast<Block.ToolResult>().Select(result => (result.ToolUseId, ((ToolContent.Text)result.Content[0]).Value)));
    }

    [Fact]
    public async Task Detached_ModelCallWithoutOutcome_IsVoidedAndMadeAgain()
    {
        await using var world = Detached();
        world.Model.Hang(FakeModel.Text("Half an ans")[0]).Say("Whole.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await FirstDeltaAsync(accepted);
        world.Crash(survivingAppends: 1);

        await world.RecoverAsync();
        await EndedAsync(world);

        var entries = await world.EntriesAsync();
        var intents = entries.Select((entry, i) => (entry, Sequence: i + 1L)).Where(pair => pair.entry is ModelIntent).ToList();
        Assert.Equal(2, intents.Count);
        Assert.Equal(intents[0].Sequence, Assert.Single(entries.OfType<ModelVoided>()).Intent);
        Assert.All(intents, pair => Assert.Equal(1, ((ModelIntent)pair.entry).Iteration));
        Assert.Equal("Whole.", ((Block.Text)Assert.Single(entries.OfType<ModelOutcome>()).Message!.Blocks[0]).Value);
        Assert.Equal(2, (await world.ConversationAsync()).Context.Count);
    }

    [Fact]
    public async Task Detached_LimitsHoldOverTheRestart()
    {
        await using var world = Detached();
        var tool = new Stuck(ToolRecovery.Unknown);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Call(("a2", "stuck", "{}")).Say("Never asked.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { MaxIterations = 2 });
        await tool.Tool.Called.Task;
        world.Crash();

        await world.RecoverAsync();
        await EndedAsync(world);

        var end = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        Assert.Equal((HarnessStopReason.MaxIterationsExceeded, 2), (end.StopReason, end.Iterations));
        Assert.Equal(2, world.Model.Requests.Count);
    }

    [Theory]
    [InlineData(59, HarnessStopReason.EndTurn)]
    [InlineData(60, HarnessStopReason.TimeoutExceeded)]
    [InlineData(-3600, HarnessStopReason.EndTurn)]
    public async Task Detached_TimeCountsByTheWallClockFromItsFirstStart(int secondsLater, HarnessStopReason reason)
    {
        await using var world = Detached();
        var tool = new Stuck(ToolRecovery.Unknown);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Say("In time.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 60 });
        await tool.Tool.Called.Task;
        world.Crash();

        world.Time.Jump(TimeSpan.FromSeconds(secondsLater));
        await world.RecoverAsync();
        await EndedAsync(world);

        var end = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        Assert.Equal((reason, Math.Max(0, secondsLater) * 1000L), (end.StopReason, end.LatencyMs));
    }

    [Fact]
    public async Task Detached_WhatTheCallReplaced_HoldsAfterTheRestart()
    {
        await using var world = Detached();
        world.Model.Hang().Say("Yes.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { SystemPrompt = [new() { Text = "Be brief." }], AllowedTools = [] });
        await world.Model.CalledAsync();
        world.Crash(survivingAppends: 1);
        world.Harness = world.Harness with { HarnessVersion = "2" };

        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.All(world.Model.Requests, request => Assert.Equal(["Be brief."], request.System));
        Assert.All(world.Model.Requests, request => Assert.Empty(request.Tools));
    }

    [Fact]
    public async Task Detached_ServerStoppedInOrder_GoesOnWithTheNext()
    {
        await using var world = Detached();
        world.Model.Hang(FakeModel.Text("Half an ans")[0]).Say("Whole.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await FirstDeltaAsync(accepted);

        await world.Host.DisposeAsync();
        var left = await world.EntriesAsync();
        world.Crash();
        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.DoesNotContain(left, entry => entry is ModelOutcome or InvocationEnded);
        var entries = await world.EntriesAsync();
        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single(entries.OfType<InvocationEnded>()).StopReason);
        Assert.Equal("Whole.", ((Block.Text)Assert.Single(entries.OfType<ModelOutcome>()).Message!.Blocks[0]).Value);
    }

    [Theory]
    [InlineData(true, HarnessStopReason.EndTurn)]
    [InlineData(false, HarnessStopReason.EndTurn)]
    [InlineData(true, HarnessStopReason.MaxTokens)]
    [InlineData(true, HarnessStopReason.MalformedModelOutput)]
    public async Task AnswerThatIsStored_EndsItsInvocation_AndTheModelIsNotAskedAgain(bool detached, HarnessStopReason reason)
    {
        await using var world = Detached(detached);
        world.Model.Reply((_, token) => OnceBegunAsync(Answer(reason, token))).Say("Yes.");

        // The start, its sync, the intent, the outcome, and now the end.
        await using var died = await DieAsync(world, at: 5, stored: true);
        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.Single(world.Model.Requests);
        var entries = await world.EntriesAsync();
        Assert.Equal(
            [new InvocationEnded(Assert.Single(entries.OfType<InvocationStarted>()).InvocationId, reason, SessionRepair.Reason, entries.OfType<ModelOutcome>().Single().Usage, 1, 0, null)],
            entries.OfType<InvocationEnded>());
        await world.InvokeAsync(EngineWorld.User("And?"));
        Assert.Equal(3, world.Model.Requests[1].Messages.Count);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public async Task Detached_AnswerThatIsNotStored_IsAskedForOnceMore(int dies, bool stored)
    {
        await using var world = Detached();
        world.Model.Reply((_, token) => OnceBegunAsync(FakeModel.Yield(FakeModel.Text("Lost."), token))).Say("Kept.");

        await using var died = await DieAsync(world, dies, stored);
        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.Equal(2, world.Model.Requests.Count);
        var entries = await world.EntriesAsync();
        Assert.Equal("Kept.", ((Block.Text)Assert.Single(entries.OfType<ModelOutcome>()).Message!.Blocks[0]).Value);
        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single(entries.OfType<InvocationEnded>()).StopReason);
    }

    [Fact]
    public async Task Detached_StoredAnswerToWhichMoreWasSaid_GoesOn()
    {
        await using var world = Detached();
        world.Model.Reply((_, _) => SteeredAsync()).Say("Both.");

        // The start, its sync, the intent, what steers, the outcome, and now the next intent.
        await using var died = await DieAsync(world, at: 6, stored: true);
        Assert.Equal([typeof(Steered), typeof(ModelOutcome)], (await world.EntriesAsync()).TakeLast(2).Select(entry => entry.GetType()));
        await world.RecoverAsync();
        await EndedAsync(world);

        Assert.Equal(2, world.Model.Requests.Count);
        Assert.Equal(["Go", "One.", "And two?"], world.Model.Requests[1].Messages.Select(message => ((Block.Text)message.Blocks[0]).Value));
        Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());

        async IAsyncEnumerable<ModelEvent> SteeredAsync()
        {
            await _begun.Task;
            await world.Host.SteerAsync(world.Key, "s1", "And two?", CancellationToken.None);
            foreach (var said in FakeModel.Text("One."))
            {
                yield return said;
            }
        }
    }

    [Fact]
    public async Task Detached_AnswerThatCameAsTheServerStopped_IsItsEnd()
    {
        await using var world = Detached();
        var stopped = Task.CompletedTask;
        world.Model.Reply((_, _) => StoppingAsync());

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        _begun.SetResult();
        await Eventually.TrueAsync("the invocation is over", async () => (await world.ConversationAsync()).Unfinished is null, TestContext.Current.CancellationToken);
        await stopped;

        var end = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        Assert.Equal((HarnessStopReason.EndTurn, "The turn is complete."), (end.StopReason, end.Why));

        async IAsyncEnumerable<ModelEvent> StoppingAsync()
        {
            await _begun.Task;
            foreach (var said in FakeModel.Text("Done."))
            {
                yield return said;
            }

            stopped = world.Host.DisposeAsync().AsTask();
        }
    }

    [Fact]
    public async Task Detached_IsBusyUntilItsEnd()
    {
        await using var world = Detached();
        world.Model.Hang().Hang();
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await world.Model.CalledAsync();
        world.Crash();
        await world.RecoverAsync();

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.User("And me?")));

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
        Assert.Equal(SessionActivity.Busy, world.Host.Look(world.Key));
    }

    [Fact]
    public async Task InvocationThatCannotBeRestored_EndsWithThatFault()
    {
        await using var world = Detached();
        var tool = new Stuck(ToolRecovery.Pure);
        world.BuiltIns.Add(tool.Tool);
        world.Model.Call(("a1", "stuck", "{}")).Say("Fresh.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await tool.Tool.Called.Task;
        world.Crash();
        world.RestoreFails = new ServiceException(FaultCode.RuntimeClientError, "The key of the provider is gone.");

        await world.InvokeAsync(EngineWorld.User("And?"));

        var end = (await world.EntriesAsync()).OfType<InvocationEnded>().First();
        Assert.Equal((null, "The key of the provider is gone.", "RuntimeClientError"), (end.StopReason, end.Why, end.Fault));
        Assert.Single(tool.Keys);
    }

    [Fact]
    public void BuiltIns_SayWhatASecondRunDoes()
    {
        ITool files = new FileOperationsTool();
        ITool shell = new ShellTool();

        Assert.Equal(ToolRecovery.Pure, files.RecoveryOf(JsonElement.Parse("""{"command":"view","path":"a"}""")));
        Assert.Equal(ToolRecovery.Idempotent, files.RecoveryOf(JsonElement.Parse("""{"command":"create","path":"a","file_text":""}""")));
        Assert.Equal(ToolRecovery.Unknown, files.RecoveryOf(JsonElement.Parse("""{"command":"str_replace"}""")));
        Assert.Equal(ToolRecovery.Unknown, files.RecoveryOf(JsonElement.Parse("""{"command":"insert"}""")));
        Assert.Equal(ToolRecovery.Unknown, files.RecoveryOf(JsonElement.Parse("""["view"]""")));
        Assert.Equal(ToolRecovery.Unknown, shell.RecoveryOf(JsonElement.Parse("""{"command":"ls"}""")));
    }

    private EngineWorld Detached(bool detached = true) => new()
    {
        Decorate = inner => _journal = new((InMemoryJournal)inner),
        Belay = new() { Document = new Dictionary<string, JsonElement> { ["detach"] = detached ? True : JsonElement.Parse("false") } },
    };

    // Its server dies before this append or sync; all that was appended before is stored, or only what was synced.
    private async Task<IAsyncDisposable> DieAsync(EngineWorld world, int at, bool stored)
    {
        _ = world.Host;
        var dying = _journal;
        dying.Arm(at, after: false, surviving: stored ? int.MaxValue : 0);
        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        _begun.SetResult();
        await Eventually.TrueAsync("the server is dead", () => Task.FromResult(dying.Crashed), TestContext.Current.CancellationToken);
        world.Crash();
        return accepted;
    }

    // What the client said is safe by then.
    private async IAsyncEnumerable<ModelEvent> OnceBegunAsync(IAsyncEnumerable<ModelEvent> reply)
    {
        await _begun.Task;
        await foreach (var said in reply)
        {
            yield return said;
        }
    }

    private static IAsyncEnumerable<ModelEvent> Answer(HarnessStopReason reason, CancellationToken cancellationToken) => reason == HarnessStopReason.MalformedModelOutput
        ? FakeModel.Fail([new ModelEvent.Text(0, "Bad ")], new(ModelFailure.Malformed, "no"), cancellationToken)
        : FakeModel.Yield([new ModelEvent.Text(0, "Done."), new ModelEvent.BlockClosed(0), new ModelEvent.Stopped(reason), new ModelEvent.Usage(new(10, 5))], cancellationToken);

    private static BelaySettings Settings(string document) =>
        new() { Document = JsonElement.Parse(document).EnumerateObject().ToDictionary(member => member.Name, member => member.Value) };

    private static Task EndedAsync(EngineWorld world) => Eventually.TrueAsync(
        "the invocation is over", async () => (await world.ConversationAsync()).Unfinished is null && world.Host.Look(world.Key) != SessionActivity.Busy, TestContext.Current.CancellationToken);

    private static async Task FirstDeltaAsync(AcceptedInvocation accepted)
    {
        await foreach (var item in accepted.ReadAsync(TestContext.Current.CancellationToken))
        {
            if (item is HarnessContentBlockDeltaEvent)
            {
                return;
            }
        }
    }

    /// <summary>A tool whose first run never ends; its second answers at once.</summary>
    private sealed class Stuck
    {
        private readonly List<string> _keys = [];

        public Stuck(ToolRecovery recovery, string name = "stuck") => Tool = new FakeTool(name, async (call, _, cancellationToken) =>
        {
            int runs;
            lock (_keys)
            {
                _keys.Add(call.ToolUseId);
                runs = _keys.Count;
            }

            if (runs == 1)
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return new(HarnessToolUseStatus.Success, [new ToolContent.Text("done")]);
        })
        { Recovery = recovery };

        public FakeTool Tool { get; }

        public List<string> Keys
        {
            get
            {
                lock (_keys)
                {
                    return [.. _keys];
                }
            }
        }
    }
}
