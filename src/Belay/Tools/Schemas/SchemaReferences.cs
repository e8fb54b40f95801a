using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>What a <c>$ref</c> inside a schema means. Nothing is fetched; the anchors of a schema are looked up once.</summary>
/// <param name="root">The whole schema.</param>
internal sealed class SchemaReferences(JsonElement root)
{
    private Dictionary<string, (string Place, JsonElement Schema)>? _anchors;

    /// <summary>The place one step below another.</summary>
    public static string Below(string place, string step) =>
        $"{place}/{step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    /// <summary>The place and the schema that a schema's <c>$ref</c> leads to; null when it has none, or one that leads nowhere in this schema.</summary>
    public (string Place, JsonElement Schema)? Of(JsonElement schema) =>
        schema.TryGetProperty("$ref", out var reference) && reference.ValueKind is JsonValueKind.String ? Find(reference.GetString()!) : null;

    /// <summary>The place and the schema that a reference leads to; null when it leads nowhere in this schema.</summary>
    /// <param name="reference">The value of <c>$ref</c>: a JSON pointer or an anchor's name behind <c>#</c>.</param>
    public (string Place, JsonElement Schema)? Find(string reference)
    {
        if (!reference.StartsWith('#'))
        {
            return null;
        }

        if (reference.Length > 1 && reference[1] != '/')
        {
            if (_anchors is null)
            {
                _anchors = new(StringComparer.Ordinal);
                AddAnchors(_anchors, root, "", depth: 0);
            }

            return _anchors.TryGetValue(reference[1..], out var anchored) ? anchored : null;
        }

        var (place, found) = ("", root);
        foreach (var part in Uri.UnescapeDataString(reference).Split('/').Skip(1))
        {
            var step = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (found.ValueKind is JsonValueKind.Object && found.TryGetProperty(step, out var member))
            {
                found = member;
            }
            else if (found.ValueKind is JsonValueKind.Array && int.TryParse(step, out var index) && index >= 0 && index < found.GetArrayLength())
            {
                found = found[index];
            }
            else
            {
                return null;
            }

            place = Below(place, step);
        }

        return found.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False ? (place, found) : null;
    }

    private static void AddAnchors(Dictionary<string, (string Place, JsonElement Schema)> anchors, JsonElement schema, string place, int depth)
    {
        if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
        {
            return;
        }

        if (schema.TryGetProperty("$anchor", out var anchor) && anchor.ValueKind is JsonValueKind.String)
        {
            anchors.TryAdd(anchor.GetString()!, (place, schema));
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            foreach (var (step, inner) in SchemaKeywords.Within(keyword))
            {
                var at = Below(place, keyword.Name);
                AddAnchors(anchors, inner, step.Length == 0 ? at : Below(at, step), depth + 1);
            }
        }
    }
}
