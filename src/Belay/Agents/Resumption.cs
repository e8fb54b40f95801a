using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// A request that answers calls which were handed to the caller. Both forms are understood: the assistant message repeated before
/// the results, and the results alone.
/// </summary>
/// <param name="Assistant">The pending assistant message, with the arguments that the caller changed.</param>
/// <param name="Answers">The caller's results.</param>
/// <param name="Trailing">What the caller said beside them.</param>
/// <param name="After">Messages after them.</param>
public sealed record Resumption(Message Assistant, IReadOnlyList<Block.ToolResult> Answers, IReadOnlyList<Block> Trailing, IReadOnlyList<Message> After)
{
    /// <summary>Reads a request against the open calls; null when it answers none of them.</summary>
    public static Resumption? Match(OpenCalls open, IReadOnlyList<Message> messages)
    {
        var calls = open.Calls.Select(call => call.Id).ToHashSet(StringComparer.Ordinal);
        var next = RepeatsCalls(calls, messages) ? 1 : 0;
        var repeated = next == 1 ? messages[0] : null;
        var answers = new List<Block.ToolResult>();
        var trailing = new List<Block>();
        for (; next < messages.Count && messages[next].Role == HarnessConversationRole.User; next++)
        {
            foreach (var block in messages[next].Blocks)
            {
                if (block is Block.ToolResult result && calls.Contains(result.ToolUseId))
                {
                    answers.Add(result);
                }
                else
                {
                    trailing.Add(block);
                }
            }
        }

        return answers.Count == 0 ? null : new(WithArguments(open, repeated), answers, trailing, [.. messages.Skip(next)]);
    }

    /// <summary>Whether a request begins with the assistant message of open calls.</summary>
    public static bool RepeatsCalls(IReadOnlySet<string> calls, IReadOnlyList<Message> messages) =>
        messages is [{ Role: HarnessConversationRole.Assistant } first, ..] && OpenCalls.CallsOf(first).Any(call => calls.Contains(call.Id));

    // Text and reasoning of the pending message stay, so that signed reasoning survives; what already ran is not rewritten.
    private static Message WithArguments(OpenCalls open, Message? repeated)
    {
        if (repeated is null)
        {
            return open.Assistant;
        }

        var sent = OpenCalls.CallsOf(repeated).DistinctBy(call => call.Id).ToDictionary(call => call.Id, StringComparer.Ordinal);
        return open.Assistant with
        {
            Blocks =
            [
                .. open.Assistant.Blocks.Select(block =>
                    block is Block.ToolUse call && !open.Results.ContainsKey(call.Id) && sent.TryGetValue(call.Id, out var changed)
                        ? call with { Input = changed.Input, RawInput = null }
                        : block),
            ],
        };
    }
}
