using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>Where a stream of events stands in its grammar, so that whatever interrupts it can close what is open. It writes nothing.</summary>
public sealed class StreamGrammar
{
    private int? _openBlock;
    private HarnessConversationRole? _openMessage;
    private HarnessStopReason? _lastStop;

    /// <summary>Takes an event that was sent.</summary>
    public void Take(InvocationEvent sent)
    {
        _openBlock = sent switch
        {
            HarnessContentBlockStartEvent start => start.ContentBlockIndex,
            HarnessContentBlockDeltaEvent delta => delta.ContentBlockIndex,
            HarnessContentBlockStopEvent or HarnessMessageStopEvent => null,
            _ => _openBlock,
        };
        _openMessage = sent switch
        {
            HarnessMessageStartEvent start => start.Role,
            HarnessMessageStopEvent => null,
            _ => _openMessage,
        };
        _lastStop = (sent as HarnessMessageStopEvent)?.StopReason;
    }

    /// <summary>
    /// What makes <paramref name="reason"/> the last stop reason: it closes an open block and message with it, or stands bare, unless it was
    /// the last thing sent. A message of tool results always ends as one, so that only the model's messages end with what stopped it.
    /// </summary>
    public IReadOnlyList<InvocationEvent> Closing(HarnessStopReason reason)
    {
        var closing = new List<InvocationEvent>();
        var last = _lastStop;
        if (_openBlock is { } block)
        {
            closing.Add(new HarnessContentBlockStopEvent { ContentBlockIndex = block });
        }

        if (_openMessage == HarnessConversationRole.User && reason != HarnessStopReason.ToolResult)
        {
            closing.Add(new HarnessMessageStopEvent { StopReason = HarnessStopReason.ToolResult });
            last = HarnessStopReason.ToolResult;
        }

        if (last != reason)
        {
            closing.Add(new HarnessMessageStopEvent { StopReason = reason });
        }

        return closing;
    }
}
