using System.Collections.Immutable;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// An assistant message whose calls do not all have results yet, and what is known of them. It joins the conversation, followed
/// by one user message with every result in call order, when the last result is there.
/// </summary>
public sealed record OpenCalls
{
    /// <summary>The assistant message.</summary>
    public required Message Assistant { get; init; }

    /// <summary>Tool entries in force when the calls were made; they hold on when the caller resumes without naming any.</summary>
    public required IReadOnlyList<HarnessTool> Tools { get; init; }

    /// <summary>Tool patterns in force when the calls were made.</summary>
    public required IReadOnlyList<string> AllowedTools { get; init; }

    /// <summary>Results so far, by call id.</summary>
    public ImmutableDictionary<string, Block.ToolResult> Results { get; init; } = ImmutableDictionary<string, Block.ToolResult>.Empty;

    /// <summary>Ids of the calls whose run has begun.</summary>
    public ImmutableHashSet<string> Begun { get; init; } = [];

    /// <summary>Ids of the calls that the caller was given to answer.</summary>
    public ImmutableHashSet<string> Offered { get; init; } = [];

    /// <summary>What the caller said beside its answers; it follows the results in their message.</summary>
    public ImmutableList<Block> Trailing { get; init; } = [];

    /// <summary>Messages that the caller sent after its answers.</summary>
    public ImmutableList<Message> After { get; init; } = [];

    /// <summary>The calls that need a result from us or from the caller, in call order.</summary>
    public IEnumerable<Block.ToolUse> Calls => CallsOf(Assistant);

    /// <summary>The calls without a result, in call order.</summary>
    public IEnumerable<Block.ToolUse> Unanswered
    {
        get
        {
            foreach (var call in Calls)
            {
                if (!Results.ContainsKey(call.Id))
                {
                    yield return call;
                }
            }
        }
    }

    /// <summary>Whether the last invocation paused here for the caller.</summary>
    public bool Paused { get; init; }

    /// <summary>The calls of a message that need a result: those that the provider runs itself do not.</summary>
    public static IEnumerable<Block.ToolUse> CallsOf(Message message)
    {
        for (var i = 0; i < message.Blocks.Count; i++)
        {
            if (message.Blocks[i] is Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse } call)
            {
                yield return call;
            }
        }
    }

    /// <summary>What the conversation keeps, once every call has its result.</summary>
    public IEnumerable<Message> Messages() =>
    [
        Assistant,
        new(HarnessConversationRole.User, [.. Calls.Select(Block (call) => Results[call.Id]), .. Trailing]),
        .. After,
    ];
}
