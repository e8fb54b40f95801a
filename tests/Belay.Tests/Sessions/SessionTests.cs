using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Testing.Sessions;
using Belay.Testing.Tools;
using Belay.Tools;

namespace Belay.Tests.Sessions;

public sealed class SessionTests
{
    [Fact]
    public async Task SecondCall_WhileOneRuns_IsRefusedAndThenWorks()
    {
        await using var world = new EngineWorld();
        var go = new TaskCompletionSource();
        world.Model.Reply((_, _) => After(go.Task)).Say("Two.");

        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("First")));
        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(EngineWorld.User("Second")));
        go.SetResult();
        await EngineWorld.ReadAsync(accepted);
        var events = await world.InvokeAsync(EngineWorld.User("Second"));

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
        Assert.Equal($"Session {EngineWorld.SessionId} is already processing a request. Concurrent invocations are not supported.", fault.Message);
        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
    }

    [Fact]
    public async Task ReaderLeavesInMidTurn_ToolIsKilledHistoryIsWholeSessionIsFree()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"sleep"}""")).Say("Well.");
        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await foreach (var item in accepted.ReadAsync(CancellationToken.None))
        {
            break;
        }

        await world.Disk.Slept.Task;
        await accepted.DisposeAsync();

        Assert.Equal(0, world.Sandboxes[0].Current!.Running);
        var ended = Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
        Assert.Equal("The client left the stream.", ended.Why);
        var events = await world.InvokeAsync(EngineWorld.User("Still there?"));
        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        Assert.Equal(4, world.Model.Requests[1].Messages.Count);
    }

    [Fact]
    public async Task ReaderLeavesBeforeReading_AndWhenTheBufferIsFull_EndsTheInvocation()
    {
        await using var world = new EngineWorld { Invocations = new() { BufferedEvents = 1 } };
        world.Model.Say([.. Enumerable.Repeat("x", 100)]);

        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await accepted.DisposeAsync();

        Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>());
    }

    [Fact]
    public async Task Detached_GoesOnWhenTheReaderLeaves()
    {
        await using var world = new EngineWorld { Invocations = new() { FinishOnDisconnect = true, BufferedEvents = 1 } };
        var go = new TaskCompletionSource();
        world.Model.Reply((_, _) => After(go.Task));

        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await accepted.DisposeAsync();
        go.SetResult();
        await accepted.Ended;

        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single((await world.EntriesAsync()).OfType<InvocationEnded>()).StopReason);
    }

    [Fact]
    public async Task Stop_DuringAnInvocation_EndsItInterrupted()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"sleep"}""")).Say("Back.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        await world.Disk.Slept.Task;

        await world.Host.StopAsync(world.Key, null, CancellationToken.None);

        Assert.Equal(["messageStop Interrupted", "metadata 10/5"], (await reading).Select(Shown.Of).TakeLast(2));
        Assert.Null(world.Sandboxes[0].Current);
        Assert.Equal("stopped", Assert.Single((await world.EntriesAsync()).OfType<SandboxEnded>()).Reason);
        var again = await Assert.ThrowsAsync<ServiceException>(() => world.Host.StopAsync(world.Key, null, CancellationToken.None));
        Assert.Equal(FaultCode.ResourceNotFoundException, again.Code);
        await world.InvokeAsync(EngineWorld.User("Hello?"));
    }

    [Fact]
    public async Task Timeout_AsTheFirstResultIsStored_StoresItOnce()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""));
        world.Journal.BeforeAppend = (_, entries, _) =>
        {
            if (entries.Any(entry => entry.Kind == EntryKind.ToolOutcome))
            {
                world.Time.Advance(TimeSpan.FromSeconds(10));
            }

            return Task.CompletedTask;
        };

        var events = await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 5 });

        Assert.Equal("messageStop TimeoutExceeded", Shown.Of(events[^2]));
        Assert.Single((await world.EntriesAsync()).OfType<ToolOutcome>());
    }

    [Fact]
    public async Task Stop_OfASessionThatIsTakingAnInvocation_WaitsAndInterruptsIt()
    {
        await using var world = new EngineWorld();
        world.Model.Hang();
        var (appending, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        world.Journal.BeforeAppend = (_, entries, _) =>
        {
            appending.TrySetResult();
            return entries.Any(entry => entry.Kind == EntryKind.InvocationStarted) ? go.Task : Task.CompletedTask;
        };
        var starting = world.StartAsync(world.Request(EngineWorld.User("Go")));
        await appending.Task;

        var stopping = world.Host.StopAsync(world.Key, null, CancellationToken.None);
        Assert.False(stopping.IsCompleted);
        go.SetResult();
        await using var accepted = await starting;
        await stopping;

        Assert.Equal("messageStop Interrupted", Shown.Of((await EngineWorld.ReadAsync(accepted))[^2]));
    }

    [Fact]
    public async Task Shutdown_OfASessionThatIsTakingAnInvocation_EndsItWithPartialTurn()
    {
        await using var world = new EngineWorld();
        world.Model.Hang();
        var (appending, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        world.Journal.BeforeAppend = (_, entries, _) =>
        {
            appending.TrySetResult();
            return entries.Any(entry => entry.Kind == EntryKind.InvocationStarted) ? go.Task : Task.CompletedTask;
        };
        var starting = world.StartAsync(world.Request(EngineWorld.User("Go")));
        await appending.Task;

        var stopping = world.Host.DisposeAsync().AsTask();
        Assert.False(stopping.IsCompleted);
        go.SetResult();
        await using var accepted = await starting;
        await stopping;

        Assert.Equal("messageStop PartialTurn", Shown.Of((await EngineWorld.ReadAsync(accepted))[^2]));
    }

    [Fact]
    public async Task InvocationThatIsRefused_GivesTheSessionToNobody()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi Bob.");
        var refused = world.Request(EngineWorld.Results(("nobody", "asked"))) with { ActorId = "ann" };
        await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(refused));

        var events = await world.InvokeAsync(world.Request(EngineWorld.User("I am Bob")) with { ActorId = "bob" });

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
    }

    [Fact]
    public async Task SessionThatBrokeWhileNobodyUsedIt_WorksForTheNextCall()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("One.").Say("Two.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        world.Journal.BeforeAppend = (_, _, _) => throw new Belay.Storage.StorageException("The disk is full.");
        await Assert.ThrowsAsync<Belay.Storage.StorageException>(() => world.Sandboxes[0].StopAsync("idle", CancellationToken.None));
        world.Journal.BeforeAppend = null;

        var events = await world.InvokeAsync(EngineWorld.User("Still there?"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
    }

    [Fact]
    public async Task Timeout_WhileAModelCallWaitsForItsNextAttempt_LeavesItsOutcome()
    {
        await using var world = new EngineWorld();
        world.Model.Fail(ModelFailure.Throttled);
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        while (world.Time.ArmedTimers < 2)
        {
            await Task.Yield();
        }

        await world.Host.StopAsync(world.Key, null, CancellationToken.None);

        Assert.Equal("messageStop Interrupted", Shown.Of((await reading)[^2]));
        Assert.NotNull(Assert.Single((await world.EntriesAsync()).OfType<ModelOutcome>()).Failure);
    }

    [Fact]
    public async Task Stop_RepeatedWithItsToken_IsAnsweredAlike()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        var token = new string('t', 33);

        await world.Host.StopAsync(world.Key, token, CancellationToken.None);
        await world.Host.StopAsync(world.Key, token, CancellationToken.None);

        await Assert.ThrowsAsync<ServiceException>(() => world.Host.StopAsync(world.Key, new string('u', 33), CancellationToken.None));
    }

    [Fact]
    public async Task Stop_OfAnUnknownSession_IsNotFound()
    {
        await using var world = new EngineWorld();

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.StopAsync(world.Key, null, CancellationToken.None));

        Assert.Equal(FaultCode.ResourceNotFoundException, fault.Code);
    }

    [Fact]
    public async Task StopOfAHarness_GoesOnPastASessionThatDoesNotStop_AndThenSaysSo()
    {
        await using var world = new EngineWorld();
        var other = world.Key with { SessionId = EngineWorld.SessionId + "x" };
        foreach (var key in new[] { world.Key, other })
        {
            await using var command = await world.Host.RunCommandAsync(key, world.Harness, "echo hi", 60, CancellationToken.None);
            await SessionCommandTests.ReadAsync(command);
        }

        world.Journal.BeforeAppend = (lease, _, _) => lease.Session == world.Key ? throw new Belay.Storage.StorageException("The disk is full.") : Task.CompletedTask;

        await Assert.ThrowsAsync<Belay.Storage.StorageException>(() => world.Host.StopHarnessAsync(EngineWorld.Scope, world.Harness.HarnessId, CancellationToken.None));

        Assert.Null(world.Sandboxes[1].Current);
        world.Journal.BeforeAppend = null;
        Assert.Equal(FaultCode.ResourceNotFoundException, (await Assert.ThrowsAsync<ServiceException>(() => world.Host.StopAsync(other, null, CancellationToken.None))).Code);
    }

    [Fact]
    public async Task Shutdown_EndsTheStreamWithPartialTurn_AndAnotherServerGoesOn()
    {
        await using var world = new EngineWorld();
        world.Model.Hang(new ModelEvent.Text(0, "Half")).Say("Whole.");
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        var reading = EngineWorld.ReadAsync(accepted);
        while (world.Model.Requests.Count == 0)
        {
            await Task.Yield();
        }

        await world.Host.DisposeAsync();
        var events = await reading;
        world.Crash();
        await world.InvokeAsync(EngineWorld.User("Go on"));

        Assert.Equal("messageStop PartialTurn", Shown.Of(events[^2]));
    }

    [Fact]
    public async Task AnotherActor_IsRefused_AndAnOmittedOneIsTheSessions()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi Ann.").Say("Hi again.");
        await world.InvokeAsync(world.Request(EngineWorld.User("I am Ann")) with { ActorId = "ann" });

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.InvokeAsync(world.Request(EngineWorld.User("I am Bob")) with { ActorId = "bob" }));
        await world.InvokeAsync(EngineWorld.User("Me again"));

        Assert.Equal(ValidationReason.ResourceConflict, fault.Reason);
    }

    [Fact]
    public async Task Tools_AreToldTheActor_WhereItIsKnown()
    {
        await using var world = new EngineWorld();
        var seen = new List<string?>();
        world.BuiltIns.Add(new FakeTool("actor", (_, context, _) =>
        {
            seen.Add(context.Environment.GetValueOrDefault("BEDROCK_AGENTCORE_ACTOR_ID"));
            return Task.FromResult(new ToolResult(HarnessToolUseStatus.Success, []));
        }));
        world.Model.Call(("a1", "actor", "{}")).Say("One.").Call(("a2", "actor", "{}")).Say("Two.");

        await world.InvokeAsync(world.Request(EngineWorld.User("I am Ann")) with { ActorId = "ann" });
        await world.InvokeAsync(EngineWorld.User("Still the session's actor, whom nobody named"));

        Assert.Equal(["ann", null], seen);
    }

    [Fact]
    public async Task ServerDiesInMidTool_NextCallSeesTheCallInterrupted()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"sleep"}""")).Say("Well.");
        var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));
        await world.Disk.Slept.Task;
        world.Crash();

        await world.InvokeAsync(EngineWorld.User("And?"));

        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Equal(History.MaybeDone, Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value);
        Assert.Contains(await world.EntriesAsync(), entry => entry is InvocationEnded { StopReason: HarnessStopReason.Interrupted, Fault: null });
        await accepted.DisposeAsync();
    }

    [Fact]
    public async Task TooManyActiveSessions_AreRefusedWith402()
    {
        await using var world = new EngineWorld { Sessions = new() { MaxActive = 1 } };
        world.Model.Hang();
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")));

        var other = world.Key with { SessionId = EngineWorld.SessionId + "x" };
        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.RunCommandAsync(other, world.Harness, "echo", 1, CancellationToken.None));

        Assert.Equal(FaultCode.ServiceQuotaExceededException, fault.Code);
    }

    [Fact]
    public async Task SessionWithASandbox_CountsAsActive_UntilItIsStopped()
    {
        await using var world = new EngineWorld { Sessions = new() { MaxActive = 1 } };
        await using (var command = await world.Host.RunCommandAsync(world.Key, world.Harness, "echo out", 60, CancellationToken.None))
        {
            await SessionCommandTests.ReadAsync(command);
        }

        var other = world.Key with { SessionId = EngineWorld.SessionId + "x" };
        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.RunCommandAsync(other, world.Harness, "echo out", 60, CancellationToken.None));
        await world.Host.StopAsync(world.Key, clientToken: null, CancellationToken.None);
        await using var after = await world.Host.RunCommandAsync(other, world.Harness, "echo out", 60, CancellationToken.None);

        Assert.Equal(FaultCode.ServiceQuotaExceededException, fault.Code);
        Assert.NotNull((await SessionCommandTests.ReadAsync(after))[^1].ContentStop);
    }

    [Fact]
    public async Task IdleSessions_AreGivenBack_AndOpenAgain()
    {
        await using var world = new EngineWorld { Sessions = new() { MaxIdle = 0 } };
        world.Model.Say("One.").Say("Two.");

        await world.InvokeAsync(EngineWorld.User("First"));
        await world.InvokeAsync(EngineWorld.User("Second"));

        Assert.Equal(3, world.Model.Requests[1].Messages.Count);
    }

    [Fact]
    public async Task ToolThatThrows_AndOneThatIgnoresItsCancellation_EndNoTurnAndHoldNothing()
    {
        await using var world = new EngineWorld();
        var stuck = new FakeTool("stuck", (_, _, _) => new TaskCompletionSource<ToolResult>().Task);
        world.BuiltIns.Add(new FakeTool("bad", (_, _, _) => throw new InvalidOperationException("boom")));
        world.BuiltIns.Add(stuck);
        world.Model.Call(("a1", "bad", "{}")).Say("Sorry.").Call(("a2", "stuck", "{}")).Say("Back.");

        await world.InvokeAsync(EngineWorld.User("Go"));
        await using var accepted = await world.StartAsync(world.Request(EngineWorld.User("Go")) with { TimeoutSeconds = 2 });
        var reading = EngineWorld.ReadAsync(accepted);
        await stuck.Called.Task;
        while (!accepted.Ended.IsCompleted)
        {
            await Task.Yield();
            world.Time.Advance(TimeSpan.FromSeconds(1));
        }

        await reading;
        await world.InvokeAsync(EngineWorld.User("Go"));

        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Equal("Error: boom", Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value);
    }

    [Fact]
    public async Task ImageOverTheBoundOfAResult_IsATextThatSaysSo()
    {
        await using var world = new EngineWorld { Invocations = new() { ToolResultBytes = 1024 } };
        world.BuiltIns.Add(new FakeTool("photo", (_, _, _) => Task.FromResult(new ToolResult(
            HarnessToolUseStatus.Success, [new ToolContent.Image("image/png", new byte[1000]), new ToolContent.Image("image/png", new byte[25])]))));
        world.Model.Call(("a1", "photo", "{}")).Say("Nice.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Equal(1000, Assert.IsType<ToolContent.Image>(result.Content[0]).Bytes.Length);
        Assert.Equal("[image/png of 25 bytes left out: a tool result holds at most 1024 bytes]", Assert.IsType<ToolContent.Text>(result.Content[1]).Value);
    }

    [Fact]
    public async Task SandboxThatCannotStart_IsForTheModelInATurnAndAFaultForACommand()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi.").Call(("a1", "shell", """{"command":"echo"}""")).Say("No sandbox.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        world.Sandboxes[0].Refusal = new SandboxException("No room.");

        await world.InvokeAsync(EngineWorld.User("Go"));
        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.RunCommandAsync(world.Key, world.Harness, "echo", 1, CancellationToken.None));

        Assert.Equal((FaultCode.RuntimeClientError, "No room."), (fault.Code, fault.Message));
    }

    [Fact]
    public async Task CallerWhoLeftBefore_LeavesTheSessionFree()
    {
        await using var world = new EngineWorld();
        world.Model.Say("Hi.");
        var invocation = world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), world.Request(EngineWorld.User("Go")));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => world.Host.InvokeAsync(world.Key, invocation, new CancellationToken(canceled: true)));

        Assert.Equal("messageStop EndTurn", Shown.Of((await world.InvokeAsync(EngineWorld.User("Go")))[^2]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task JournalThatFails_EndsTheInvocation_AndTheNextCallOpensTheSessionAgain(int failing)
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.").Say("Two.").Say("Three.");
        var appends = 0;
        world.Journal.BeforeAppend = (_, _, _) => ++appends == failing ? throw new Belay.Storage.StorageException("The disk is full.") : Task.CompletedTask;

        await Assert.ThrowsAsync<Belay.Storage.StorageException>(() => world.InvokeAsync(EngineWorld.User("Go")));
        var events = await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        var entries = await world.EntriesAsync();
        Assert.Equal(
            entries.OfType<InvocationStarted>().Select(entry => entry.InvocationId),
            entries.OfType<InvocationEnded>().Select(entry => entry.InvocationId));
    }

    private static async IAsyncEnumerable<ModelEvent> After(Task go)
    {
        await go;
        foreach (var item in Belay.Testing.Models.FakeModel.Text("One."))
        {
            yield return item;
        }
    }
}
