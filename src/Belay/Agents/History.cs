using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>The rules by which messages enter the conversation and leave it for a model. Pure.</summary>
public static class History
{
    /// <summary>Answer of a call that nobody answered.</summary>
    public const string Interrupted = "Tool was interrupted.";

    /// <summary>Answer of a call that was running when the server died.</summary>
    public const string MaybeDone = "Tool was interrupted: the server ended while it ran, and it is not run again. It may have taken effect, wholly or in part; look before you repeat it.";

    /// <summary>Answer of a call that was cancelled with its invocation.</summary>
    public const string Cancelled = "Tool execution cancelled";

    private const string Blank = "[blank text]";

    // The same object every time, so that what was written of it can be used again.
    private static readonly Message Opening = new(HarnessConversationRole.User, [new Block.Text("[start of the conversation]")]);

    /// <summary>Messages of the wire as the conversation keeps them.</summary>
    public static IReadOnlyList<Message> FromWire(IReadOnlyList<HarnessMessage> messages) =>
        [.. messages.Select(message => new Message(message.Role, [.. message.Content.Select(FromWire)]))];

    /// <summary>Everything wrong with the messages of a request, whatever its session holds.</summary>
    public static IEnumerable<FieldProblem> Problems(IReadOnlyList<HarnessMessage> messages)
    {
        if (messages.Count == 0)
        {
            yield return new("messages", "must hold at least one message.");
            yield break;
        }

        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            if (message.Content is not { Count: > 0 })
            {
                yield return new($"messages[{i}].content", "must hold at least one block.");
                continue;
            }

            var uses = new HashSet<string>(StringComparer.Ordinal);
            var results = new HashSet<string>(StringComparer.Ordinal);
            for (var j = 0; j < message.Content.Count; j++)
            {
                var path = $"messages[{i}].content[{j}]";
                var block = message.Content[j];
                if (block.ToolUse is { } use)
                {
                    if (message.Role == HarnessConversationRole.User)
                    {
                        yield return new(path, "is a tool call; only assistant messages hold tool calls.");
                    }

                    if (!uses.Add(use.ToolUseId))
                    {
                        yield return new($"{path}.toolUse.toolUseId", "occurs twice in one message; each call has its own id.");
                    }

                    if (use.Input.ValueKind != System.Text.Json.JsonValueKind.Object)
                    {
                        yield return new($"{path}.toolUse.input", "must be a JSON object.");
                    }
                }
                else if (block.ToolResult is { } result)
                {
                    if (message.Role == HarnessConversationRole.Assistant)
                    {
                        yield return new(path, "is a tool result; only user messages hold tool results.");
                    }

                    if (!results.Add(result.ToolUseId))
                    {
                        yield return new($"{path}.toolResult.toolUseId", "occurs twice in one message; each call has one result.");
                    }
                }
                else if (block.ReasoningContent is not null && message.Role == HarnessConversationRole.User)
                {
                    yield return new(path, "is reasoning; only assistant messages hold reasoning.");
                }
            }
        }

