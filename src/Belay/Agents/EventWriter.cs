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
    private readonly Queue<InvocationEvent> _late = [];
    private int? _openBlock;
    private HarnessConversationRole? _openMessage;
    private HarnessStopReason? _lastStop;
    private volatile bool _detached;

    /// <summary>Writes one event, waiting for a slow reader until the invocation is stopped. That is noticed by whoever does the next thing.</summary>
    public ValueTask WriteAsync(InvocationEvent invocationEvent, CancellationToken cancellationToken)
    {
        Follow(invocationEvent);
        if (_detached || (_late.Count == 0 && events.TryWrite(invocationEvent)))
        {
            return ValueTask.CompletedTask;
        }

        _late.Enqueue(invocationEvent);
        return WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Makes <paramref name="reason"/> the last stop reason: closes an open block and message with it, or sends it bare, unless it was
    /// the last thing sent. A message of tool results always ends as one, so that only the model's messages end with what stopped it.
    /// </summary>
    public async Task StopAsync(HarnessStopReason reason, CancellationToken cancellationToken)
    {
        if (_openBlock is { } block)
        {
            await WriteAsync(new HarnessContentBlockStopEvent { ContentBlockIndex = block }, cancellationToken);
        }

        if (_openMessage == HarnessConversationRole.User && reason != HarnessStopReason.ToolResult)
        {
            await WriteAsync(new HarnessMessageStopEvent { StopReason = HarnessStopReason.ToolResult }, cancellationToken);
        }

        if (_lastStop != reason)
        {
            await WriteAsync(new HarnessMessageStopEvent { StopReason = reason }, cancellationToken);
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

    private void Follow(InvocationEvent invocationEvent)
    {
        _openBlock = invocationEvent switch
        {
            HarnessContentBlockStartEvent start => start.ContentBlockIndex,
            HarnessContentBlockDeltaEvent delta => delta.ContentBlockIndex,
            HarnessContentBlockStopEvent or HarnessMessageStopEvent => null,
            _ => _openBlock,
        };
        _openMessage = invocationEvent switch
        {
            HarnessMessageStartEvent start => start.Role,
            HarnessMessageStopEvent => null,
            _ => _openMessage,
        };
        _lastStop = (invocationEvent as HarnessMessageStopEvent)?.StopReason;
    }
}
