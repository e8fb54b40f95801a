using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Bedrock;

/// <summary>Writes a conversation as a ConverseStream request. Pure.</summary>
internal static class BedrockRequest
{
    /// <summary>Parameters that callers cannot replace.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["messages", "toolConfig", "modelId", "stream", "tools", "model"];

    /// <summary>State of a block that needs none but must be known as the provider's own.</summary>
    public static readonly JsonElement NoState = JsonElement.Parse("{}");

    private const int MaxIdLength = 64;
    private const string Result = "toolResult";
    private static readonly char[] IdSeparators = ['.', '/', ':'];

    private static readonly string[] Families =
    [
        "anthropic", "amazon", "ai21", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshot", "moonshotai", "nvidia",
        "openai", "qwen", "stability", "twelvelabs", "writer", "zai",
    ];

    private static readonly string[] UncachedClaude = ["claude-v2", "claude-instant", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet", "claude-3-5-sonnet-20240620"];

    /// <summary>The request's body.</summary>
    public static ReadOnlyMemory<byte> Write(string modelId, ModelRequest request, bool caching) => RequestJson.Write(json =>
    {
        var family = Family(modelId);
        var cache = caching && Caches(modelId, family);
        json.WriteStartObject();
        WriteMessages(json, modelId, request, cache);
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        if (WriteSystem(json, request.System, cache))
        {
            ours.Add("system");
        }

        WriteTools(json, request.Tools, cache && family == "anthropic");
        if (WriteInference(json, request.Parameters))
        {
            ours.Add("inferenceConfig");
        }

        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    });

    /// <summary>State of a tool that the provider ran: its own result, which has to follow the call when it goes back.</summary>
    public static JsonElement StateOf(string status, byte[] contents)
    {
        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteStartObject(Result);
            if (status.Length > 0)
            {
                json.WriteString("status", status);
            }

            json.WritePropertyName("content");
            json.WriteRawValue([(byte)'[', .. contents, (byte)']']);
            json.WriteEndObject();
            json.WriteEndObject();
        });
        return JsonElement.Parse(body.Span, new JsonDocumentOptions { MaxDepth = 2 * Contracts.BelayJson.MaxDepth });
    }

    /// <summary>Who made the model: the part of the id that names a maker, else the whole id, which is then its own family.</summary>
    public static string Family(string modelId) =>
        modelId.Split(IdSeparators).FirstOrDefault(part => Families.Contains(part)) ?? modelId;

    private static bool Caches(string modelId, string family) => family switch
    {
        "anthropic" => !UncachedClaude.Any(name => modelId.Contains(name, StringComparison.Ordinal)),
        "amazon" => modelId.Contains("nova", StringComparison.Ordinal),
        _ => false,
    };

    private static bool WriteSystem(Utf8JsonWriter json, IReadOnlyList<string> system, bool cache)
    {
        var texts = system.Where(text => !string.IsNullOrWhiteSpace(text)).ToList();
        if (texts.Count == 0)
        {
            return false;
        }

        json.WriteStartArray("system");
        foreach (var text in texts)
        {
            WriteText(json, text);
        }

        WriteCachePoint(json, cache);
        json.WriteEndArray();
        return true;
    }

    private static void WriteTools(Utf8JsonWriter json, IReadOnlyList<Tools.ToolSpec> tools, bool cache)
    {
        if (tools.Count == 0)
        {
            return;
        }

        json.WriteStartObject("toolConfig");
        json.WriteStartArray("tools");
        foreach (var tool in tools)
        {
            json.WriteStartObject();
            json.WriteStartObject("toolSpec");
            json.WriteString("name", tool.Name);
            json.WriteString("description", string.IsNullOrEmpty(tool.Description) ? tool.Name : tool.Description);
            json.WriteStartObject("inputSchema");
            json.WritePropertyName("json");
            tool.InputSchema.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        WriteCachePoint(json, cache);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The caller's own members, such as stop sequences, stay; the explicit parameters win.</summary>
    private static bool WriteInference(Utf8JsonWriter json, ModelParameters parameters)
    {
        const string Name = "inferenceConfig";
        if (parameters is { MaxTokens: null, Temperature: null, TopP: null })
        {
            return false;
        }

        var ours = new HashSet<string>(StringComparer.Ordinal);
        json.WriteStartObject(Name);
        WriteNumber(json, ours, "maxTokens", parameters.MaxTokens);
        WriteNumber(json, ours, "temperature", parameters.Temperature);
        WriteNumber(json, ours, "topP", parameters.TopP);
        if (parameters.Additional is { ValueKind: JsonValueKind.Object } additional && additional.TryGetProperty(Name, out var theirs))
        {
            RequestJson.WriteAdditional(json, theirs, ours);
        }

        json.WriteEndObject();
        return true;
    }

    private static void WriteNumber(Utf8JsonWriter json, HashSet<string> ours, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, (decimal)number);
            ours.Add(name);
        }
    }

    private static void WriteMessages(Utf8JsonWriter json, string modelId, ModelRequest request, bool cache)
    {
        var context = new Context(modelId, Family(modelId), ToolsKnown: request.Tools.Count > 0);
        // Dropping blocks can empty a message and make its neighbours meet, so it comes before merging.
        var messages = RequestJson.Merge([.. request.Messages.Select(message => message with { Blocks = Order(message, context) })]);
        var lastUser = messages.Count - 1;
        while (lastUser >= 0 && messages[lastUser].Role is not HarnessConversationRole.User)
        {
            lastUser--;
        }

        json.WriteStartArray("messages");
        for (var i = 0; i < messages.Count; i++)
        {
            var user = messages[i].Role is HarnessConversationRole.User;
            json.WriteStartObject();
            json.WriteString("role", user ? "user" : "assistant");
            json.WriteStartArray("content");
            // Results answer the message before and must come first, also after merging.
            var blocks = user ? messages[i].Blocks.OrderBy(block => block is Block.ToolResult ? 0 : 1) : messages[i].Blocks.AsEnumerable();
            foreach (var block in blocks)
            {
                WriteBlock(json, block, context);
            }

            WriteCachePoint(json, cache && i == lastUser);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static List<Block> Order(Message message, Context context) =>
        [.. message.Blocks.Where(block => IsKept(block, context))];

    private static bool IsKept(Block block, Context context) => block switch
    {
        Block.Text text => !string.IsNullOrWhiteSpace(text.Value),
        // Families do not read each other's reasoning, DeepSeek's takes none back, and Claude's insists on its signature.
        Block.Reasoning reasoning => context.Owns(block.State)
            && context.Family != "deepseek"
            && (context.Family != "anthropic" || reasoning.Signature is { Length: > 0 }),
        Block.RedactedReasoning => context.Owns(block.State) && context.Family != "deepseek",
        Block.ToolUse { Kind: HarnessToolUseType.ServerToolUse } => context.Owns(block.State) && block.State!.Value.TryGetProperty(Result, out _),
        Block.ToolUse or Block.ToolResult or Block.Image => true,
        Block.Citation => false,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static void WriteBlock(Utf8JsonWriter json, Block block, Context context)
    {
        switch (block)
        {
            case Block.Text text:
                WriteText(json, text.Value);
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
                WriteText(json, $"[called the tool {call.Name} with {call.Input.GetRawText()}]");
                break;
            case Block.ToolResult result when context.ToolsKnown:
                WriteResult(json, result, context);
                break;
            case Block.ToolResult result:
                WriteText(json, $"[the tool answered] {RequestJson.Flatten(result)}");
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
        json.WriteStartObject(Result);
        json.WriteString("toolUseId", id);
        foreach (var member in call.State!.Value.GetProperty(Result).EnumerateObject())
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
        json.WriteStartObject(Result);
        json.WriteString("toolUseId", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
        json.WriteStartArray("content");
        if (error && !takesStatus)
        {
            WriteText(json, "[error]");
        }

        var written = 0;
        foreach (var content in result.Content)
        {
            written += WriteContent(json, content);
        }

        if (written == 0)
        {
            WriteText(json, RequestJson.Empty);
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
                WriteText(json, text.Value);
                return 1;
            case ToolContent.Json { Value.ValueKind: JsonValueKind.Object } value:
                json.WriteStartObject();
                json.WritePropertyName("json");
                value.Value.WriteTo(json);
                json.WriteEndObject();
                return 1;
            case ToolContent.Json value:
                // The provider takes nothing but objects there.
                WriteText(json, value.Value.GetRawText());
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
            WriteText(json, RequestJson.Placeholder(mediaType, bytes));
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

    private static void WriteText(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    private static void WriteCachePoint(Utf8JsonWriter json, bool write)
    {
        if (!write)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("cachePoint");
        json.WriteString("type", "default");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private sealed record Context(string ModelId, string Family, bool ToolsKnown)
    {
        public bool Owns(ProviderState? state) =>
            state is { Provider: BedrockModel.ProviderName } && BedrockRequest.Family(state.ModelId) == Family;
    }
}
