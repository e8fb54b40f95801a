using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>What a <c>$ref</c> inside a schema means.</summary>
internal static class SchemaPointer
{
    /// <summary>The place and the schema that a reference leads to; null when it leads nowhere in this schema. Nothing is fetched.</summary>
    /// <param name="root">The whole schema.</param>
    /// <param name="reference">The value of <c>$ref</c>: a JSON pointer or an anchor's name behind <c>#</c>.</param>
    public static (string Place, JsonElement Schema)? Find(JsonElement root, string reference)
    {
        if (!reference.StartsWith('#'))
        {
            return null;
        }

        if (reference.Length > 1 && reference[1] != '/')
        {
            return FindAnchor(root, "", reference[1..], depth: 0);
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

    /// <summary>The place one step below another.</summary>
    public static string Below(string place, string step) =>
        $"{place}/{step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    private static (string Place, JsonElement Schema)? FindAnchor(JsonElement schema, string place, string name, int depth)
    {
        if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
        {
            return null;
        }

        if (schema.TryGetProperty("$anchor", out var anchor) && anchor.ValueKind is JsonValueKind.String && anchor.ValueEquals(name))
        {
            return (place, schema);
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            foreach (var (step, inner) in SchemaKeywords.Within(keyword))
            {
                var at = Below(place, keyword.Name);
                if (FindAnchor(inner, step.Length == 0 ? at : Below(at, step), name, depth + 1) is { } found)
                {
                    return found;
                }
            }
        }

        return null;
    }
}
