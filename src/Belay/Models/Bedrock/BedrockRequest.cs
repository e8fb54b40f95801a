using System.Text.Json;
using Belay.Tools.Schemas;

namespace Belay.Models.Bedrock;

/// <summary>Writes a conversation as a ConverseStream request. Pure.</summary>
internal static class BedrockRequest
{
    /// <summary>Parameters that callers cannot replace.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["messages", "toolConfig", "modelId", "stream", "tools", "model"];

    /// <summary>State of a block that needs none but must be known as the provider's own.</summary>
    public static readonly JsonElement NoState = JsonElement.Parse("{}");

    /// <summary>The member that holds a tool's answer, in messages and in what the provider wants back of tools that it ran itself.</summary>
    public const string Result = "toolResult";

    /// <summary>The family of models that read a tool's schema without references and with a bare root.</summary>
    public const string Nova = "amazon";

    private static readonly char[] IdSeparators = ['.', '/', ':'];

    private static readonly string[] Families =
    [
        "anthropic", "amazon", "ai21", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshot", "moonshotai", "nvidia",
        "openai", "qwen", "stability", "twelvelabs", "writer", "zai",
    ];

    private static readonly string[] UncachedClaude = ["claude-v2", "claude-instant", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet", "claude-3-5-sonnet-20240620"];

    /// <summary>Writes the request's body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="modelId">Model id or ARN.</param>
    /// <param name="request">What to ask.</param>
    /// <param name="caching">Whether the provider may be asked to keep what it has read, where the model can.</param>
    public static void Write(RequestBuffer output, string modelId, ModelRequest request, bool caching)
    {
        using var json = new Utf8JsonWriter(output, RequestJson.Options);
        var family = Family(modelId);
        var cache = caching && Caches(modelId, family);
        json.WriteStartObject();
        json.WriteStartArray("messages");
        new BedrockMessages(json, modelId, toolsKnown: request.Tools.Count > 0, cache).Write(request.Messages, request.Written, output);
        json.WriteEndArray();
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        if (WriteSystem(json, request.System, cache))
        {
            ours.Add("system");
        }

        WriteTools(json, request.Tools, inlined: family == Nova, cache && family == "anthropic");
        if (WriteInference(json, request.Parameters))
        {
            ours.Add("inferenceConfig");
        }

        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    }

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

    private static void WriteTools(Utf8JsonWriter json, IReadOnlyList<Tools.ToolSpec> tools, bool inlined, bool cache)
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
            if (inlined && InlinedSchema.Problem(tool.InputSchema) is null)
            {
                InlinedSchema.Write(json, tool.InputSchema);
            }
            else
            {
                tool.InputSchema.WriteTo(json);
            }

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
        RequestJson.WriteNumber(json, ours, "maxTokens", parameters.MaxTokens);
        RequestJson.WriteNumber(json, ours, "temperature", parameters.Temperature);
        RequestJson.WriteNumber(json, ours, "topP", parameters.TopP);
        if (parameters.Additional is { ValueKind: JsonValueKind.Object } additional && additional.TryGetProperty(Name, out var theirs))
        {
            RequestJson.WriteAdditional(json, theirs, ours);
        }

        json.WriteEndObject();
        return true;
    }

    /// <summary>Writes a block of text.</summary>
    public static void WriteText(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    /// <summary>Writes the mark up to which the provider may keep what it has read.</summary>
    public static void WriteCachePoint(Utf8JsonWriter json, bool write)
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
}
