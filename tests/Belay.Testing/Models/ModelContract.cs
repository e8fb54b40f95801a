using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Tools;

namespace Belay.Testing.Models;

/// <summary>What every model does alike, whoever stands behind it.</summary>
public abstract class ModelContract
{
    /// <summary>A generous limit for what should happen at once.</summary>
    protected static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    /// <summary>A model whose next reply is the one of the scenario.</summary>
    protected abstract Task<ModelSubject> StartAsync(ModelScenario scenario);

    [Fact]
    public async Task Answer_StreamsTextAndStopsOnce()
    {
        await using var subject = await StartAsync(ModelScenario.Answer);

        var events = await CollectAsync(subject);

        Assert.Equal("Hello, world!", string.Concat(events.OfType<ModelEvent.Text>().Select(text => text.Value)));
        Assert.True(events.OfType<ModelEvent.Text>().Count() > 1);
        Assert.Equal(HarnessStopReason.EndTurn, Assert.Single(events.OfType<ModelEvent.Stopped>()).Reason);
    }

    [Fact]
    public async Task ToolCalls_ArriveWithNameAndArguments()
    {
        await using var subject = await StartAsync(ModelScenario.ToolCalls);

        var events = await CollectAsync(subject);

        var calls = events.OfType<ModelEvent.ToolOpened>().ToList();
        Assert.Equal(["shell", "shell"], calls.Select(call => call.Name));
        Assert.Equal(
            ["""{"command":"ls"}""", """{"command":"pwd"}"""],
            calls.Select(call => string.Concat(events.OfType<ModelEvent.ToolInput>().Where(input => input.Block == call.Block).Select(input => input.Fragment))));
        Assert.Equal(HarnessStopReason.ToolUse, events.OfType<ModelEvent.Stopped>().Single().Reason);
    }

    [Theory]
    [InlineData(ModelScenario.Answer)]
    [InlineData(ModelScenario.ToolCalls)]
    public async Task Stream_IsWellFormed(ModelScenario scenario)
    {
        await using var subject = await StartAsync(scenario);

        AssertWellFormed(await CollectAsync(subject));
    }

    [Theory]
    [InlineData(ModelScenario.Throttled, ModelFailure.Throttled)]
    [InlineData(ModelScenario.Refused, ModelFailure.Refused)]
    [InlineData(ModelScenario.ContextTooLong, ModelFailure.ContextTooLong)]
    [InlineData(ModelScenario.Unreachable, ModelFailure.Unreachable)]
    [InlineData(ModelScenario.Cut, ModelFailure.Broken)]
    [InlineData(ModelScenario.NoFinish, ModelFailure.Broken)]
    [InlineData(ModelScenario.Garbage, ModelFailure.Malformed)]
    public async Task Failure_IsOfItsKind(ModelScenario scenario, ModelFailure failure)
    {
        await using var subject = await StartAsync(scenario);

        var exception = await Assert.ThrowsAsync<ModelException>(() => CollectAsync(subject));

        Assert.Equal(failure, exception.Failure);
        Assert.NotEmpty(exception.Message);
    }

    [Theory]
    [InlineData(ModelScenario.Cut)]
    [InlineData(ModelScenario.NoFinish)]
    public async Task BrokenStream_GivesWhatCameBefore(ModelScenario scenario)
    {
        await using var subject = await StartAsync(scenario);
        var events = new List<ModelEvent>();

        await Assert.ThrowsAsync<ModelException>(async () =>
        {
            await foreach (var one in subject.Model.StreamAsync(subject.Request, CancellationToken.None))
            {
                events.Add(one);
            }
        });

        Assert.NotEmpty(events.OfType<ModelEvent.Text>());
        Assert.Empty(events.OfType<ModelEvent.Stopped>());
    }

    [Fact]
    public async Task CancelledBefore_AsksNobody()
    {
        await using var subject = await StartAsync(ModelScenario.Answer);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CollectAsync(subject, new CancellationToken(canceled: true)));

