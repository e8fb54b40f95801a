using System.Globalization;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>
/// How a conversation is cut to what a model can read. Pure: messages in, messages out. No cut separates a call from its result;
/// the journal keeps everything whatever is cut here.
/// </summary>
public static class ContextWindow
{
    private const double DefaultRatio = 0.3;
    private const int DefaultPreserved = 10;
    private const int LongText = 400;
    private const int KeptEnd = 200;
    private const string NoticeStart = "\n[… ";
    private const string NoticeEnd = " characters removed …]\n";

    /// <summary>What one model call is shown of the conversation.</summary>
    public static IReadOnlyList<Message> View(IReadOnlyList<Message> messages, HarnessTruncationConfiguration truncation) =>
        truncation.Strategy == HarnessTruncationStrategy.SlidingWindow
            ? Slide(messages, WindowOf(truncation))
            : messages;

    /// <summary>How many of the oldest messages a call does not show of a conversation that is longer than its window: 0 when no cut was possible, null when the
    /// conversation fits.</summary>
    /// <param name="all">Messages of the conversation.</param>
    /// <param name="shown">Messages that the call shows.</param>
    /// <param name="truncation">How the conversation is cut.</param>
    public static int? LeftOut(int all, int shown, HarnessTruncationConfiguration truncation) =>
        truncation.Strategy == HarnessTruncationStrategy.SlidingWindow && all > WindowOf(truncation) ? all - shown : null;

    /// <summary>The newest messages, about <paramref name="count"/>; everything when no cut is possible.</summary>
    public static IReadOnlyList<Message> Slide(IReadOnlyList<Message> messages, int count) =>
        messages.Count > count && CutFrom(messages, messages.Count - count) is { } kept ? kept : messages;

    /// <summary>The next smaller form of a conversation that was too long for the model under <c>sliding_window</c>: long tool results of
    /// the oldest message that has any are shortened; when none is left, at least two messages go. Null when nothing can be done.</summary>
    public static (IReadOnlyList<Message> Messages, string Reason)? Shrink(IReadOnlyList<Message> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Blocks.Any(block => block is Block.ToolResult result && result.Content.Any(IsLong)))
            {
                var shortened = messages.ToArray();
                shortened[i] = messages[i] with { Blocks = [.. messages[i].Blocks.Select(block => block is Block.ToolResult result ? Shorten(result) : block)] };
                return (shortened, $"The tool results of message {i + 1} were shortened.");
            }
        }

        return messages.Count > 2 && CutFrom(messages, 2) is { } kept ? (kept, $"The oldest {messages.Count - kept.Count} messages were left out.") : null;
    }

    /// <summary>How many of the oldest messages a summary replaces; null when there are too few.</summary>
    public static int? SummaryLength(IReadOnlyList<Message> messages, HarnessSummarizationConfiguration? configuration)
    {
        var ratio = Math.Clamp(configuration?.SummaryRatio ?? DefaultRatio, 0.1, 0.8);
        var preserved = Math.Max(0, configuration?.PreserveRecentMessages ?? DefaultPreserved);
        var length = Math.Min(Math.Max(1, (int)(messages.Count * ratio)), messages.Count - preserved);
        if (length < 1)
        {
            return null;
        }

        while (length < messages.Count && HasResult(messages[length]))
        {
            length++;
        }

        return length < messages.Count ? length : null;
    }

    /// <summary>The notes that a model made of messages; null when it failed, refused, was stopped for another reason than its length, or said nothing.</summary>
    public static string? SummaryOf(ModelOutcome outcome)
    {
        if (outcome is not { Failure: null, StopReason: HarnessStopReason.EndTurn or HarnessStopReason.StopSequence or HarnessStopReason.MaxTokens, Message: { } message })
        {
            return null;
        }

        var text = string.Concat(message.Blocks.OfType<Block.Text>().Select(block => block.Value));
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    /// <summary>Messages as a model without tools can read them: calls and results become text.</summary>
    public static IReadOnlyList<Message> AsText(IEnumerable<Message> messages) =>
        [.. messages.Select(message => message with { Blocks = [.. message.Blocks.Select(AsText).OfType<Block>()] }).Where(message => message.Blocks.Count > 0)];

    private static int WindowOf(HarnessTruncationConfiguration truncation) =>
        Math.Max(1, truncation.Config?.SlidingWindow?.MessagesCount ?? VersionBuilder.DefaultMessagesCount);

    // The first cut at or after an index that leaves a plain user message in front; else one that leaves a call and its results.
    private static IReadOnlyList<Message>? CutFrom(IReadOnlyList<Message> messages, int start)
    {
        int? pair = null;
        for (var i = start; i < messages.Count; i++)
        {
            if (messages[i].Role == HarnessConversationRole.User && !HasResult(messages[i]))
            {
                return [.. messages.Skip(i)];
            }

            if (pair is null && OpenCalls.CallsOf(messages[i]).Any() && i + 1 < messages.Count && HasResult(messages[i + 1]))
            {
                pair = i;
            }
        }

        return pair is { } first ? [.. messages.Skip(first)] : null;
    }

    private static bool HasResult(Message message) => message.Blocks.Any(block => block is Block.ToolResult);

    private static bool IsLong(ToolContent content) => TextOf(content) is { } text && text.Length > LongText && !IsShortened(text);

    private static bool IsShortened(string text) =>
        text.Length <= LongText + 64 && text.AsSpan(KeptEnd - 1).IndexOf(NoticeStart) is >= 0 and <= 1 && text.Contains(NoticeEnd, StringComparison.Ordinal);

    private static Block.ToolResult Shorten(Block.ToolResult result) => result with { Content = [.. result.Content.Select(content => IsLong(content) ? Shorten(TextOf(content)!) : content)] };

    private static ToolContent.Text Shorten(string text)
    {
        var head = char.IsHighSurrogate(text[KeptEnd - 1]) ? KeptEnd - 1 : KeptEnd;
        var tail = char.IsLowSurrogate(text[^KeptEnd]) ? KeptEnd - 1 : KeptEnd;
        var removed = (text.Length - head - tail).ToString(CultureInfo.InvariantCulture);
        return new($"{text.AsSpan(0, head)}{NoticeStart}{removed}{NoticeEnd}{text.AsSpan(text.Length - tail)}");
    }

    private static string? TextOf(ToolContent content) => content switch
    {
        ToolContent.Text text => text.Value,
        ToolContent.Json json => json.Value.GetRawText(),
        _ => null,
    };

    private static Block? AsText(Block block) => block switch
    {
        Block.Text or Block.Image => block,
        Block.ToolUse use => new Block.Text($"[called {use.Name} with {use.RawInput ?? use.Input.GetRawText()}]"),
        Block.ToolResult result => new Block.Text($"[result: {string.Join('\n', result.Content.Select(content => TextOf(content) ?? "image"))}]"),
        _ => null,
    };
}
