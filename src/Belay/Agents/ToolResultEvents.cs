using System.Text;
using System.Text.Json;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>A tool's answer as events of the wire.</summary>
public static class ToolResultEvents
{
    // A complete JSON item must fit a frame; a larger one travels as the text of its JSON.
    private const int LargestJson = 100 * 1024;

    /// <summary>The events of one block.</summary>
    public static IEnumerable<InvocationEvent> Of(Block.ToolResult result, int index)
    {
        yield return new HarnessContentBlockStartEvent
        {
            ContentBlockIndex = index,
            Start = new() { ToolResult = new() { ToolUseId = result.ToolUseId, Status = result.Status } },
        };
        foreach (var content in result.Content)
        {
            if (content is ToolContent.Json json && FitsFrame(json.Value))
            {
                yield return Delta(index, new() { ToolResult = [new() { Json = json.Value }] });
                continue;
            }

            foreach (var piece in Utf8Pieces.Split(TextOf(content)))
            {
                yield return Delta(index, new() { ToolResult = [new() { Text = piece }] });
            }
        }

        if (result.Metadata is { } metadata)
        {
            foreach (var piece in Utf8Pieces.Split(metadata.GetRawText()))
            {
                yield return Delta(index, new() { ToolResultMetadata = new() { Metadata = piece } });
            }
        }

        yield return new HarnessContentBlockStopEvent { ContentBlockIndex = index };
    }

    private static bool FitsFrame(JsonElement json) => Encoding.UTF8.GetByteCount(json.GetRawText()) <= LargestJson;

    private static string TextOf(ToolContent content) => content switch
    {
        ToolContent.Text text => text.Value,
        ToolContent.Json json => json.Value.GetRawText(),
        ToolContent.Image image => $"[image {image.MediaType}, {image.Bytes.Length} bytes]",
        _ => string.Empty,
    };

    private static HarnessContentBlockDeltaEvent Delta(int index, HarnessContentBlockDelta delta) => new() { ContentBlockIndex = index, Delta = delta };
}