        Assert.False(subject.WasAsked());
    }

    [Fact]
    public async Task CancelledDuring_EndsAtOnce()
    {
        await using var subject = await StartAsync(ModelScenario.Endless);
        using var source = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var one in subject.Model.StreamAsync(subject.Request, source.Token))
            {
                await source.CancelAsync();
            }
        }).WaitAsync(Soon);

        await subject.Left.WaitAsync(Soon);
    }

    [Fact]
    public async Task CancelledAfter_ChangesNothing()
    {
        await using var subject = await StartAsync(ModelScenario.Answer);
        using var source = new CancellationTokenSource();

        var events = await CollectAsync(subject, source.Token);
        await source.CancelAsync();

        Assert.Single(events.OfType<ModelEvent.Stopped>());
    }

    [Fact]
    public async Task EarlyLeaver_ClosesTheConnection()
    {
        await using var subject = await StartAsync(ModelScenario.Endless);

        await foreach (var one in subject.Model.StreamAsync(subject.Request, CancellationToken.None))
        {
            break;
        }

        await subject.Left.WaitAsync(Soon);
    }

    /// <summary>A request with one user message and the shell tool.</summary>
    public static ModelRequest Request(string text) => new()
    {
        System = ["Be brief."],
        Messages = [new Message(HarnessConversationRole.User, [new Block.Text(text)])],
        Tools = [Tool("shell")],
        Parameters = new ModelParameters(null, null, null, null, null),
    };

    /// <summary>A tool with the simplest schema.</summary>
    public static ToolSpec Tool(string name) => new()
    {
        Name = name,
        Description = $"The tool {name}.",
        InputSchema = System.Text.Json.JsonElement.Parse("""{"type":"object"}"""),
        Server = "builtin",
        Kind = HarnessToolUseType.ToolUse,
    };

    /// <summary>Checks the grammar that the seam promises.</summary>
    public static void AssertWellFormed(IReadOnlyList<ModelEvent> events)
    {
        var open = new HashSet<int>();
        var next = 0;
        var stopped = 0;
        foreach (var one in events)
        {
            Assert.True(stopped == 0 || one is ModelEvent.Usage, $"{one} came after the end.");
            if (one is ModelEvent.Stopped)
            {
                stopped++;
                continue;
            }

            if (one is ModelEvent.Usage)
            {
                continue;
            }

            var block = (int)one.GetType().GetProperty("Block")!.GetValue(one)!;
            if (block == next)
            {
                open.Add(next++);
            }

            Assert.True(open.Contains(block), $"{one} belongs to no open block.");
            if (one is ModelEvent.BlockClosed)
            {
                open.Remove(block);
            }

            Assert.False(one is ModelEvent.Text { Value: "" } or ModelEvent.Reasoning { Value: "" } or ModelEvent.ToolInput { Fragment: "" });
        }

        Assert.Empty(open);
        Assert.Equal(1, stopped);
    }

    private static async Task<List<ModelEvent>> CollectAsync(ModelSubject subject, CancellationToken cancellationToken = default)
    {
        var events = new List<ModelEvent>();
        await foreach (var one in subject.Model.StreamAsync(subject.Request, cancellationToken))
        {
            events.Add(one);
        }

        return events;
    }
}

/// <summary>What the model behind the seam does.</summary>
public enum ModelScenario
{
    /// <summary>Says <c>Hello, world!</c> in pieces.</summary>
    Answer,

    /// <summary>Asks for the shell twice in one reply, with <c>ls</c> and <c>pwd</c>.</summary>
    ToolCalls,

    /// <summary>Says something and then nothing more, without ending.</summary>
    Endless,

    /// <summary>Is overloaded.</summary>
    Throttled,

    /// <summary>Refuses the request.</summary>
    Refused,

    /// <summary>Finds the conversation too long.</summary>
    ContextTooLong,

    /// <summary>Is not there.</summary>
    Unreachable,

    /// <summary>Says something, and the connection breaks.</summary>
    Cut,

    /// <summary>Says something, and the stream ends cleanly without saying why.</summary>
    NoFinish,

    /// <summary>Says something, and then what no protocol allows.</summary>
    Garbage,
}

/// <summary>A model under test.</summary>
public sealed class ModelSubject(IModel model, ModelRequest request, Func<bool> wasAsked, Task left, params IReadOnlyList<object> owned) : IAsyncDisposable
{
    public IModel Model { get; } = model;

    public ModelRequest Request { get; } = request;

    /// <summary>Whether a request reached the provider.</summary>
    public Func<bool> WasAsked { get; } = wasAsked;

    /// <summary>Completes when the provider has seen the client leave.</summary>
    public Task Left { get; } = left;

    public async ValueTask DisposeAsync()
    {
        foreach (var one in owned)
        {
            (one as IDisposable)?.Dispose();
            if (one is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync();
            }
        }
    }
}
