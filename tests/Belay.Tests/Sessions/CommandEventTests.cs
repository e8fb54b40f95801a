using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>What sandbox and commands do, as the event stream of a session tells it.</summary>
public sealed class CommandEventTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void WhatIsStoredOfThem_IsTold_OutsideOfEveryInvocation()
    {
        var told = Told(
            new SandboxStarted("s", "process", 12),
            new CommandIntent("c", "ls", 60),
            new CommandOutcome("c", 2, "COMPLETED", 3, 4),
            new SandboxEnded("s", "idle"));

        Assert.Equal(
            [
                (new(1, 0), null, new SandboxStartedNotice { SandboxId = "s", Driver = "process", DurationMs = 12 }),
                (new(2, 0), null, new CommandStartedNotice { CommandId = "c", Command = "ls", TimeoutSeconds = 60 }),
                (new(3, 0), null, new CommandEndedNotice { CommandId = "c", ExitCode = 2, Status = "COMPLETED", StdoutBytes = 3, StderrBytes = 4 }),
                (new SessionEventId(4, 0), (string?)null, (InvocationEvent)new SandboxEndedNotice { SandboxId = "s", Reason = "idle" }),
            ],
            told.Select(one => (one.Id, one.InvocationId, one.Event)));
    }

    [Fact]
    public void WhatHappensWhileTheModelSpeaks_IsToldAfterIt()
    {
        var told = Told(
            new ModelIntent("i", 1, "p", "m", 1),
            new CommandIntent("c", "ls", 60),
            new ModelOutcome("i", 1, new(HarnessConversationRole.Assistant, [new Block.Text("ab")]), null, default, [new(0, 2)], 1, 1, 1, null, Ended: 0),
            new CommandOutcome("c", 0, "COMPLETED", 0, 0));

        Assert.Equal(
            ["1.0 messageStart", "1.1 contentBlockDelta", "2.0 commandStarted", "4.0 commandEnded"], told.Select(one => $"{one.Id} {one.Event.EventType}"));
    }

    [Fact]
    public async Task Reader_SeesTheCommandWhileItRuns_ItsOutputWithoutAnId()
    {
        await using var world = new EngineWorld();
        await using var reader = Follow(world, SessionEventId.Start);
        var first = reader.MoveNextAsync();
        await RunAsync(world, "echo out; err bad; echo more; exit 7");

        Assert.True(await first);
        List<ToldEvent> told = [reader.Current];
        while (told[^1].Event is not CommandEndedNotice)
        {
            Assert.True(await reader.MoveNextAsync());
            told.Add(reader.Current);
        }

        Assert.Equal(
            ["1.0 sandboxStarted", "2.0 commandStarted", " commandOutput 0 out\n", " commandOutput 0 bad\n", " commandOutput 4 more\n", "3.0 commandEnded"],
            told.Select(Line));
        var end = (CommandEndedNotice)told[^1].Event;
        Assert.Equal((7, 9, 4), (end.ExitCode, end.StdoutBytes, end.StderrBytes));
    }

    [Fact]
    public async Task LeftAndTakenUpAgainAtEveryEvent_NothingStoredIsLostOrRepeated()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.");
        await RunAsync(world, "echo before");
        await world.InvokeAsync(EngineWorld.User("Hi"));
        await RunAsync(world, "echo after; exit 3");
        await world.Host.StopAsync(world.Key, null, Token);

        var all = Told([.. await world.EntriesAsync()]);
        var seen = new List<ToldEvent>();
        while (seen.Count < all.Count)
        {
            await using var reader = Follow(world, seen is [.., var last] ? last.Id : SessionEventId.Start);
            Assert.True(await reader.MoveNextAsync());
            seen.Add(reader.Current);
        }

        Assert.Equal(all.Select(Line), seen.Select(Line));
        Assert.Equal("stopped", Assert.IsType<SandboxEndedNotice>(seen[^1].Event).Reason);
    }

    [Fact]
    public async Task ReaderThatIsSlow_CostsABoundedBuffer_AndSeesTheGap()
    {
        const int Printed = 4 * CommandOutputReader.MaxWaitingBytes;
        await using var world = new EngineWorld();
        await using var reader = Follow(world, SessionEventId.Start);
        var first = reader.MoveNextAsync();
        await RunAsync(world, $"flood {Printed}");

        await first;
        var (output, end) = (new List<CommandOutputNotice>(), (CommandEndedNotice?)null);
        while (end is null)
        {
            Assert.True(await reader.MoveNextAsync());
            end = reader.Current.Event as CommandEndedNotice;
            output.AddRange(reader.Current.Event is CommandOutputNotice one ? [one] : []);
        }

        Assert.Equal(Printed, end.StdoutBytes);
        Assert.True(output.Sum(one => one.Stdout!.Length) <= CommandOutputReader.MaxWaitingBytes, "more was kept than may be");
        Assert.Equal(Printed, output[^1].Offset + output[^1].Stdout!.Length);
        Assert.True(output[0].Offset > 0, "nothing was dropped");
    }

    [Fact]
    public async Task CommandOfAServerThatDied_EndsAsFailed_AfterTheRestart()
    {
        await using var world = new EngineWorld();
        await world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 60, Token);
        world.Crash();
        await RunAsync(world, "echo again");

        var ended = Told([.. await world.EntriesAsync()]).Select(one => one.Event).ToList();
        Assert.Equal("serverRestarted", Assert.Single(ended.OfType<SandboxEndedNotice>()).Reason);
        Assert.Equal([("FAILED", -1), ("COMPLETED", 0)], ended.OfType<CommandEndedNotice>().Select(end => (end.Status, end.ExitCode)));
    }

    private static async Task RunAsync(EngineWorld world, string line)
    {
        await using var command = await world.Host.RunCommandAsync(world.Key, world.Harness, line, 60, Token);
        await foreach (var chunk in command.ReadAsync(Token))
        {
        }
    }

    private static IAsyncEnumerator<ToldEvent> Follow(EngineWorld world, SessionEventId after) =>
        new SessionEventStreams(new(world.Journal, world.Sealer, world.Host.Look, new()), world.Host.Listen, world.Host.Outputs)
            .ReadAsync(world.Key, after, follow: true, CancellationToken.None, Token).GetAsyncEnumerator(Token);

    private static List<ToldEvent> Told(params EntryBody[] entries)
    {
        var fold = new SessionEvents();
        return [.. entries.SelectMany((body, i) => fold.Apply(new(i + 1, default, body)))];
    }

    private static string Line(ToldEvent told) =>
        $"{told.WireId} {told.Event.EventType}{(told.Event is CommandOutputNotice output ? $" {output.Offset} {output.Stdout ?? output.Stderr}" : "")}";
}
