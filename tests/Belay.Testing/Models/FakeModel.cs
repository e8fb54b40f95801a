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

    /// <summary>Where it says that it calls; null when it calls nowhere.</summary>
    public Uri? Endpoint { get; init; }

    private readonly TaskCompletionSource _called = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the model has been asked.</summary>
    public Task CalledAsync() => _called.Task;

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
    public FakeModel Reply(params IReadOnlyList<ModelEvent> events) => Reply((_, token) => Yield(events, token));

    /// <summary>Queues a text answer that ends the turn.</summary>
    public FakeModel Say(params string[] pieces) => Reply(Text(pieces));

    /// <summary>Queues an answer that asks for tools.</summary>
    public FakeModel Call(params (string Id, string Name, string Input)[] calls) => Reply(Calls(calls));

    /// <summary>Queues a failure.</summary>
    public FakeModel Fail(ModelFailure failure, string message = "no", params IReadOnlyList<ModelEvent> first) => Reply((_, token) => Fail(first, new ModelException(failure, message), token));

    /// <summary>Queues a reply that ends when it is cancelled.</summary>
    public FakeModel Hang(params IReadOnlyList<ModelEvent> first) => Reply((_, token) => HangAsync(first, token));

    /// <summary>Queues any reply, one that keeps no promise of the seam included.</summary>
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
        cancellationToken.ThrowIfCancellationRequested();
        if (Endpoint is not null)
        {
            request.Circuit?.Enter(Endpoint, null);
        }

        Func<ModelRequest, CancellationToken, IAsyncEnumerable<ModelEvent>> reply;
        lock (_gate)
        {
            _requests.Add(request);
            reply = _replies.TryDequeue(out var next) ? next : Otherwise ?? throw new InvalidOperationException("The fake model was asked once more than the test says.");
        }

        _called.TrySetResult();
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

    /// <summary>A reply of these events; as with every model, one without its finish ends in a failure.</summary>
    public static async IAsyncEnumerable<ModelEvent> Yield(IReadOnlyList<ModelEvent> events, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var modelEvent in OneByOne(events, cancellationToken))
        {
            yield return modelEvent;
        }

        if (!events.Any(modelEvent => modelEvent is ModelEvent.Stopped))
        {
            throw new ModelException(ModelFailure.Broken, "fake: the reply ended before it was complete.");
        }
    }

    /// <summary>A reply that fails after these events.</summary>
    public static async IAsyncEnumerable<ModelEvent> Fail(
        IReadOnlyList<ModelEvent> first, ModelException failure, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var modelEvent in OneByOne(first, cancellationToken))
        {
            yield return modelEvent;
        }

        throw failure;
    }

    private static async IAsyncEnumerable<ModelEvent> OneByOne(IReadOnlyList<ModelEvent> events, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var modelEvent in events)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
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

    /// <summary>Says something and then nothing, until it is cancelled.</summary>
    public static async IAsyncEnumerable<ModelEvent> HangAsync(IReadOnlyList<ModelEvent> first, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var modelEvent in OneByOne(first, cancellationToken))
        {
            yield return modelEvent;
        }

        await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}
