using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>Where the references of a schema lead back to where they began.</summary>
internal static class SchemaCycles
{
    /// <summary>
    /// A place that is reached from itself although no value goes deeper on the way, or, with <paramref name="required"/>, although no
    /// property that may be left out is on the way; null when there is none. Each place is visited once.
    /// </summary>
    /// <param name="root">The whole schema; its references lead to places inside.</param>
    /// <param name="required">Whether items, and properties that must be there, are followed too.</param>
    public static string? Find(JsonElement root, bool required) => new Search(root, required).Find("", root, depth: 0);

    private sealed class Search(JsonElement root, bool required)
    {
        private const int MaxWay = 256;

        private readonly SchemaReferences _references = new(root);

        // A place is open while it is on the way, and done when nothing behind it led back.
        private readonly Dictionary<string, bool> _done = new(StringComparer.Ordinal);

        /// <summary>Begins at every schema, wherever it stands.</summary>
        public string? Find(string place, JsonElement schema, int depth)
        {
            if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
            {
                return null;
            }

            return Visit(place, schema, way: 0) ?? Below(place, schema, _ => true).Select(inner => Find(inner.Place, inner.Schema, depth + 1)).FirstOrDefault(found => found is not null);
        }

        private string? Visit(string place, JsonElement schema, int way)
        {
            if (schema.ValueKind is not JsonValueKind.Object)
            {
                return null;
            }

            if (_done.TryGetValue(place, out var done) || way > MaxWay)
            {
                return done ? null : place;
            }

            _done[place] = false;
            foreach (var (next, inner) in Followed(place, schema))
            {
                if (Visit(next, inner, way + 1) is { } found)
                {
                    return found;
                }
            }

            _done[place] = true;
            return null;
        }

        private IEnumerable<(string Place, JsonElement Schema)> Followed(string place, JsonElement schema)
        {
            if (_references.Of(schema) is { } target)
            {
                yield return target;
            }

            foreach (var inner in Below(place, schema, keyword => keyword is "allOf" or "anyOf" or "oneOf" or "not" or "if" or "then" or "else"
                || (required && keyword is "items" or "prefixItems" or "contains")))
            {
                yield return inner;
            }

            if (required && schema.TryGetProperty("required", out var names) && names.ValueKind is JsonValueKind.Array
                && schema.TryGetProperty("properties", out var properties) && properties.ValueKind is JsonValueKind.Object)
            {
                foreach (var name in names.EnumerateArray().Where(name => name.ValueKind is JsonValueKind.String).Select(name => name.GetString()!))
                {
                    if (properties.TryGetProperty(name, out var property))
                    {
                        yield return (SchemaReferences.Below(SchemaReferences.Below(place, "properties"), name), property);
                    }
                }
            }
        }

        private static IEnumerable<(string Place, JsonElement Schema)> Below(string place, JsonElement schema, Func<string, bool> follows)
        {
            foreach (var keyword in schema.EnumerateObject())
            {
                if (!follows(keyword.Name))
                {
                    continue;
                }

                foreach (var (step, inner) in SchemaKeywords.Within(keyword))
                {
                    var at = SchemaReferences.Below(place, keyword.Name);
                    yield return (step.Length == 0 ? at : SchemaReferences.Below(at, step), inner);
                }
            }
        }
    }
}
