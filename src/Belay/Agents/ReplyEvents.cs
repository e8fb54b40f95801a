using Belay.Contracts.Invocations;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>
/// The events of a model call, from its outcome: what <see cref="ReplyFold"/> showed while the call ran, piece by piece, without the end of
/// the message. Pure; what an outcome cannot have said is cut, never thrown at.
/// </summary>
public static class ReplyEvents
{
    /// <summary>The events of a call; none of one that counts as no iteration, which nobody was shown.</summary>
    public static IReadOnlyList<InvocationEvent> Of(ModelOutcome outcome)
    {
        var events = new List<InvocationEvent>();
        if (outcome.Iteration == 0)
        {
            return events;
        }

        var blocks = outcome.Message?.Blocks ?? [];
        var (piece, position) = (0, 0);
        for (var i = 0; i < blocks.Count && !(i > outcome.Ended); i++)
        {
            var lengths = new List<int>();
            for (; piece < outcome.Deltas.Count && outcome.Deltas[piece].Block == i; piece++)
            {
                lengths.Add(outcome.Deltas[piece].Length);
            }

            position += Add(events, blocks[i], lengths, position, closed: i != outcome.Ended) ? 1 : 0;
        }

        if (events.Count == 0 && outcome.StopReason is not null)
        {
            // A reply that is complete is a message, even when nothing of it can be shown.
            events.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant });
        }

        return events;
    }

    /// <summary>What the wire shows in place of an image.</summary>
    public static string Label(string mediaType, int bytes) => $"[image {mediaType}, {bytes} bytes]";

    // Answers whether the wire saw the block at all.
    private static bool Add(List<InvocationEvent> events, Block block, List<int> lengths, int position, bool closed)
    {
        var deltas = Pieces(block, lengths).ToList();
        if (closed && block is Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse } && deltas.Count == 0)
        {
            deltas.Add(new() { ToolUse = new() { Input = "{}" } });
        }

        if (closed && block is Block.Reasoning { Signature: { } signature })
        {
            deltas.AddRange(Utf8Pieces.Split(signature).Select(piece => new HarnessContentBlockDelta { ReasoningContent = new() { Signature = piece } }));
        }

        if (deltas.Count == 0)
        {
            return false;
        }

        if (events.Count == 0)
        {
            events.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant });
        }

        if (block is Block.ToolUse use)
        {
            events.Add(new HarnessContentBlockStartEvent
            {
                ContentBlockIndex = position,
                Start = new() { ToolUse = new() { ToolUseId = use.Id, Name = use.Name, Type = use.Kind, ServerName = use.Server } },
            });
        }

        events.AddRange(deltas.Select(delta => new HarnessContentBlockDeltaEvent { ContentBlockIndex = position, Delta = delta }));
        if (closed)
        {
            events.Add(new HarnessContentBlockStopEvent { ContentBlockIndex = position });
        }

        return true;
    }

    private static IEnumerable<HarnessContentBlockDelta> Pieces(Block block, List<int> lengths)
    {
        if (block is Block.RedactedReasoning redacted)
        {
            return Cut(lengths, redacted.Value.Length).Select(range => new HarnessContentBlockDelta { ReasoningContent = new() { RedactedContent = redacted.Value[range] } });
        }

        var text = block switch
        {
            Block.Text said => said.Value,
            Block.Reasoning reasoning => reasoning.Value,
            Block.ToolUse use => use.RawInput ?? use.Input.GetRawText(),
            Block.Image image => Label(image.MediaType, image.Bytes.Length),
            _ => string.Empty,
        };
        return Cut(lengths, text.Length).Select(range => text[range]).Select(piece => block switch
        {
            Block.Reasoning => new HarnessContentBlockDelta { ReasoningContent = new() { Text = piece } },
            Block.ToolUse => new() { ToolUse = new() { Input = piece } },
            _ => new() { Text = piece },
        });
    }

    private static IEnumerable<Range> Cut(List<int> lengths, int total)
    {
        var start = 0;
        foreach (var length in lengths)
        {
            var end = (int)Math.Min((long)start + Math.Max(0, length), total);
            if (end > start)
            {
                yield return start..end;
            }

            start = end;
        }
    }
}
