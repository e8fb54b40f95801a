using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Testing.Providers;

/// <summary>
/// Puts a conversation together as a strict provider reads it: people begin and have the last word, sides take turns, and every
/// call is answered once, right after it, before anything else is said.
/// </summary>
internal sealed class ReceivedConversation(RequestRules rules)
{
    private readonly List<Message> _messages = [];
    private readonly List<string> _open = [];
    private HarnessConversationRole? _last;

    /// <summary>What the model said.</summary>
    public void Assistant(IReadOnlyList<Block> blocks)
    {
        rules.Require(_last is HarnessConversationRole.User, "a message of the model follows no message of a person");
        rules.Require(blocks.Count > 0, "a message of the model is empty");
        _last = HarnessConversationRole.Assistant;
        foreach (var call in blocks.OfType<Block.ToolUse>())
        {
            rules.Require(!_open.Contains(call.Id), $"{call.Id} is the id of two calls");
            _open.Add(call.Id);
        }

        _messages.Add(new Message(HarnessConversationRole.Assistant, blocks));
    }

    /// <summary>What came back: results first, then what a person said.</summary>
    public void User(IReadOnlyList<Block.ToolResult> results, IReadOnlyList<Block> said)
    {
        rules.Require(_last is not HarnessConversationRole.User, "two messages of a person follow each other");
        rules.Require(results.Count + said.Count > 0, "a message of a person is empty");
        _last = HarnessConversationRole.User;
        foreach (var result in results)
        {
            rules.Require(_open.Remove(result.ToolUseId), $"{result.ToolUseId} is answered and was not asked right before, or twice");
        }

        rules.Require(_open.Count == 0, $"not answered: {string.Join(", ", _open)}");
        _open.Clear();
        // Results may be told in words too; whatever the form, they are a message before the person's.
        Add([.. results, .. said.OfType<Block.ToolResult>()]);
        Add([.. said.Where(block => block is not Block.ToolResult)]);
    }

    /// <summary>The whole.</summary>
    public IReadOnlyList<Message> End()
    {
        rules.Require(_last is HarnessConversationRole.User, "the last message is not a person's");
        return _messages;
    }

    private void Add(List<Block> blocks)
    {
        if (blocks.Count > 0)
        {
            _messages.Add(new Message(HarnessConversationRole.User, blocks));
        }
    }
}
