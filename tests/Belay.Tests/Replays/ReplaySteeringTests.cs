using System.Runtime.CompilerServices;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Replays;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Tests.Sessions;

namespace Belay.Tests.Replays;

/// <summary>Messages that steer come when they like: the replay lets the loop see as many as it saw then.</summary>
public sealed class ReplaySteeringTests
{
    private static readonly HarnessMessage Go = EngineWorld.User("Go");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SaidWhileTheModelAnswers_ShowsTheSameStream()
    {
        await using var world = new EngineWorld();
        var events = await SteeredAnswerAsync(world);

        Assert.Equal(events.Select(Shown.Of), Assert.Single(await IdenticalAsync(await RecordedAsync(world), world)).Events.Select(Shown.Of));
    }

    // The loop had assembled its request when the message was stored, and its intent was stored behind it.
    [Fact]
    public async Task StoredAheadOfACallThatDidNotTakeIt_IsTakenByTheNext()
    {
        await using var world = new EngineWorld();
        var events = await SteeredAnswerAsync(world);
        var entries = await RecordedAsync(world);
        var steered = entries.Single(entry => entry.Body is Steered);
        entries.Remove(steered);
        entries.Insert(entries.FindIndex(entry => entry.Body is ModelIntent), steered);

        var replayed = await IdenticalAsync([.. entries.Select((entry, index) => entry with { Sequence = index + 1 })], world);

        Assert.Equal(events.Select(Shown.Of), Assert.Single(replayed).Events.Select(Shown.Of));
    }

    [Fact]
    public async Task StoredAheadOfTheFirstCallAfterACrash_IsTakenByTheNext()
    {
        await using var world = new EngineWorld { Belay = new() { Document = new Dictionary<string, JsonElement> { ["detach"] = JsonElement.Parse("true") } } };
        var go = new TaskCompletionSource();
        world.Model.Hang(new ModelEvent.Text(0, "Half"));
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();
        world.Crash(survivingAppends: 1);
        world.Model.Reply((_, token) => AfterAsync(go.Task, FakeModel.Text("One."), token)).Say("Two.");
        await world.RecoverAsync();
        await world.Model.CalledAsync();
        await SteerAsync(world, "s1", "And more.");
        go.SetResult();
        await Eventually.TrueAsync("the invocation is over", async () => (await world.ConversationAsync()).Unfinished is null, Token);
        var entries = await RecordedAsync(world);
        var steered = entries.Single(entry => entry.Body is Steered);
        entries.Remove(steered);
        entries.Insert(entries.FindIndex(entry => entry.Body is ModelVoided) + 1, steered);

        await IdenticalAsync([.. entries.Select((entry, index) => entry with { Sequence = index + 1 })], world);
    }

    [Theory]
    [InlineData(EntryKind.ToolIntent)]
    [InlineData(EntryKind.ToolOutcome)]
    public async Task SaidWhileAToolRuns_IsTakenWhereItWas(EntryKind when)
    {
        await using var world = new EngineWorld();
        var steering = Task.CompletedTask;
        world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Call(("a2", "shell", """{"command":"echo two"}"""));
        world.Model.Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("So."), token);
        world.Journal.BeforeAppend = (_, entries, _) =>
        {
            if (steering.IsCompleted && entries.Any(entry => entry.Kind == when))
            {
                steering = SteerAsync(world, $"s{entries[0].Sequence}", "Stop after this.");
            }

            return Task.CompletedTask;
        };

        await world.InvokeAsync(Go);
        await steering;
        world.Journal.BeforeAppend = null;
        await world.InvokeAsync(EngineWorld.User("Later."));

        var entries = await RecordedAsync(world);
        Assert.Contains(entries, entry => entry.Body is Steered);
        await IdenticalAsync(entries, world);
    }

    [Fact]
    public async Task SaidAtAnyMoment_ReplaysIdentically()
    {
        await using var world = new EngineWorld { Model = new() { Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("So."), token) } };
        for (var turn = 0; turn < 60; turn++)
        {
            await using var accepted = await world.StartAsync(world.Request(Go));
            var steering = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
            {
                for (var j = 0; j < turn % 7; j++)
                {
                    await Task.Yield();
                }

                try
                {
                    await SteerAsync(world, $"s{turn}-{i}", $"said {turn} {i}");
                }
                catch (ServiceException)
                {
                    // The turn was over.
                }
            })).ToList();
            await EngineWorld.ReadAsync(accepted);
            await Task.WhenAll(steering);
        }

        Assert.Equal(60, (await IdenticalAsync(await RecordedAsync(world), world)).Count);
    }

    [Fact]
    public async Task SaidBeforeALimitOrAStop_ReplaysIdentically()
    {
        await using var world = new EngineWorld();
        await SteeredAnswerAsync(world, maxIterations: 1);
        world.Model.Hang(new ModelEvent.Text(0, "Half")).Say("Three.");
        await using var accepted = await world.StartAsync(world.Request(Go));
        await world.Model.CalledAsync();
        await SteerAsync(world, "s2", "Too late.");
        await world.Host.CancelAsync(world.Key, Token);
        await EngineWorld.ReadAsync(accepted);
        await world.InvokeAsync(Go);

        Assert.Equal(3, (await IdenticalAsync(await RecordedAsync(world), world)).Count);
    }

    private static async Task<IReadOnlyList<InvocationEvent>> SteeredAnswerAsync(EngineWorld world, int? maxIterations = null)
    {
        var go = new TaskCompletionSource();
        world.Model.Reply((_, token) => AfterAsync(go.Task, FakeModel.Text("One."), token));
        if (maxIterations is null)
        {
            world.Model.Say("Two.");
        }

        await using var accepted = await world.StartAsync(world.Request(Go) with { MaxIterations = maxIterations });
        await world.Model.CalledAsync();
        await SteerAsync(world, "s1", "And more.");
        go.SetResult();
        return [.. await EngineWorld.ReadAsync(accepted)];
    }

    private static async Task<List<RecordedEntry>> RecordedAsync(EngineWorld world) =>
        await SessionJournal.ReadOpenedAsync(world.Journal, world.Sealer, world.Key, 0, Token).Select(RecordedEntry.Of).ToListAsync(Token);

    private static async Task<List<ReplayedInvocation>> IdenticalAsync(List<RecordedEntry> entries, EngineWorld world)
    {
        var replayed = await new Replayer((_, _) => Task.FromResult<Harness?>(world.Harness), world.BuiltIns)
            .RunAsync(entries.ToAsyncEnumerable(), new(), Token).ToListAsync(Token);
        Assert.All(replayed, invocation => Assert.True(invocation.Result == ReplayResult.Identical, $"{invocation.Result} {invocation.Divergence}"));
        return replayed;
    }

    private static Task SteerAsync(EngineWorld world, string id, string text) => world.Host.SteerAsync(world.Key, id, text, Token);

    private static async IAsyncEnumerable<ModelEvent> AfterAsync(Task go, IReadOnlyList<ModelEvent> events, [EnumeratorCancellation] CancellationToken token)
    {
        await go.WaitAsync(token);
        foreach (var item in events)
        {
            yield return item;
        }
    }
}
