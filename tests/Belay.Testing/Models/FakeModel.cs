using System.Runtime.CompilerServices;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Models;

/// <summary>A model that says what a test tells it to, call by call, and remembers what it was asked.</summary>
public sealed class FakeModel : IModel
{
    private readonly Lock _gate = new();
    private readonly Queue<Func<ModelRequest, CancellationToken, IAsyncEnumerable<ModelEvent>>> _replies = [];
    private readonly List<ModelRequest> _requests = [];

    public string Provider { get; init; } = "fake";

    public string ModelId { get; init; } = "fake-1";

    /// <summary>What answers when nothing is queued.</summary>
    public Func<ModelRequest, CancellationToken, IAsyncEnumerable<ModelEvent>>? Otherwise { get; set; }

    /// <summary>Every request so far.</summary>
    public IReadOnlyList<ModelRequest> Requests
    {
        get
        {
            lock (_gate)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Queues a reply of these events.</summary>
    public FakeModel Reply(params IReadOnlyList<ModelEvent> events) => Reply((_, _) => Yield(events));

    /// <summary>Queues a text answer that ends the turn.</summary>
    public FakeModel Say(params string[] pieces) => Reply(Text(pieces));

    /// <summary>Queues an answer that asks for tools.</summary>
    public FakeModel Call(params (string Id, string Name, string Input)[] calls) => Reply(Calls(calls));

    /// <summary>Queues a failure.</summary>
    public FakeModel Fail(ModelFailure failure, string message = "no", params IReadOnlyList<ModelEvent> first) => Reply((_, _) => Fail(first, new ModelException(failure, message)));

    /// <summary>Queues a reply that ends when it is cancelled.</summary>
    public FakeModel Hang(params IReadOnlyList<ModelEvent> first) => Reply((_, token) => HangAsync(first, token));

    /// <summary>Queues any reply.</summary>
    public FakeModel Reply(Func<ModelRequest, CancellationToken, IAsyncEnumerable<ModelEvent>> reply)
    {
        lock (_gate)
        {
            _replies.Enqueue(reply);
        }

        return this;
    }

    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        Func<ModelRequest, CancellationToken, IAsyncEnumerable<ModelEvent>> reply;
        lock (_gate)
        {
            _requests.Add(request);
            reply = _replies.TryDequeue(out var next) ? next : Otherwise ?? throw new InvalidOperationException("The fake model was asked once more than the test says.");
        }

        return reply(request, cancellationToken);
    }

    /// <summary>Events of a text answer.</summary>
    public static IReadOnlyList<ModelEvent> Text(params string[] pieces) =>
    [
        .. pieces.Select(piece => new ModelEvent.Text(0, piece)),
        new ModelEvent.BlockClosed(0),
        new ModelEvent.Stopped(HarnessStopReason.EndTurn),
        new ModelEvent.Usage(new(10, 5)),
    ];

    /// <summary>Events of an answer that asks for tools.</summary>
    public static IReadOnlyList<ModelEvent> Calls(params (string Id, string Name, string Input)[] calls) =>
    [
        .. calls.SelectMany((call, block) => Call(block, call.Id, call.Name, call.Input)),
        new ModelEvent.Stopped(HarnessStopReason.ToolUse),
        new ModelEvent.Usage(new(10, 5)),
    ];

    /// <summary>Events of these, one after another.</summary>
    public static async IAsyncEnumerable<ModelEvent> Yield(IReadOnlyList<ModelEvent> events)
    {
        foreach (var modelEvent in events)
        {
            await Task.Yield();
            yield return modelEvent;
        }
    }

    private static IEnumerable<ModelEvent> Call(int block, string id, string name, string input)
    {
        yield return new ModelEvent.ToolOpened(block, id, name);
        if (input.Length > 0)
        {
            yield return new ModelEvent.ToolInput(block, input);
        }

        yield return new ModelEvent.BlockClosed(block);
    }

    private static async IAsyncEnumerable<ModelEvent> Fail(IReadOnlyList<ModelEvent> first, ModelException failure)
    {
        await foreach (var modelEvent in Yield(first))
        {
            yield return modelEvent;
        }

        throw failure;
    }

    private static async IAsyncEnumerable<ModelEvent> HangAsync(IReadOnlyList<ModelEvent> first, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var modelEvent in Yield(first))
        {
            yield return modelEvent;
        }

        await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}
