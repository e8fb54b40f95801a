using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models.Bedrock;

namespace Belay.Models.Anthropic;

/// <summary>Writes the messages of a Messages request.</summary>
internal sealed class AnthropicMessages(Utf8JsonWriter json, string modelId, bool toolsKnown, int cachePoints)
    : MergedMessages(json, $"{AnthropicModel.ProviderName}/{modelId}/{(toolsKnown ? "tools" : "")}/{cachePoints}", cachePoints)
{
    private const int MaxIdLength = 64;
    private readonly string _family = AnthropicRequest.Family(modelId);
    private readonly bool _toolsKnown = toolsKnown;

    /// <inheritdoc/>
    protected override bool IsKept(Block block) => block switch
    {
        // The provider refuses text that shows nothing.
        Block.Text text => !string.IsNullOrWhiteSpace(text.Value),
        Block.Reasoning reasoning => reasoning.Signature is { Length: > 0 } && Owns(block.State),
        Block.RedactedReasoning redacted => redacted.Value.Length > 0 && Owns(block.State),
        Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } => block.State is { Provider: AnthropicModel.ProviderName } state
            && Owns(state)
            && state.Value.ValueKind is JsonValueKind.Object
            && state.Value.TryGetProperty(AnthropicRequest.Call, out _)
            && state.Value.TryGetProperty(AnthropicRequest.Result, out _),
        Block.ToolUse or Block.ToolResult or Block.Image => true,
        Block.Citation => false,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <inheritdoc/>
    protected override void WriteContent(IReadOnlyList<Block> blocks, bool user, bool cachePoint)
    {
        for (var i = 0; i < blocks.Count; i++)
        {
            Write(blocks[i], user, cachePoint && i == blocks.Count - 1);
        }
    }

    /// <summary>Claude signs alike wherever it is served, so that what Bedrock's said goes back too.</summary>
    private bool Owns(ProviderState? state) =>
        state is { Provider: AnthropicModel.ProviderName or BedrockModel.ProviderName } && AnthropicRequest.Family(state.ModelId) == _family;

    private void Write(Block block, bool user, bool cachePoint)
    {
        switch (block)
        {
            case Block.Text text:
                AnthropicRequest.WriteText(Json, text.Value, cachePoint);
                break;
            case Block.Reasoning reasoning:
                Json.WriteStartObject();
                Json.WriteString("type", "thinking");
                Json.WriteString("thinking", reasoning.Value);
                Json.WriteString("signature", reasoning.Signature);
                Json.WriteEndObject();
                break;
            case Block.RedactedReasoning redacted:
                WriteRedacted(redacted);
                break;
            case Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } call:
                call.State!.Value.GetProperty(AnthropicRequest.Call).WriteTo(Json);
                call.State.Value.GetProperty(AnthropicRequest.Result).WriteTo(Json);
                break;
            case Block.ToolUse call when _toolsKnown:
                WriteCall(call);
                break;
            case Block.ToolUse call:
                // A request without tools may not hold calls; what happened is told in words.
                AnthropicRequest.WriteText(Json, $"[called the tool {call.Name} with {call.Input.GetRawText()}]", cachePoint);
                break;
            case Block.ToolResult result when _toolsKnown:
                WriteResult(result, cachePoint);
                break;
            case Block.ToolResult result:
                AnthropicRequest.WriteText(Json, $"[the tool answered] {RequestJson.Flatten(result)}", cachePoint);
                break;
            case Block.Image image:
                // The model's own images cannot go back to it as such.
                WriteImage(image.MediaType, image.Bytes, shown: user, cachePoint);
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    /// <summary>What this provider gave is the text that it wants back; what Bedrock gave are the bytes that its text stood for.</summary>
    private void WriteRedacted(Block.RedactedReasoning redacted)
    {
        Json.WriteStartObject();
        Json.WriteString("type", "redacted_thinking");
        if (redacted.State!.Provider == AnthropicModel.ProviderName)
        {
            Json.WriteString("data", Encoding.UTF8.GetString(redacted.Value));
        }
        else
        {
            Json.WriteBase64String("data", redacted.Value);
        }

        Json.WriteEndObject();
    }

    private void WriteCall(Block.ToolUse call)
    {
        Json.WriteStartObject();
        Json.WriteString("type", "tool_use");
        Json.WriteString("id", ToolUseId.Fit(call.Id, MaxIdLength));
        Json.WriteString("name", ToolUseId.Fit(call.Name, MaxIdLength));
        Json.WritePropertyName("input");
        RequestJson.WriteArguments(Json, call.Input);
        Json.WriteEndObject();
    }

    private void WriteResult(Block.ToolResult result, bool cachePoint)
    {
        var error = result.Status is HarnessToolUseStatus.Error;
        Json.WriteStartObject();
        Json.WriteString("type", "tool_result");
        Json.WriteString("tool_use_id", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
        Json.WriteStartArray("content");
        var written = 0;
        foreach (var content in result.Content)
        {
            written += Write(content, error);
        }

        if (written == 0)
        {
            AnthropicRequest.WriteText(Json, RequestJson.Empty, cachePoint: false);
        }

        Json.WriteEndArray();
        if (error)
        {
            Json.WriteBoolean("is_error", true);
        }

        AnthropicRequest.WriteCachePoint(Json, cachePoint);
        Json.WriteEndObject();
    }

    private int Write(ToolContent content, bool error)
    {
        switch (content)
        {
            case ToolContent.Text text when string.IsNullOrWhiteSpace(text.Value):
                return 0;
            case ToolContent.Text text:
                AnthropicRequest.WriteText(Json, text.Value, cachePoint: false);
                return 1;
            case ToolContent.Json value:
                AnthropicRequest.WriteText(Json, value.Value.GetRawText(), cachePoint: false);
                return 1;
            case ToolContent.Image image:
                // The provider takes nothing but text with an error.
                WriteImage(image.MediaType, image.Bytes, shown: !error, cachePoint: false);
                return 1;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private void WriteImage(string mediaType, byte[] bytes, bool shown, bool cachePoint)
    {
        var known = mediaType switch
        {
            "image/png" or "image/jpeg" or "image/gif" or "image/webp" => mediaType,
            "image/jpg" => "image/jpeg",
            _ => null,
        };
        if (known is null || bytes.Length == 0 || !shown)
        {
            AnthropicRequest.WriteText(Json, RequestJson.Placeholder(mediaType, bytes), cachePoint);
            return;
        }

        Json.WriteStartObject();
        Json.WriteString("type", "image");
        Json.WriteStartObject("source");
        Json.WriteString("type", "base64");
        Json.WriteString("media_type", known);
        Json.WriteBase64String("data", bytes);
        Json.WriteEndObject();
        AnthropicRequest.WriteCachePoint(Json, cachePoint);
        Json.WriteEndObject();
    }
}
