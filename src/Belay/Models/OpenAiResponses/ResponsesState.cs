using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts;

namespace Belay.Models.OpenAiResponses;

/// <summary>
/// Reasoning that goes back to the model that reasoned. It is encrypted for whoever runs that model: the same model in another
/// place, such as Azure, refuses a whole call that brings it, so the state says where it is from. Pure.
/// </summary>
internal static class ResponsesState
{
    /// <summary>The reasoning that only the provider can read.</summary>
    public const string Encrypted = "encrypted_content";

    private const string Place = "place";
    private const string Item = "item";
    private const int PlaceLength = 16;

    /// <summary>What stands for a place: a hash, since a URL may hold what its owner keeps to himself.</summary>
    public static string PlaceOf(Uri url) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url.GetLeftPart(UriPartial.Authority))))[..PlaceLength];

    /// <summary>The state of a reasoning item; null when the provider gave nothing that it could want back.</summary>
    public static JsonElement? Of(JsonElement item, string place)
    {
        if (!item.TryGetProperty(Encrypted, out var encrypted) || encrypted.ValueKind is not JsonValueKind.String || encrypted.ValueEquals(""))
        {
            return null;
        }

        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString(Place, place);
            json.WriteStartObject(Item);
            json.WriteString("type", "reasoning");
            if (item.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String)
            {
                json.WritePropertyName("id");
                id.WriteTo(json);
            }

            json.WritePropertyName("summary");
            if (item.TryGetProperty("summary", out var summary) && summary.ValueKind is JsonValueKind.Array)
            {
                summary.WriteTo(json);
            }
            else
            {
                json.WriteStartArray();
                json.WriteEndArray();
            }

            json.WritePropertyName(Encrypted);
            encrypted.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndObject();
        });
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 2 * BelayJson.MaxDepth });
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>The item that a model in a place gets back; null when the reasoning is not its own.</summary>
    public static JsonElement? ItemFor(Block.Reasoning reasoning, string modelId, string place) =>
        reasoning.State is { } state
        && state.ModelId == modelId
        && state.Value.ValueKind is JsonValueKind.Object
        && state.Value.TryGetProperty(Place, out var from)
        && from.ValueKind is JsonValueKind.String
        && from.ValueEquals(place)
        && state.Value.TryGetProperty(Item, out var item)
            ? item
            : null;
}
