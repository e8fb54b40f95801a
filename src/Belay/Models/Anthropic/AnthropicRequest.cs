using System.Text.Json;

namespace Belay.Models.Anthropic;

/// <summary>Writes a conversation as a Messages request. Pure.</summary>
internal static class AnthropicRequest
{
    /// <summary>Output tokens of a call whose harness sets no limit; the protocol insists on one.</summary>
    public const int DefaultMaxTokens = 8192;

    /// <summary>Parameters that callers cannot replace.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["messages", "tools", "stream", "model"];

    /// <summary>The member of a block's state that holds the call of a tool that the provider ran itself.</summary>
    public const string Call = "call";

    /// <summary>The member of a block's state that holds that tool's result.</summary>
    public const string Result = "result";

    /// <summary>State of a block that needs none but must be known as the provider's own.</summary>
    public static readonly JsonElement NoState = JsonElement.Parse("{}");

    private const string MaxTokens = "max_tokens";
    private const string CacheControl = "cache_control";

    /// <summary>Writes the request's body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="modelId">Model id as the provider knows it.</param>
    /// <param name="request">What to ask.</param>
    /// <param name="caching">Whether the provider is asked to keep what it has read.</param>
    public static void Write(RequestBuffer output, string modelId, ModelRequest request, bool caching)
    {
        using var json = new Utf8JsonWriter(output, RequestJson.Options);
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        json.WriteStartObject();
        json.WriteString("model", modelId);
        json.WriteStartArray("messages");
        new AnthropicMessages(json, modelId, toolsKnown: request.Tools.Count > 0, CachePoints(request, caching)).Write(request.Messages, request.Written, output);
        json.WriteEndArray();
        if (WriteSystem(json, request.System, caching))
        {
            ours.Add("system");
        }

        WriteTools(json, request.Tools, caching);
        json.WriteBoolean("stream", true);
        WriteParameters(json, ours, request.Parameters);
        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    }

    /// <summary>State of a tool that the provider ran itself: both blocks as they came, with the arguments that came in pieces.</summary>
    public static JsonElement StateOf(JsonElement call, JsonElement input, JsonElement result)
    {
        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteStartObject(Call);
            RequestJson.WriteAdditional(json, call, new HashSet<string>(StringComparer.Ordinal) { "input" });
            json.WritePropertyName("input");
            input.WriteTo(json);
            json.WriteEndObject();
            json.WritePropertyName(Result);
            result.WriteTo(json);
            json.WriteEndObject();
        });
        return JsonElement.Parse(body.Span, new JsonDocumentOptions { MaxDepth = 2 * Contracts.BelayJson.MaxDepth });
    }

    /// <summary>
    /// Models whose reasoning means something to each other: all of Claude, wherever they are served, and any other model only itself.
    /// Signatures of one are good for the others of its family.
    /// </summary>
    public static string Family(string modelId) => modelId.Contains("claude", StringComparison.OrdinalIgnoreCase) ? "claude" : modelId;

    /// <summary>
    /// Cache points in the messages. The provider takes four in a request; tools and instructions have one each, and a caller may ask for the
    /// provider's automatic one.
    /// </summary>
    private static int CachePoints(ModelRequest request, bool caching) =>
        !caching ? 0 : request.Parameters.Additional is { ValueKind: JsonValueKind.Object } additional && additional.TryGetProperty(CacheControl, out _) ? 1 : 2;

    /// <summary>Writes a block of text.</summary>
    public static void WriteText(Utf8JsonWriter json, string text, bool cachePoint)
    {
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        WriteCachePoint(json, cachePoint);
        json.WriteEndObject();
    }

    /// <summary>Writes the mark, into the object that is open, that the provider may keep what it has read up to its end.</summary>
    public static void WriteCachePoint(Utf8JsonWriter json, bool write)
    {
        if (write)
        {
            json.WriteStartObject(CacheControl);
            json.WriteString("type", "ephemeral");
            json.WriteEndObject();
        }
    }

    private static bool WriteSystem(Utf8JsonWriter json, IReadOnlyList<string> system, bool cache)
    {
        var texts = system.Where(text => !string.IsNullOrWhiteSpace(text)).ToList();
        if (texts.Count == 0)
        {
            return false;
        }

        json.WriteStartArray("system");
        for (var i = 0; i < texts.Count; i++)
        {
            WriteText(json, texts[i], cache && i == texts.Count - 1);
        }

        json.WriteEndArray();
        return true;
    }

    private static void WriteTools(Utf8JsonWriter json, IReadOnlyList<Tools.ToolSpec> tools, bool cache)
    {
        if (tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        for (var i = 0; i < tools.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("name", tools[i].Name);
            if (!string.IsNullOrWhiteSpace(tools[i].Description))
            {
                json.WriteString("description", tools[i].Description);
            }

            json.WritePropertyName("input_schema");
            tools[i].InputSchema.WriteTo(json);
            WriteCachePoint(json, cache && i == tools.Count - 1);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteParameters(Utf8JsonWriter json, HashSet<string> ours, ModelParameters parameters)
    {
        RequestJson.WriteNumber(json, ours, MaxTokens, parameters.MaxTokens ?? Default(parameters.Additional));
        RequestJson.WriteNumber(json, ours, "temperature", parameters.Temperature);
        RequestJson.WriteNumber(json, ours, "top_p", parameters.TopP);
        RequestJson.WriteNumber(json, ours, "top_k", parameters.TopK);
    }

    /// <summary>The limit where the harness sets none; null where its additional parameters do. Reasoning counts into it, so a budget for
    /// reasoning comes on top.</summary>
    private static int? Default(JsonElement? parameters)
    {
        if (parameters is not { ValueKind: JsonValueKind.Object } additional)
        {
            return DefaultMaxTokens;
        }

        if (additional.TryGetProperty(MaxTokens, out _))
        {
            return null;
        }

        var budget = additional.TryGetProperty("thinking", out var thinking)
            && thinking.ValueKind is JsonValueKind.Object
            && thinking.TryGetProperty("budget_tokens", out var tokens)
            && tokens.ValueKind is JsonValueKind.Number
            && tokens.TryGetInt32(out var number)
                ? Math.Clamp(number, 0, int.MaxValue - DefaultMaxTokens)
                : 0;
        return DefaultMaxTokens + budget;
    }
}
