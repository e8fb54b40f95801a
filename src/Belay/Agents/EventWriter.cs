using System.Threading.Channels;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// The writing end of an invocation's stream. It knows where in the grammar the stream stands, so that whatever interrupts it can
/// close what is open.
/// </summary>
public sealed class EventWriter(ChannelWriter<InvocationEvent> events)
{
    private int? _openBlock;
    private HarnessConversationRole? _openMessage;
    private HarnessStopReason? _lastStop;
    private volatile bool _detached;

    /// <summary>Writes one event, waiting for a slow reader.</summary>
    public async ValueTask WriteAsync(InvocationEvent invocationEvent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_detached && !events.TryWrite(invocationEvent))
        {
            await events.WriteAsync(invocationEvent, cancellationToken);
        }

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

    /// <summary>Nobody reads any more, and the invocation goes on: events are dropped from now on.</summary>
    public void Detach() => _detached = true;
}
