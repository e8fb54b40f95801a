using System.Text.Json;

namespace Belay.Models.OpenAi;

/// <summary>Writes a conversation as a chat-completions request. Pure.</summary>
internal static class OpenAiRequest
{
    /// <summary>Parameters that callers cannot replace.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["messages", "tools", "stream", "model", "n"];

    /// <summary>Where servers put what they want back with a tool call.</summary>
    public const string ExtraContent = "extra_content";

    /// <summary>Writes the request's body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="modelId">Model id as the provider knows it.</param>
    /// <param name="dialect">What the provider understands.</param>
    /// <param name="request">What to ask.</param>
    /// <param name="provider">Who is asked.</param>
    public static void Write(RequestBuffer output, string modelId, OpenAiDialect dialect, ModelRequest request, string provider = OpenAiModel.ProviderName)
    {
        using var json = new Utf8JsonWriter(output, RequestJson.Options);
        json.WriteStartObject();
        json.WriteString("model", modelId);
        json.WriteStartArray("messages");
        WriteSystem(json, request.System);
        new OpenAiMessages(json, provider, modelId, dialect).Write(request.Messages, request.Written, output);
        json.WriteEndArray();
        WriteTools(json, request.Tools);
        json.WriteBoolean("stream", true);
        var ours = WriteParameters(json, dialect, request.Parameters);
        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    }

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

    /// <summary>An object without properties means the same without the word, but the public endpoint insists on it.</summary>
    public static void WriteSchema(Utf8JsonWriter json, JsonElement schema)
    {
        const string Properties = "properties";
        if (schema.ValueKind is not JsonValueKind.Object || schema.TryGetProperty(Properties, out _))
        {
            schema.WriteTo(json);
            return;
        }

        json.WriteStartObject();
        foreach (var keyword in schema.EnumerateObject())
        {
            keyword.WriteTo(json);
        }

        json.WriteStartObject(Properties);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static HashSet<string> WriteParameters(Utf8JsonWriter json, OpenAiDialect dialect, ModelParameters parameters)
    {
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        RequestJson.WriteNumber(json, ours, dialect.MaxTokens, parameters.MaxTokens);
        RequestJson.WriteNumber(json, ours, "temperature", parameters.Temperature);
        RequestJson.WriteNumber(json, ours, "top_p", parameters.TopP);
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

        if (dialect.StreamOptions)
        {
            json.WriteStartObject(StreamOptions);
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
        }

        return ours;
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
            WriteSchema(json, tool.InputSchema);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSystem(Utf8JsonWriter json, IReadOnlyList<string> instructions)
    {
        var system = string.Join('\n', instructions.Where(text => text.Length > 0));
        if (system.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("role", "system");
            json.WriteString("content", system);
            json.WriteEndObject();
        }
    }
}
