using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Bedrock;

/// <summary>Writes the messages of a ConverseStream request.</summary>
internal sealed class BedrockMessages(Utf8JsonWriter json, string modelId, bool toolsKnown, bool cache)
    : MergedMessages(json, $"{BedrockModel.ProviderName}/{modelId}/{(toolsKnown ? "tools" : "")}/{(cache ? "cache" : "")}", cache ? 2 : 0)
{
    private const int MaxIdLength = 64;
    private readonly Context _context = new(BedrockRequest.Family(modelId), toolsKnown);

    /// <inheritdoc/>
    protected override void WriteContent(IReadOnlyList<Block> blocks, bool user, bool cachePoint)
    {
        foreach (var block in blocks)
        {
            WriteBlock(Json, block, user, _context);
        }

        BedrockRequest.WriteCachePoint(Json, cachePoint);
    }

    /// <inheritdoc/>
    protected override bool IsKept(Block block) => IsKept(block, _context);

    private static bool IsKept(Block block, Context context) => block switch
    {
        Block.Text text => !string.IsNullOrWhiteSpace(text.Value),
        // Families do not read each other's reasoning, DeepSeek's takes none back, and Claude's insists on its signature. What a model reasoned
        // over Bedrock's other protocols may have come without words.
        Block.Reasoning reasoning => context.Owns(block.State)
            && context.Family != "deepseek"
            && (reasoning.Signature is { Length: > 0 } || (context.Family != "anthropic" && reasoning.Value.Length > 0)),
        Block.RedactedReasoning => context.Owns(block.State) && context.Family != "deepseek",
        Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } => context.Owns(block.State)
            && block.State!.Value is { ValueKind: JsonValueKind.Object } state
            && state.TryGetProperty(BedrockRequest.Result, out var result)
            && result.ValueKind is JsonValueKind.Object,
        Block.ToolUse or Block.ToolResult or Block.Image => true,
        Block.Citation => false,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static void WriteBlock(Utf8JsonWriter json, Block block, bool user, Context context)
    {
        switch (block)
        {
            case Block.Text text:
                BedrockRequest.WriteText(json, text.Value);
                break;
            case Block.Reasoning reasoning:
                json.WriteStartObject();
                json.WriteStartObject("reasoningContent");
                json.WriteStartObject("reasoningText");
                json.WriteString("text", reasoning.Value);
                if (reasoning.Signature is { Length: > 0 } signature)
                {
                    json.WriteString("signature", signature);
                }

                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case Block.RedactedReasoning redacted:
                json.WriteStartObject();
                json.WriteStartObject("reasoningContent");
                json.WriteBase64String("redactedContent", redacted.Value);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case Block.ToolUse call when context.ToolsKnown:
                WriteCall(json, call);
                break;
            case Block.ToolUse call:
                // A request without tools may not hold calls; what happened is told in words.
                BedrockRequest.WriteText(json, $"[called the tool {call.Name} with {call.Input.GetRawText()}]");
                break;
            case Block.ToolResult result when context.ToolsKnown:
                WriteResult(json, result, context);
                break;
            case Block.ToolResult result:
                BedrockRequest.WriteText(json, $"[the tool answered] {RequestJson.Flatten(result)}");
                break;
            case Block.Image image:
                // The model's own images cannot go back to it as such.
                WriteImage(json, image.MediaType, image.Bytes, shown: user);
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static void WriteCall(Utf8JsonWriter json, Block.ToolUse call)
    {
        var id = ToolUseId.Fit(call.Id, MaxIdLength);
        var server = call.Kind is HarnessToolUseType.ServerToolUse;
        json.WriteStartObject();
        json.WriteStartObject("toolUse");
        json.WriteString("toolUseId", id);
        json.WriteString("name", ToolUseId.Fit(call.Name, MaxIdLength));
        json.WritePropertyName("input");
        RequestJson.WriteArguments(json, call.Input);
        if (server)
        {
            json.WriteString("type", "server_tool_use");
        }

        json.WriteEndObject();
        json.WriteEndObject();
        if (!server)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject(BedrockRequest.Result);
        json.WriteString("toolUseId", id);
        foreach (var member in call.State!.Value.GetProperty(BedrockRequest.Result).EnumerateObject())
        {
            member.WriteTo(json);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, Block.ToolResult result, Context context)
    {
        // Only Claude's families take the status; the others read it in the text.
        var takesStatus = context.Family == "anthropic";
        var error = result.Status is HarnessToolUseStatus.Error;
        json.WriteStartObject();
        json.WriteStartObject(BedrockRequest.Result);
        json.WriteString("toolUseId", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
        json.WriteStartArray("content");
        if (error && !takesStatus)
        {
            BedrockRequest.WriteText(json, "[error]");
        }

        var written = 0;
        foreach (var content in result.Content)
        {
            written += WriteContent(json, content);
        }

        if (written == 0)
        {
            BedrockRequest.WriteText(json, RequestJson.Empty);
        }

        json.WriteEndArray();
        if (takesStatus)
        {
            json.WriteString("status", error ? "error" : "success");
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static int WriteContent(Utf8JsonWriter json, ToolContent content)
    {
        switch (content)
        {
            case ToolContent.Text text when string.IsNullOrWhiteSpace(text.Value):
                return 0;
            case ToolContent.Text text:
                BedrockRequest.WriteText(json, text.Value);
                return 1;
            case ToolContent.Json { Value.ValueKind: JsonValueKind.Object } value:
                json.WriteStartObject();
                json.WritePropertyName("json");
                value.Value.WriteTo(json);
                json.WriteEndObject();
                return 1;
            case ToolContent.Json value:
                // The provider takes nothing but objects there.
                BedrockRequest.WriteText(json, value.Value.GetRawText());
                return 1;
            case ToolContent.Image image:
                WriteImage(json, image.MediaType, image.Bytes, shown: true);
                return 1;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static void WriteImage(Utf8JsonWriter json, string mediaType, byte[] bytes, bool shown)
    {
        var format = mediaType switch
        {
            "image/png" => "png",
            "image/jpeg" or "image/jpg" => "jpeg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => null,
        };
        if (format is null || bytes.Length == 0 || !shown)
        {
            BedrockRequest.WriteText(json, RequestJson.Placeholder(mediaType, bytes));
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("image");
        json.WriteString("format", format);
        json.WriteStartObject("source");
        json.WriteBase64String("bytes", bytes);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private sealed record Context(string Family, bool ToolsKnown)
    {
        public bool Owns(ProviderState? state) =>
            state is { Provider: BedrockModel.ProviderName } && BedrockRequest.Family(state.ModelId) == Family;
    }
}
