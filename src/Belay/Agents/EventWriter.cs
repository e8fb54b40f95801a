using System.Threading.Channels;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// The writing end of an invocation's stream. It knows where in the grammar the stream stands, so that whatever interrupts it can
/// close what is open. What it was given goes out: an invocation that is stopped while it waits for a slow reader leaves the rest to the
/// stream's end, so that the stream never shows less than the journal says.
/// </summary>
public sealed class EventWriter(ChannelWriter<InvocationEvent> events)
{
    private readonly StreamGrammar _grammar = new();
    private readonly Queue<InvocationEvent> _late = [];
    private volatile bool _detached;

    /// <summary>Writes one event, waiting for a slow reader until the invocation is stopped. That is noticed by whoever does the next thing.</summary>
    public ValueTask WriteAsync(InvocationEvent invocationEvent, CancellationToken cancellationToken)
    {
        _grammar.Take(invocationEvent);
        if (_detached || (_late.Count == 0 && events.TryWrite(invocationEvent)))
        {
            return ValueTask.CompletedTask;
        }

        _late.Enqueue(invocationEvent);
        return WaitAsync(cancellationToken);
    }

    /// <summary>Makes <paramref name="reason"/> the last stop reason, as <see cref="StreamGrammar.Closing"/> says.</summary>
    public async Task StopAsync(HarnessStopReason reason, CancellationToken cancellationToken)
    {
        foreach (var closing in _grammar.Closing(reason))
        {
            await WriteAsync(closing, cancellationToken);
        }
    }

    /// <summary>Writes the end of the stream, and before it whatever still waits.</summary>
    /// <exception cref="OperationCanceledException">The reader took too long.</exception>
    public async Task EndAsync(HarnessStopReason reason, HarnessMetadataEvent metadata, CancellationToken cancellationToken)
    {
        await StopAsync(reason, cancellationToken);
        await WriteAsync(metadata, cancellationToken);
        await FlushAsync(cancellationToken);
    }

    /// <summary>Writes whatever still waits, before the stream ends with a fault.</summary>
    /// <exception cref="OperationCanceledException">The reader took too long.</exception>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        while (_late.TryPeek(out var next))
        {
            if (!_detached)
            {
                await events.WriteAsync(next, cancellationToken);
            }

            _late.Dequeue();
        }
    }

    /// <summary>Nobody reads any more, and the invocation goes on: events are dropped from now on.</summary>
    public void Detach() => _detached = true;

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FlushAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is left goes before whatever comes next.
        }
    }
}
