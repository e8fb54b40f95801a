using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>
/// A schema without references and with nothing at its root but <c>type</c>, <c>properties</c> and <c>required</c>, for models that read no
/// more. What only describes the root is left out, with its word on further properties; other rules that stand there have no place to go.
/// Pure, and bounded.
/// </summary>
internal static class InlinedSchema
{
    private const int MaxValues = 20_000;

    // What only describes may be said twice, or not at all.
    private static readonly HashSet<string> Describing = new(StringComparer.Ordinal) { "$schema", "$id", "$anchor", "$comment", "title", "description", "default", "examples" };
    private static readonly HashSet<string> Containers = new(StringComparer.Ordinal) { "$ref", "$defs", "definitions" };

    // What else at a root says which arguments are right. Every other keyword is unknown to JSON Schema and means nothing.
    private static readonly HashSet<string> Rules = new(StringComparer.Ordinal)
    {
        "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const", "dependentSchemas", "dependentRequired", "dependencies",
        "patternProperties", "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties", "$ref", "$dynamicRef",
    };

    /// <summary>The keyword of the root that has no place to go, or <c>$ref</c> for references that cannot be written out; null when all is well.</summary>
    public static string? Problem(JsonElement schema)
    {
        foreach (var keyword in schema.EnumerateObject())
        {
            if (Rules.Contains(keyword.Name))
            {
                return keyword.Name;
            }
        }

        var values = 0;
        return Count(schema, new(schema), depth: 0, ref values) ? null : "$ref";
    }

    /// <summary>Writes a schema that has no <see cref="Problem"/>.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement schema)
    {
        var references = new SchemaReferences(schema);
        json.WriteStartObject();
        foreach (var keyword in schema.EnumerateObject())
        {
            if (keyword.Name is "type" or "properties" or "required")
            {
                Write(json, keyword, references);
            }
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, JsonProperty keyword, SchemaReferences references)
    {
        if (SchemaKeywords.HolderOf(keyword.Name) is SchemaHolder.None)
        {
            keyword.WriteTo(json);
            return;
        }

        json.WritePropertyName(keyword.Name);
        WriteWithin(json, keyword.Value, SchemaKeywords.HolderOf(keyword.Name), references);
    }

    private static void WriteWithin(Utf8JsonWriter json, JsonElement value, SchemaHolder holder, SchemaReferences references)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when holder is SchemaHolder.Named:
                json.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    json.WritePropertyName(member.Name);
                    WriteSchema(json, member.Value, references);
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array when holder is not SchemaHolder.Named:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    WriteSchema(json, item, references);
                }

                json.WriteEndArray();
                break;
            default:
                WriteSchema(json, value, references);
                break;
        }
    }

    private static void WriteSchema(Utf8JsonWriter json, JsonElement schema, SchemaReferences references)
    {
        if (schema.ValueKind is not JsonValueKind.Object)
        {
            schema.WriteTo(json);
            return;
        }

        // What stands beside a reference describes this use of it, and comes first.
        var written = new HashSet<string>(Containers, StringComparer.Ordinal);
        json.WriteStartObject();
        foreach (var part in Chain(schema, references))
        {
            foreach (var keyword in part.EnumerateObject())
            {
                if (written.Add(keyword.Name))
                {
                    Write(json, keyword, references);
                }
            }
        }

        json.WriteEndObject();
    }

    // A schema, what it refers to, what that refers to, and so on.
    private static IEnumerable<JsonElement> Chain(JsonElement schema, SchemaReferences references)
    {
        for (var i = 0; i < SchemaKeywords.MaxDepth && schema.ValueKind is JsonValueKind.Object; i++)
        {
            yield return schema;
            if (references.Of(schema) is not { } target)
            {
                break;
            }

            schema = target.Schema;
        }
    }

    // Whether everything, written out, stays within bounds; a schema that contains itself never does.
    private static bool Count(JsonElement schema, SchemaReferences references, int depth, ref int values)
    {
        if (schema.ValueKind is not JsonValueKind.Object)
        {
            return true;
        }

        if (++values > MaxValues || depth > SchemaKeywords.MaxDepth / 2)
        {
            return false;
        }

        if (references.Of(schema) is { Schema: var target } && (target.ValueKind is not JsonValueKind.Object || Clashes(schema, references) || !Count(target, references, depth + 1, ref values)))
        {
            return false;
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            if (Containers.Contains(keyword.Name))
            {
                continue;
            }

            foreach (var (_, inner) in SchemaKeywords.Within(keyword))
            {
                if (!Count(inner, references, depth + 1, ref values))
                {
                    return false;
                }
            }
        }

        return true;
    }

    // Two rules for one keyword cannot both be written.
    private static bool Clashes(JsonElement schema, SchemaReferences references)
    {
        var rules = new HashSet<string>(StringComparer.Ordinal);
        return Chain(schema, references).SelectMany(part => part.EnumerateObject()).Any(keyword =>
            !Describing.Contains(keyword.Name) && !Containers.Contains(keyword.Name) && !rules.Add(keyword.Name));
    }
}
