using System.Diagnostics;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>A recorded outcome as the events of a model, so that folding them gives the same outcome again, delta by delta. Pure.</summary>
internal static class ReplayReply
{
    // Blocks are numbered from 0 and bounded; these two never meet them.
    private const int Blocker = int.MaxValue;
    private const int Unseen = int.MaxValue - 1;

    /// <summary>Whether the call was cut off with its invocation, so that it neither ended nor failed.</summary>
    public static bool IsCutOff(ModelOutcome outcome) =>
        outcome is { StopReason: null, FailureKind: null } && (outcome.Failure is null || Enum.GetValues<StopCause>().Any(cause => StopSignal.Describe(cause) == outcome.Failure));

    /// <summary>The failure of its last attempt; null when it worked or was cut off.</summary>
    public static ModelException? Failure(ModelOutcome outcome, int iteration)
    {
        if (IsCutOff(outcome) || outcome is { StopReason: not null, FailureKind: null })
        {
            return null;
        }

        // A call that is made again with less counts as no iteration.
        var kind = outcome.FailureKind ?? (outcome.Iteration < iteration ? ModelFailure.ContextTooLong : ModelFailure.Broken);
        return new(kind, outcome.Failure ?? "");
    }

    /// <summary>What the model said in its last attempt.</summary>
    public static IEnumerable<ModelEvent> Events(ModelOutcome outcome)
    {
        yield return new ModelEvent.Usage(outcome.Usage);
        var blocks = outcome.Message?.Blocks ?? [];
        var ended = outcome.Ended ?? blocks.Count;
        var said = 0;
        var span = 0;
        for (var i = 0; i < blocks.Count; i++)
        {
            var lengths = new List<int>();
            for (; span < outcome.Deltas.Count && outcome.Deltas[span].Block == i; span++)
            {
                lengths.Add(outcome.Deltas[span].Length);
            }

            if (i == ended && lengths.Count == 0 && Shows(blocks[i]))
            {
                // It stood behind a block that was open and of which nothing is left.
                yield return new ModelEvent.Text(Blocker, "");
            }

            foreach (var modelEvent in Block(i, blocks[i], lengths))
            {
                said++;
                yield return modelEvent;
            }

            if (i < ended && blocks[i] is not (Agents.Block.Image or Agents.Block.Citation or Agents.Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse }))
            {
                yield return new ModelEvent.BlockClosed(i);
            }
        }

        if (outcome is { StopReason: { } reason, FailureKind: null })
        {
            yield return new ModelEvent.Stopped(reason);
        }
        else if (said == 0 && outcome.TimeToFirstMs is not null)
        {
            // Something came of which nothing was kept.
            yield return new ModelEvent.BlockClosed(Unseen);
        }
    }

    private static bool Shows(Block block) => block switch
    {
        Agents.Block.Text text => text.Value.Length > 0,
        Agents.Block.Reasoning reasoning => reasoning.Value.Length > 0,
        Agents.Block.ToolUse use => use.RawInput is { Length: > 0 } || use.Input.EnumerateObject().Any(),
        _ => true,
    };

    private static IEnumerable<ModelEvent> Block(int index, Block block, List<int> lengths)
    {
        IEnumerable<ModelEvent> events = block switch
        {
            Agents.Block.Text { Value: "" } => [new ModelEvent.Text(index, "")],
            Agents.Block.Text text => Pieces(text.Value, lengths).Select(piece => new ModelEvent.Text(index, piece)),
            Agents.Block.Reasoning reasoning => Reasoning(index, reasoning, lengths),
            Agents.Block.RedactedReasoning redacted => Pieces(redacted.Value, lengths).Select(piece => new ModelEvent.Redacted(index, piece)),
            Agents.Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } use => [new ModelEvent.ServerTool(index, use.Id, use.Name, use.Input)],
            Agents.Block.ToolUse use => [new ModelEvent.ToolOpened(index, use.Id, use.Name), .. Arguments(use, lengths).Select(piece => new ModelEvent.ToolInput(index, piece))],
            Agents.Block.Image image => [new ModelEvent.Image(index, image.MediaType, image.Bytes)],
            Agents.Block.Citation citation => [new ModelEvent.Citation(index, citation.Source, citation.Title, citation.Quote)],
            Agents.Block.ToolResult => [],
            _ => throw new UnreachableException(),
        };
        foreach (var modelEvent in events)
        {
            yield return modelEvent;
        }

        if (block.State is { } state && block is not (Agents.Block.Image or Agents.Block.Citation))
        {
            yield return new ModelEvent.State(index, state.Value);
        }
    }

    private static IEnumerable<ModelEvent> Reasoning(int index, Block.Reasoning reasoning, List<int> lengths)
    {
        if (reasoning is { Value: "", Signature: null })
        {
            yield return new ModelEvent.Reasoning(index, "");
        }

        foreach (var piece in Pieces(reasoning.Value, lengths))
        {
            yield return new ModelEvent.Reasoning(index, piece);
        }

        if (reasoning.Signature is { } signature)
        {
            yield return new ModelEvent.Signature(index, signature);
        }
    }

    // A long fragment was cut for its frames, perhaps after white space, which by itself would wait for what follows: it comes whole again.
    private static IEnumerable<string> Arguments(Block.ToolUse use, List<int> lengths)
    {
        var raw = use.RawInput ?? use.Input.GetRawText();
        if (lengths.Count == 0 && use.RawInput is null && raw == "{}")
        {
            yield break;
        }

        var held = "";
        foreach (var piece in Pieces(raw, lengths))
        {
            held += piece;
            if (!char.IsWhiteSpace(held[^1]))
            {
                yield return held;
                held = "";
            }
        }

        if (held.Length > 0)
        {
            yield return held;
        }
    }

    // What the lengths leave over was never shown; in a whole recording nothing is.
    private static IEnumerable<string> Pieces(string text, List<int> lengths)
    {
        var start = 0;
        foreach (var length in lengths)
        {
            var piece = text.Substring(start, Math.Clamp(length, 0, text.Length - start));
            start += piece.Length;
            if (piece.Length > 0)
            {
                yield return piece;
            }
        }

        if (start < text.Length)
        {
            yield return text[start..];
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Pieces(byte[] bytes, List<int> lengths)
    {
        var start = 0;
        foreach (var length in lengths)
        {
            var piece = bytes.AsMemory(start, Math.Clamp(length, 0, bytes.Length - start));
            start += piece.Length;
            yield return piece;
        }

        if (start < bytes.Length)
        {
            yield return bytes.AsMemory(start);
        }
    }
}
