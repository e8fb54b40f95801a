using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Belay.Agents;

namespace Belay.Sessions;

/// <summary>How many bytes of content parts of entries have. Pure.</summary>
internal static class EntrySizes
{
    public static long Of(JsonElement value) => value.ValueKind == JsonValueKind.Undefined ? 0 : JsonMarshal.GetRawUtf8Value(value).Length;

    public static long Of(Message? message) => message?.Blocks.Sum(Of) ?? 0;

    public static long Of(Block.ToolResult result) => result.Content.Sum(content => content switch
    {
        ToolContent.Text text => Bytes(text.Value),
        ToolContent.Json json => Of(json.Value),
        ToolContent.Image image => image.Bytes.Length,
        _ => throw new UnreachableException(),
    });

    /// <summary>The text of a tool's answer, for a line about its failure.</summary>
    public static string TextOf(Block.ToolResult result) => OneLine.Of(string.Join(' ', result.Content.OfType<ToolContent.Text>().Select(text => text.Value)));

    private static long Of(Block block) => block switch
    {
        Block.Text text => Bytes(text.Value),
        Block.Reasoning reasoning => Bytes(reasoning.Value),
        Block.RedactedReasoning redacted => redacted.Value.Length,
        Block.ToolUse use => use.RawInput is { } raw ? Bytes(raw) : Of(use.Input),
        Block.ToolResult result => Of(result),
        Block.Image image => image.Bytes.Length,
        Block.Citation citation => Bytes(citation.Quote ?? ""),
        _ => throw new UnreachableException(),
    };

    private static long Bytes(string text) => Encoding.UTF8.GetByteCount(text);
}
