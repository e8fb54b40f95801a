using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Models.OpenAi;

namespace Belay.Models.OpenAiResponses;

/// <summary>Writes a conversation as a request of the Responses API. Pure.</summary>
internal static class ResponsesRequest
{
    /// <summary>Parameters that callers cannot replace: what the harness writes, and what would have the provider keep or add to it.</summary>
    public static readonly IReadOnlyList<string> Reserved =
        ["input", "instructions", "tools", "stream", "model", "store", "background", "previous_response_id", "conversation", "prompt"];

    private const string Include = "include";
    private const string EncryptedReasoning = "reasoning." + ResponsesState.Encrypted;

    // OpenAI's models that do not reason, which refuse to be asked for their reasoning.
    private static readonly string[] WithoutReasoning = ["gpt-3.5", "gpt-4", "chatgpt-", "gpt-5-chat"];

    /// <summary>What is wrong with the caller's parameters beside those that are reserved.</summary>
    /// <param name="additional">As configured; null when there are none.</param>
    /// <param name="path">Where they stand.</param>
    public static IEnumerable<FieldProblem> Problems(JsonElement? additional, string path)
    {
        if (additional is { } members && members.TryGetProperty(Include, out var include) && include.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
        {
            yield return new FieldProblem($"{path}.{Include}", "must be a list of what to include, or null for nothing.");
        }
    }

    /// <summary>Writes the request's body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="modelId">Model id as the provider knows it.</param>
    /// <param name="place">Where the model is; <see cref="ResponsesState.PlaceOf"/>.</param>
    /// <param name="request">What to ask.</param>
    /// <param name="provider">Who is asked.</param>
    public static void Write(RequestBuffer output, string modelId, string place, ModelRequest request, string provider = OpenAiModel.ProviderName)
    {
        using var json = new Utf8JsonWriter(output, RequestJson.Options);
        json.WriteStartObject();
        json.WriteString("model", modelId);
        var instructions = string.Join('\n', request.System.Where(text => text.Length > 0));
        if (instructions.Length > 0)
        {
            json.WriteString("instructions", instructions);
        }

        json.WriteStartArray("input");
        new ResponsesInput(json, provider, modelId, place).Write(request.Messages, request.Written, output);
        json.WriteEndArray();
        WriteTools(json, request.Tools);
        json.WriteBoolean("stream", true);
        json.WriteBoolean("store", false);
        var parameters = request.Parameters;
        var ours = new HashSet<string>(Reserved, StringComparer.Ordinal) { Include };
        RequestJson.WriteNumber(json, ours, "max_output_tokens", parameters.MaxTokens);
        RequestJson.WriteNumber(json, ours, "temperature", parameters.Temperature);
        RequestJson.WriteNumber(json, ours, "top_p", parameters.TopP);
        WriteInclude(json, modelId, parameters.Additional);
        RequestJson.WriteAdditional(json, parameters.Additional, ours);
        json.WriteEndObject();
    }

    /// <summary>
    /// What the provider does not keep it gives out encrypted, if it is asked. A caller can ask for more beside it, and one whose
    /// server does not know the member says null.
    /// </summary>
    private static void WriteInclude(Utf8JsonWriter json, string modelId, JsonElement? additional)
    {
        JsonElement include = default;
        var given = additional is { ValueKind: JsonValueKind.Object } members && members.TryGetProperty(Include, out include);
        var more = include.ValueKind is JsonValueKind.Array ? include.EnumerateArray().Where(one => !(one.ValueKind is JsonValueKind.String && one.ValueEquals(EncryptedReasoning))).ToList() : [];
        var reasons = !Array.Exists(WithoutReasoning, name => modelId.StartsWith(name, StringComparison.Ordinal));
        if ((given && include.ValueKind is JsonValueKind.Null) || (!reasons && more.Count == 0))
        {
            return;
        }

        json.WriteStartArray(Include);
        if (reasons)
        {
            json.WriteStringValue(EncryptedReasoning);
        }

        foreach (var one in more)
        {
            one.WriteTo(json);
        }

        json.WriteEndArray();
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
            json.WriteString("name", tool.Name);
            json.WriteString("description", tool.Description);
            json.WritePropertyName("parameters");
            OpenAiRequest.WriteSchema(json, tool.InputSchema);
            // Left out, it is true here, and the provider makes every member of the schema a required one.
            json.WriteBoolean("strict", false);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
