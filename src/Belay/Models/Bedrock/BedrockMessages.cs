using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Bedrock;

/// <summary>Writes the messages of a ConverseStream request, neighbours of one role as one.</summary>
internal sealed class BedrockMessages(Utf8JsonWriter json, string modelId, bool toolsKnown, bool cache)
{
    private const int MaxIdLength = 64;
    private readonly Context _context = new(BedrockRequest.Family(modelId), toolsKnown);

    /// <summary>
    /// Writes the messages into the array that is open. Those that <paramref name="written"/> has are copied. Never kept are the last one
    /// written, which what comes next may still join, and one that holds the cache point, which moves on.
    /// </summary>
    public void Write(IReadOnlyList<Message> messages, WrittenMessages? written, RequestBuffer output)
    {
        var count = 0;
        var form = $"{BedrockModel.ProviderName}/{modelId}/{(toolsKnown ? "tools" : "")}/{(cache ? "cache" : "")}";
        var kept = written is null ? default : written.Find(form, messages, out count);
        if (!kept.IsEmpty)
        {
            // Several elements of the array at once; they were validated when they were written.
            json.WriteRawValue(kept, skipInputValidation: true);
        }

        var merged = Merge(messages, count);
        var lastUser = cache ? merged.FindLastIndex(one => one.Role is HarnessConversationRole.User) : -1;
        var notKept = lastUser >= 0 ? lastUser : merged.Count - 1;
        var begin = Position;
        var end = begin;
        for (var i = 0; i < merged.Count; i++)
        {
            end = i == notKept ? Position : end;
            Write(merged[i], cachePoint: i == lastUser);
        }

        json.Flush();
        if (written is not null && notKept >= 0 && merged[notKept].First > count)
        {
            var added = output.Written[begin..end];
            written.Add(messages, merged[notKept].First, kept.IsEmpty && added is [(byte)',', ..] ? added[1..] : added);
        }
    }

    private int Position => (int)(json.BytesCommitted + json.BytesPending);

    private List<Merged> Merge(IReadOnlyList<Message> messages, int from)
    {
        var merged = new List<Merged>();
        for (var i = from; i < messages.Count; i++)
        {
            // Dropping blocks can empty a message and make its neighbours meet, so it comes before merging.
            foreach (var block in messages[i].Blocks)
            {
                if (!IsKept(block, _context))
                {
                    continue;
                }

                if (merged.Count == 0 || merged[^1].Role != messages[i].Role)
                {
                    merged.Add(new(i, messages[i].Role, []));
                }

                merged[^1].Blocks.Add(block);
            }
        }

        return merged;
    }

    private void Write(Merged message, bool cachePoint)
    {
        var user = message.Role is HarnessConversationRole.User;
        json.WriteStartObject();
        json.WriteString("role", user ? "user" : "assistant");
        json.WriteStartArray("content");
        // Results answer the message before and must come first, also after merging.
        foreach (var block in user ? message.Blocks.OrderBy(block => block is Block.ToolResult ? 0 : 1) : message.Blocks.AsEnumerable())
        {
            WriteBlock(json, block, _context);
        }

        BedrockRequest.WriteCachePoint(json, cachePoint);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static bool IsKept(Block block, Context context) => block switch
    {
        Block.Text text => !string.IsNullOrWhiteSpace(text.Value),
        // Families do not read each other's reasoning, DeepSeek's takes none back, and Claude's insists on its signature.
        Block.Reasoning reasoning => context.Owns(block.State)
            && context.Family != "deepseek"
            && (context.Family != "anthropic" || reasoning.Signature is { Length: > 0 }),
        Block.RedactedReasoning => context.Owns(block.State) && context.Family != "deepseek",
        Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } => context.Owns(block.State) && block.State!.Value.TryGetProperty(BedrockRequest.Result, out _),
        Block.ToolUse or Block.ToolResult or Block.Image => true,
        Block.Citation => false,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static void WriteBlock(Utf8JsonWriter json, Block block, Context context)
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
                WriteImage(json, image.MediaType, image.Bytes);
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
                WriteImage(json, image.MediaType, image.Bytes);
                return 1;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static void WriteImage(Utf8JsonWriter json, string mediaType, byte[] bytes)
    {
        var format = mediaType switch
        {
            "image/png" => "png",
            "image/jpeg" or "image/jpg" => "jpeg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => null,
        };
        if (format is null || bytes.Length == 0)
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

    /// <summary>Messages that became one.</summary>
    /// <param name="First">Index of the first of them that has anything to say.</param>
    /// <param name="Role">Who speaks.</param>
    /// <param name="Blocks">What is said.</param>
    private sealed record Merged(int First, HarnessConversationRole Role, List<Block> Blocks);

    private sealed record Context(string Family, bool ToolsKnown)
    {
        public bool Owns(ProviderState? state) =>
            state is { Provider: BedrockModel.ProviderName } && BedrockRequest.Family(state.ModelId) == Family;
    }
}
