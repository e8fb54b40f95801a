using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.OpenAi;

/// <summary>Writes a conversation as a chat-completions request. Pure.</summary>
internal static class OpenAiRequest
{
    /// <summary>Parameters that callers cannot replace.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["messages", "tools", "stream", "model", "n"];

    // The public endpoint refuses longer ids of tool calls.
    private const int MaxIdLength = 40;
    private const string ExtraContent = "extra_content";

    /// <summary>The request's body.</summary>
    /// <param name="modelId">Model id as the provider knows it.</param>
    /// <param name="maxTokensName"><c>max_tokens</c>, or <c>max_completion_tokens</c> for OpenAI itself.</param>
    /// <param name="request">What to ask.</param>
    public static ReadOnlyMemory<byte> Write(string modelId, string maxTokensName, ModelRequest request) => RequestJson.Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("model", modelId);
        WriteMessages(json, modelId, request);
        WriteTools(json, request.Tools);
        json.WriteBoolean("stream", true);
        var ours = WriteParameters(json, maxTokensName, request.Parameters);
        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    });

    /// <summary>Provider state for a tool call's extra content, such as the signature of the thought behind it.</summary>
    public static JsonElement StateOf(JsonElement extraContent)
    {
        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName(ExtraContent);
            extraContent.WriteTo(json);
            json.WriteEndObject();
        });
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 2 * Contracts.BelayJson.MaxDepth });
        return JsonElement.ParseValue(ref reader);
    }

    private static HashSet<string> WriteParameters(Utf8JsonWriter json, string maxTokensName, ModelParameters parameters)
    {
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        WriteNumber(json, ours, maxTokensName, parameters.MaxTokens);
        WriteNumber(json, ours, "temperature", parameters.Temperature);
        WriteNumber(json, ours, "top_p", parameters.TopP);
        // A caller whose server knows no stream_options says null; whoever gives other options knows why.
        const string StreamOptions = "stream_options";
        if (parameters.Additional is { ValueKind: JsonValueKind.Object } additional && additional.TryGetProperty(StreamOptions, out var options))
        {
            if (options.ValueKind is JsonValueKind.Null)
            {
                ours.Add(StreamOptions);
            }

            return ours;
        }

        json.WriteStartObject(StreamOptions);
        json.WriteBoolean("include_usage", true);
        json.WriteEndObject();
        return ours;
    }

    private static void WriteNumber(Utf8JsonWriter json, HashSet<string> ours, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, (decimal)number);
            ours.Add(name);
        }
    }

    private static void WriteTools(Utf8JsonWriter json, IReadOnlyList<Tools.ToolSpec> tools)
    {
        if (tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var tool in tools)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", tool.Name);
            json.WriteString("description", tool.Description);
            json.WritePropertyName("parameters");
            tool.InputSchema.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMessages(Utf8JsonWriter json, string modelId, ModelRequest request)
    {
        json.WriteStartArray("messages");
        var system = string.Join('\n', request.System.Where(text => text.Length > 0));
        if (system.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", system);
            json.WriteEndObject();
        }

        // Dropping blocks can empty a message and make its neighbours meet, so it comes before merging.
        foreach (var message in RequestJson.Merge([.. request.Messages.Select(message => message with { Blocks = [.. message.Blocks.Where(IsKept)] })]))
        {
            if (message.Role is HarnessConversationRole.Assistant)
            {
                WriteAssistant(json, modelId, message.Blocks);
            }
            else
            {
                WriteUser(json, message.Blocks);
            }
        }

        json.WriteEndArray();
    }

    /// <summary>Reasoning, citations and tools that another provider ran itself have no place in this protocol.</summary>
    private static bool IsKept(Block block) => block switch
    {
        Block.Text text => text.Value.Length > 0,
        Block.Reasoning or Block.RedactedReasoning or Block.Citation => false,
        Block.ToolUse call => call.Kind is not HarnessToolUseType.ServerToolUse,
        Block.ToolResult or Block.Image => true,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static void WriteAssistant(Utf8JsonWriter json, string modelId, IReadOnlyList<Block> blocks)
    {
        var text = string.Concat(blocks.Select(block => block switch
        {
            Block.Text part => part.Value,
            Block.Image image => RequestJson.Placeholder(image.MediaType, image.Bytes),
            _ => "",
        }));
        var calls = blocks.OfType<Block.ToolUse>().ToList();
        json.WriteStartObject();
        json.WriteString("role", "assistant");
        if (text.Length > 0)
        {
            json.WriteString("content", text);
        }
        else
        {
            json.WriteNull("content");
        }

        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                WriteCall(json, modelId, call);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter json, string modelId, Block.ToolUse call)
    {
        json.WriteStartObject();
        json.WriteString("id", ToolUseId.Fit(call.Id, MaxIdLength));
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", call.Name);
        json.WriteString("arguments", call.Input.ValueKind is JsonValueKind.Object ? call.Input.GetRawText() : "{}");
        json.WriteEndObject();
        if (call.State is { Provider: OpenAiModel.ProviderName } state
            && state.ModelId == modelId
            && state.Value.ValueKind is JsonValueKind.Object
            && state.Value.TryGetProperty(ExtraContent, out var extra))
        {
            json.WritePropertyName(ExtraContent);
            extra.WriteTo(json);
        }

        json.WriteEndObject();
    }

    /// <summary>Results first, each a message of its own; then what the user says, with the images that the results had.</summary>
    private static void WriteUser(Utf8JsonWriter json, IReadOnlyList<Block> blocks)
    {
        var images = new List<(string MediaType, byte[] Bytes)>();
        foreach (var result in blocks.OfType<Block.ToolResult>())
        {
            json.WriteStartObject();
            json.WriteString("role", "tool");
            json.WriteString("tool_call_id", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
            json.WriteString("content", RequestJson.Flatten(result, images: false));
            json.WriteEndObject();
            images.AddRange(result.Content.OfType<ToolContent.Image>().Select(image => (image.MediaType, image.Bytes)));
        }

        images.AddRange(blocks.OfType<Block.Image>().Select(image => (image.MediaType, image.Bytes)));
        var text = string.Join('\n', blocks.OfType<Block.Text>().Select(block => block.Value));
        if (images.Count == 0 && text.Length == 0)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("role", "user");
        if (images.Count == 0)
        {
            // A plain string is what every compatible server takes.
            json.WriteString("content", text);
            json.WriteEndObject();
            return;
        }

        json.WriteStartArray("content");
        if (text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        foreach (var (mediaType, bytes) in images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", $"data:{mediaType};base64,{Convert.ToBase64String(bytes)}");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
