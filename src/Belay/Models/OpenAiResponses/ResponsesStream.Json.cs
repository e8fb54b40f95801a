using System.Runtime.InteropServices;
using System.Text.Json;

namespace Belay.Models.OpenAiResponses;

/// <content>Members of a provider's objects, whatever they turn out to be.</content>
internal sealed partial class ResponsesStream
{
    private static JsonElement Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, ResponsesEvent.Json);
        return JsonElement.ParseValue(ref reader);
    }

    private static OutputItemKind? KindOf(JsonElement item) => item.ValueKind is not JsonValueKind.Object ? null : Text(item, "type") switch
    {
        "message" => OutputItemKind.Message,
        "reasoning" => OutputItemKind.Reasoning,
        "function_call" => OutputItemKind.Call,
        _ => null,
    };

    private static byte[]? Id(JsonElement item) =>
        item.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String && JsonMarshal.GetRawUtf8Value(id) is { Length: > 2 } raw ? raw[1..^1].ToArray() : null;

    /// <summary>The text of a call's arguments; a few servers send the object itself.</summary>
    private static string? Arguments(JsonElement item) => !item.TryGetProperty("arguments", out var arguments) ? null : arguments.ValueKind switch
    {
        JsonValueKind.String => Text(item, "arguments"),
        JsonValueKind.Object => arguments.GetRawText(),
        _ => null,
    };

    private static IEnumerable<JsonElement> Items(JsonElement json, string name) =>
        json.TryGetProperty(name, out var items) && items.ValueKind is JsonValueKind.Array
            ? items.EnumerateArray().Where(item => item.ValueKind is JsonValueKind.Object)
            : [];

    private static JsonElement? Object(JsonElement json, string name) =>
        json.ValueKind is JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Object ? value : null;

    /// <summary>A string that is valid text whatever the provider sent; null when there is none.</summary>
    private static string? Text(JsonElement json, string name) =>
        json.ValueKind is JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String
            ? Decode(JsonMarshal.GetRawUtf8Value(value))
            : null;

    private static string? Decode(ReadOnlySpan<byte> token)
    {
        if (token.IsEmpty)
        {
            return null;
        }

        var reader = new Utf8JsonReader(token);
        reader.Read();
        var held = default(char);
        return ProviderText.Read(ref reader) is { } text ? ProviderText.Join(ref held, text) + (held != default ? "\uFFFD" : "") : null;
    }

    private static int Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number)
            ? (int)Math.Clamp(number, 0, int.MaxValue)
            : 0;
}
