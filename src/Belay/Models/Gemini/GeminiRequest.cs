using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Tools;

namespace Belay.Models.Gemini;

/// <summary>Writes a conversation as a request to generate content. Pure.</summary>
internal static class GeminiRequest
{
    /// <summary>Parameters that callers cannot replace, in both spellings that the provider reads.</summary>
    public static readonly IReadOnlyList<string> Reserved = ["contents", "tools", "toolConfig", "tool_config", "model", "stream"];

    /// <summary>The member that holds the signature over the thoughts behind a part.</summary>
    public const string Signature = "thoughtSignature";

    private static readonly string[] Systems = ["systemInstruction", "system_instruction"];
    private static readonly string[] Configs = ["generationConfig", "generation_config"];
    private static readonly string[] Counts = ["candidateCount", "candidate_count"];

    /// <summary>Writes the request's body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="modelId">Model id as the provider knows it.</param>
    /// <param name="request">What to ask.</param>
    public static void Write(RequestBuffer output, string modelId, ModelRequest request)
    {
        using var json = new Utf8JsonWriter(output, RequestJson.Options);
        json.WriteStartObject();
        json.WriteStartArray("contents");
        new GeminiContents(json, modelId).Write(request.Messages, request.Written, output);
        json.WriteEndArray();
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal);
        WriteSystem(json, request.System, ours);
        WriteTools(json, request.Tools);
        WriteConfig(json, request.Parameters, ours);
        RequestJson.WriteAdditional(json, request.Parameters.Additional, ours);
        json.WriteEndObject();
    }

    /// <summary>What is wrong with the caller's parameters besides <see cref="Reserved"/>: more candidates than the one that is read.</summary>
    public static IEnumerable<FieldProblem> Problems(JsonElement? additional, string path) =>
        from config in Configs
        let given = Member(additional, config)
        from count in Counts
        where Member(given, count) is { } value && !(value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out var number) && number == 1)
        select new FieldProblem($"{path}.{config}.{count}", "must be 1, or left out: one answer is read.");

    /// <summary>Provider state of a part that came with a signature.</summary>
    public static JsonElement StateOf(string signature)
    {
        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString(Signature, signature);
            json.WriteEndObject();
        });
        return JsonElement.Parse(body.Span);
    }

    private static void WriteSystem(Utf8JsonWriter json, IReadOnlyList<string> system, HashSet<string> ours)
    {
        var texts = system.Where(text => text.Length > 0).ToList();
        if (texts.Count == 0)
        {
            return;
        }

        ours.UnionWith(Systems);
        json.WriteStartObject(Systems[0]);
        json.WriteStartArray("parts");
        foreach (var text in texts)
        {
            json.WriteStartObject();
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, IReadOnlyList<ToolSpec> tools)
    {
        if (tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        json.WriteStartObject();
        json.WriteStartArray("functionDeclarations");
        foreach (var tool in tools)
        {
            json.WriteStartObject();
            json.WriteString("name", GeminiToolNames.Fit(tool.Name));
            json.WriteString("description", string.IsNullOrEmpty(tool.Description) ? tool.Name : tool.Description);
            // Not `parameters`: that is another language of schemas, and one keyword that it lacks fails the whole request.
            json.WritePropertyName("parametersJsonSchema");
            WriteSchema(json, tool.InputSchema);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    // As it is, save for the name of its dialect, which the provider does not know.
    private static void WriteSchema(Utf8JsonWriter json, JsonElement schema)
    {
        if (schema.ValueKind is not JsonValueKind.Object || !schema.TryGetProperty("$schema", out _))
        {
            schema.WriteTo(json);
            return;
        }

        json.WriteStartObject();
        foreach (var member in schema.EnumerateObject())
        {
            if (!member.NameEquals("$schema"))
            {
                member.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    /// <summary>The caller's own members, such as what configures thinking, stay; the explicit parameters win.</summary>
    private static void WriteConfig(Utf8JsonWriter json, ModelParameters parameters, HashSet<string> ours)
    {
        if (parameters is { MaxTokens: null, Temperature: null, TopP: null, TopK: null })
        {
            return;
        }

        var written = new HashSet<string>(StringComparer.Ordinal);
        json.WriteStartObject(Configs[0]);
        WriteNumber(json, written, parameters.MaxTokens, "maxOutputTokens", "max_output_tokens");
        WriteNumber(json, written, parameters.Temperature, "temperature", "temperature");
        WriteNumber(json, written, parameters.TopP, "topP", "top_p");
        WriteNumber(json, written, parameters.TopK, "topK", "top_k");
        foreach (var config in Configs)
        {
            RequestJson.WriteAdditional(json, Member(parameters.Additional, config), written);
        }

        json.WriteEndObject();
        ours.UnionWith(Configs);
    }

    private static void WriteNumber(Utf8JsonWriter json, HashSet<string> written, double? value, string name, string otherName)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, (decimal)number);
            written.Add(name);
            written.Add(otherName);
        }
    }

    private static JsonElement? Member(JsonElement? json, string name) =>
        json is { ValueKind: JsonValueKind.Object } members && members.TryGetProperty(name, out var value) ? value : null;
}
