using System.Buffers;
using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>
/// The schema of a tool's arguments as a model is told it: plain JSON Schema whose root says that it is an object, types in JSON Schema's
/// words, and items for every array. Nothing that it means is lost or added, so that no provider has to be asked about it. Pure.
/// </summary>
public static class ToolSchema
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema itself where it is plain already, which most are, else one that means the same.</summary>
    public static JsonElement Plain(JsonElement schema)
    {
        if (schema.ValueKind is not JsonValueKind.Object || IsPlain(schema, root: true, depth: 0))
        {
            return schema;
        }

        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            Write(json, schema, root: true, depth: 0);
        }

        return JsonElement.Parse(buffer.WrittenSpan, new JsonDocumentOptions { MaxDepth = 2 * SchemaKeywords.MaxDepth });
    }

    private static bool IsPlain(JsonElement schema, bool root, int depth)
    {
        if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
        {
            return true;
        }

        if (root ? !(schema.TryGetProperty("type", out var type) && type.ValueKind is JsonValueKind.String && type.ValueEquals("object"))
            : schema.TryGetProperty("type", out type) && !HasPlainWords(type))
        {
            return false;
        }

        if (LacksItems(schema))
        {
            return false;
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            if (SchemaKeywords.HolderOf(keyword.Name) is SchemaHolder.None)
            {
                continue;
            }

            foreach (var (_, inner) in SchemaKeywords.Within(keyword))
            {
                if (!IsPlain(inner, root: false, depth + 1))
                {
                    return false;
                }
            }
        }

        return true;
    }

    // A word that nobody knows is left for whoever checks the schema.
    private static bool HasPlainWords(JsonElement type) => type.ValueKind is JsonValueKind.Array
        ? type.EnumerateArray().All(word => TypeWords.IsPlain(word) || TypeWords.Find(word) is null)
        : TypeWords.IsPlain(type) || TypeWords.Find(type) is null;

    private static bool LacksItems(JsonElement schema) =>
        schema.TryGetProperty("type", out var type) && TypeWords.Find(type) == "array" && !schema.TryGetProperty("items", out _) && !schema.TryGetProperty("prefixItems", out _);

    private static void Write(Utf8JsonWriter json, JsonElement schema, bool root, int depth)
    {
        if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
        {
            schema.WriteTo(json);
            return;
        }

        json.WriteStartObject();
        if (root)
        {
            json.WriteString("type", "object");
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            if (keyword.NameEquals("type"))
            {
                WriteType(json, keyword.Value, root);
            }
            else if (SchemaKeywords.HolderOf(keyword.Name) is SchemaHolder.None)
            {
                keyword.WriteTo(json);
            }
            else
            {
                json.WritePropertyName(keyword.Name);
                WriteWithin(json, keyword.Value, SchemaKeywords.HolderOf(keyword.Name), depth);
            }
        }

        if (LacksItems(schema))
        {
            json.WriteStartObject("items");
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteType(Utf8JsonWriter json, JsonElement type, bool root)
    {
        if (root || Says(type, TypeWords.Any))
        {
            return;
        }

        json.WritePropertyName("type");
        if (type.ValueKind is not JsonValueKind.Array)
        {
            WriteWord(json, type);
            return;
        }

        // Two words for one type are one: a list of types names each once.
        var written = new HashSet<string>(StringComparer.Ordinal);
        json.WriteStartArray();
        foreach (var word in type.EnumerateArray())
        {
            if (TypeWords.Find(word) is not { } plain || written.Add(plain))
            {
                WriteWord(json, word);
            }
        }

        json.WriteEndArray();
    }

    private static bool Says(JsonElement type, string plain) =>
        type.ValueKind is JsonValueKind.Array ? type.EnumerateArray().Any(word => TypeWords.Find(word) == plain) : TypeWords.Find(type) == plain;

    private static void WriteWord(Utf8JsonWriter json, JsonElement word)
    {
        if (TypeWords.Find(word) is { } plain)
        {
            json.WriteStringValue(plain);
        }
        else
        {
            word.WriteTo(json);
        }
    }

    private static void WriteWithin(Utf8JsonWriter json, JsonElement value, SchemaHolder holder, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when holder is SchemaHolder.Named:
                json.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    json.WritePropertyName(member.Name);
                    Write(json, member.Value, root: false, depth + 1);
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array when holder is SchemaHolder.List or SchemaHolder.OneOrList:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(json, item, root: false, depth + 1);
                }

                json.WriteEndArray();
                break;
            case JsonValueKind.Object when holder is SchemaHolder.One or SchemaHolder.OneOrList:
                Write(json, value, root: false, depth + 1);
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