        if (CleanUp(FromWire(messages)) is not [.., { Role: HarnessConversationRole.User }])
        {
            yield return new("messages", "must end with a user message once trailing tool calls are removed.");
        }
    }

    /// <summary>Results in a request that answer no call: neither one of the request's preceding assistant message nor one that the
    /// session handed to the caller.</summary>
    public static IEnumerable<FieldProblem> AnswerProblems(IReadOnlyList<HarnessMessage> messages, OpenCalls? open)
    {
        // The calls that the messages at hand may answer: at first the session's, then those of the assistant message before them.
        var pending = open?.Calls.Select(call => call.Id).ToHashSet(StringComparer.Ordinal) ?? [];
        var (calls, ofSession) = (pending, open is not null);
        var answered = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role == HarnessConversationRole.Assistant)
            {
                var own = messages[i].Content.Where(block => block.ToolUse is not null).Select(block => block.ToolUse!.ToolUseId).ToHashSet(StringComparer.Ordinal);
                if (i > 0 || !own.Overlaps(pending))
                {
                    (calls, ofSession) = (own, false);
                    answered.Clear();
                }

                continue;
            }

            for (var j = 0; j < messages[i].Content.Count; j++)
            {
                if (messages[i].Content[j].ToolResult is not { } result)
                {
                    continue;
                }

                var path = $"messages[{i}].content[{j}].toolResult.toolUseId";
                if (!calls.Contains(result.ToolUseId))
                {
                    yield return new(path, "answers no call: none of this id is in the preceding assistant message or pending in the session.");
                }
                else if (ofSession && !open!.Offered.Contains(result.ToolUseId))
                {
                    yield return new(path, "names a call that was not handed to the caller; the harness answers it.");
                }
                else if ((ofSession && open!.Results.ContainsKey(result.ToolUseId)) || (!answered.Add(result.ToolUseId) && IsFirst(messages[i], result.ToolUseId, j)))
                {
                    yield return new(path, "names a call that is already answered.");
                }
            }
        }
    }

    /// <summary>Clean-up rule 1: removes tool calls at the end of a request, which nobody could answer any more.</summary>
    public static IReadOnlyList<Message> CleanUp(IReadOnlyList<Message> messages)
    {
        var kept = messages.ToList();
        while (kept is [.., var last] && last.Blocks.Any(block => block is Block.ToolUse))
        {
            kept.RemoveAt(kept.Count - 1);
            var blocks = last.Blocks.Where(block => block is not Block.ToolUse).ToList();
            if (blocks.Count > 0)
            {
                kept.Add(last with { Blocks = blocks });
            }
        }

        return kept;
    }

    /// <summary>Gives every call in the middle of a request a result, in the message right after it, because providers refuse anything else.</summary>
    public static IReadOnlyList<Message> Whole(IReadOnlyList<Message> messages)
    {
        var whole = new List<Message>(messages.Count);
        for (var i = 0; i < messages.Count; i++)
        {
            whole.Add(messages[i]);
            if (!OpenCalls.CallsOf(messages[i]).Any())
            {
                continue;
            }

            // Answers that came in several messages become one, with what was said between them.
            var after = messages.Skip(i + 1).TakeWhile(message => message.Role == HarnessConversationRole.User).ToList();
            var last = after.FindLastIndex(message => message.Blocks.Any(block => block is Block.ToolResult));
            var taken = after.Take(Math.Max(last, 0) + 1).SelectMany(message => message.Blocks).ToList();
            var answered = taken.OfType<Block.ToolResult>().Select(result => result.ToolUseId).ToHashSet(StringComparer.Ordinal);
            var missing = OpenCalls.CallsOf(messages[i]).Where(call => !answered.Contains(call.Id)).Select(Block (call) => Error(call.Id, Interrupted));
            whole.Add(new(HarnessConversationRole.User, [.. missing, .. taken.OrderBy(block => block is not Block.ToolResult)]));
            i += Math.Min(after.Count, Math.Max(last, 0) + 1);
        }

        return whole;
    }

    /// <summary>What is inserted for calls that will never be answered: one user message with an error for each.</summary>
    public static HistoryRepaired Repair(OpenCalls open, string answer, string reason) =>
        new([new(HarnessConversationRole.User, [.. open.Unanswered.Select(Block (call) => Error(call.Id, answer))])], reason);

    /// <summary>An error result.</summary>
    public static Block.ToolResult Error(string toolUseId, string text) =>
        new(toolUseId, HarnessToolUseStatus.Error, [new ToolContent.Text(text)]);

    /// <summary>
    /// What the conversation keeps of a model's reply. A failed call leaves nothing. One that was cut off leaves what was said, without
    /// its calls. One that ended for another reason than its calls leaves a text in the place of each call, because it never ran.
    /// </summary>
    public static Message? Kept(ModelOutcome outcome)
    {
        if (outcome.Failure is not null || outcome.Message is not { } message)
        {
            return null;
        }

        IReadOnlyList<Block> blocks = outcome.StopReason switch
        {
            HarnessStopReason.ToolUse => message.Blocks,
            null => message.Blocks.Any(block => block is Block.Text { Value.Length: > 0 })
                ? [.. message.Blocks.Where(block => block is not (Block.ToolUse or Block.Reasoning { Signature: null }))]
                : [],
            _ => [.. message.Blocks.Select(block => block is Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse } call
                ? new Block.Text($"[The call of {call.Name} was cut off and did not run.]")
                : block)],
        };
        return blocks.Count == 0 ? null : message with { Blocks = blocks };
    }

    /// <summary>The conversation as a model may be shown it: the user begins, no assistant message holds blank text, and no message of the user
    /// is nothing else, because some providers refuse anything else.</summary>
    public static IReadOnlyList<Message> ForModel(IReadOnlyList<Message> messages)
    {
        var shown = messages.Any(HasBlank) ? [.. messages.Select(message => HasBlank(message) ? WithoutBlank(message) : message)] : messages;
        return shown is [{ Role: HarnessConversationRole.Assistant }, ..] ? [Opening, .. shown] : shown;
    }

    /// <summary>How many messages of the conversation are among those that a model is shown.</summary>
    /// <param name="shown">What <see cref="ForModel"/> answered.</param>
    public static int CountOf(IReadOnlyList<Message> shown) => shown is [var first, ..] && ReferenceEquals(first, Opening) ? shown.Count - 1 : shown.Count;

    // A second one in the same message is reported with the message.
    private static bool IsFirst(HarnessMessage message, string toolUseId, int index) =>
        !message.Content.Take(index).Any(block => block.ToolResult?.ToolUseId == toolUseId);

    // Asked of every message before every model call, hence without a query.
    private static bool HasBlank(Message message)
    {
        var blank = 0;
        for (var i = 0; i < message.Blocks.Count; i++)
        {
            blank += IsBlank(message, message.Blocks[i]) ? 1 : 0;
        }

        return blank > 0 && (message.Role == HarnessConversationRole.Assistant || blank == message.Blocks.Count);
    }

    // What a model said with state of its provider's goes back to it, blank or not; other providers leave it out.
    private static bool IsBlank(Message message, Block block) =>
        block is Block.Text text && string.IsNullOrWhiteSpace(text.Value) && (block.State is null || message.Role == HarnessConversationRole.User);

    private static Message WithoutBlank(Message message)
    {
        var blocks = message.Blocks.Where(block => !IsBlank(message, block)).ToList();
        return message with { Blocks = blocks.Count > 0 ? blocks : [new Block.Text(Blank)] };
    }

    private static Block FromWire(HarnessContentBlock block) => block switch
    {
        { Text: { } text } => new Block.Text(text),
        { ToolUse: { } use } => new Block.ToolUse(use.ToolUseId, use.Name, use.Input, use.Type ?? HarnessToolUseType.ToolUse, use.ServerName),
        { ToolResult: { } result } => new Block.ToolResult(
            result.ToolUseId,
            result.Status ?? HarnessToolUseStatus.Success,
            [.. result.Content.Select(ToolContent (item) => item.Json is { } json ? new ToolContent.Json(json) : new ToolContent.Text(item.Text ?? string.Empty))]),
        { ReasoningContent.ReasoningText: { } reasoning } => new Block.Reasoning(reasoning.Text, reasoning.Signature),
        { ReasoningContent.RedactedContent: { } redacted } => new Block.RedactedReasoning(redacted),
        _ => new Block.Text(string.Empty),
    };
}
