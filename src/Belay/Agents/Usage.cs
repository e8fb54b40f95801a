using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Agents;

/// <summary>Token counts: what the wire shows, and an estimate where a provider reports none.</summary>
public static class Usage
{
    /// <summary>A count as the wire shows it; cache members are left out when zero.</summary>
    public static HarnessTokenUsage ToWire(TokenUsage usage) => new()
    {
        InputTokens = usage.Input,
        OutputTokens = usage.Output,
        TotalTokens = (int)Math.Min(int.MaxValue, (long)usage.Input + usage.Output),
        CacheReadInputTokens = usage.CacheRead == 0 ? null : usage.CacheRead,
        CacheWriteInputTokens = usage.CacheWrite == 0 ? null : usage.CacheWrite,
    };

    /// <summary>Four characters a token, rounded up.</summary>
    public static TokenUsage Estimate(ModelRequest request, long replyCharacters)
    {
        var characters = request.System.Sum(text => (long)text.Length)
            + request.Tools.Sum(tool => (long)tool.Name.Length + tool.Description.Length + tool.InputSchema.GetRawText().Length)
            + request.Messages.SelectMany(message => message.Blocks).Sum(Characters);
        return new(Tokens(characters), Tokens(replyCharacters));
    }

    private static int Tokens(long characters) => (int)Math.Min(int.MaxValue, (characters + 3) / 4);

    private static long Characters(Block block) => block switch
    {
        Block.Text text => text.Value.Length,
        Block.Reasoning reasoning => reasoning.Value.Length,
        Block.ToolUse use => use.Name.Length + (use.RawInput ?? use.Input.GetRawText()).Length,
        Block.ToolResult result => result.Content.Sum(Characters),
        Block.RedactedReasoning redacted => redacted.Value.Length,
        Block.Image image => image.Bytes.Length,
        Block.Citation citation => citation.Quote?.Length ?? 0,
        _ => 0,
    };

    private static long Characters(ToolContent content) => content switch
    {
        ToolContent.Text text => text.Value.Length,
        ToolContent.Json json => json.Value.GetRawText().Length,
        ToolContent.Image image => image.Bytes.Length,
        _ => 0,
    };
}
