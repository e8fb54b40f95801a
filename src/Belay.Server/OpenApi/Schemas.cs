using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Contracts.Validation;

namespace Belay.Server.OpenApi;

/// <summary>Makes JSON schemas of contract records, and collects those that have a name.</summary>
internal sealed class Schemas(ContractDocumentation documentation)
{
    private readonly SortedDictionary<string, JsonObject?> _named = new(StringComparer.Ordinal);

    /// <summary>The schemas that were named so far, by name.</summary>
    public JsonObject Named => new(_named.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value!.DeepClone())));

    /// <summary>Adds a schema that is no contract record.</summary>
    public void Add(string name, JsonObject schema) => _named.Add(name, schema);

    /// <summary>A reference to a named schema.</summary>
    public static JsonObject Reference(string name) => new() { ["$ref"] = $"#/components/schemas/{name}" };

    /// <summary>The schema of a member.</summary>
    public JsonObject Of(Shape owner, Shape.Member member)
    {
        var schema = Of(member.Shape, member.Bounds, Part.Self);
        if (documentation.Of(owner, member) is { } description)
        {
            schema["description"] = description;
        }

        if (member.Sensitive && member.Shape.Kind == ShapeKind.Text)
        {
            schema["format"] = "password";
        }

        return schema;
    }

    /// <summary>The schema of a whole record.</summary>
    public JsonObject Of(Shape shape) => Of(shape, [], Part.Self);

    private JsonObject Of(Shape shape, IReadOnlyList<BoundAttribute> bounds, Part part)
    {
        switch (shape.Kind)
        {
            case ShapeKind.Document:
                return [];
            case ShapeKind.Text:
                return Bounded(new() { ["type"] = "string" }, bounds, part, "Length");
            case ShapeKind.Bytes:
                return new() { ["type"] = "string", ["contentEncoding"] = "base64" };
            case ShapeKind.Time:
                return new() { ["type"] = "string", ["format"] = "date-time" };
            case ShapeKind.Whole:
                return Bounded(new() { ["type"] = "integer", ["format"] = "int32" }, bounds, part, "imum");
            case ShapeKind.WholeLong:
                return Bounded(new() { ["type"] = "integer", ["format"] = "int64" }, bounds, part, "imum");
            case ShapeKind.Real:
                return Bounded(new() { ["type"] = "number" }, bounds, part, "imum");
            case ShapeKind.Truth:
                return new() { ["type"] = "boolean" };
            case ShapeKind.List:
                return Bounded(new() { ["type"] = "array", ["items"] = Of(shape.Item!, bounds, Part.Item) }, bounds, part, "Items");
            case ShapeKind.Map:
                return Map(shape, bounds, part);
            case ShapeKind.Enumeration:
                return Name(shape, () => Enumeration(shape));
            case ShapeKind.Structure:
                return Name(shape, () => Structure(shape));
            default:
                throw new UnreachableException();
        }
    }

    private JsonObject Name(Shape shape, Func<JsonObject> make)
    {
        var name = shape.Type.Type.Name;
        if (!_named.ContainsKey(name))
        {
            // First the name, then the content: a record may hold itself.
            _named.Add(name, null);
            _named[name] = make();
        }

        return Reference(name);
    }

    private JsonObject Structure(Shape shape)
    {
        var members = shape.Members.Where(member => member.BoundTo is null).ToList();
        var schema = Described(new() { ["type"] = "object" }, documentation.Of(shape.Type.Type));
        if (members.Where(member => member.Required).Select(member => (JsonNode)member.Name).ToArray() is { Length: > 0 } required)
        {
            schema["required"] = new JsonArray(required);
        }

        if (shape.IsUnion)
        {
            // A node each: one cannot stand in two places.
            schema["minProperties"] = 1;
            schema["maxProperties"] = 1;
        }

        schema["properties"] = new JsonObject(members.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)Of(shape, member))));
        return schema;
    }

    private JsonObject Enumeration(Shape shape)
    {
        var values = shape.Names.Zip(documentation.OfValues(shape.Type.Type), (name, text) => text is null ? $"`{name}`" : $"`{name}`: {text}");
        return Described(
            new() { ["type"] = "string", ["enum"] = new JsonArray([.. shape.Names.Select(name => (JsonNode)name)]) },
            $"{documentation.Of(shape.Type.Type)} {string.Join(" ", values)}".Trim());
    }

    private JsonObject Map(Shape shape, IReadOnlyList<BoundAttribute> bounds, Part part)
    {
        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = Of(shape.Item!, bounds, Part.Item) };
        if (bounds.Any(bound => bound.Of == Part.Key))
        {
            schema["propertyNames"] = Bounded([], bounds, Part.Key, "Length");
        }

        return Bounded(schema, bounds, part, "Properties");
    }

    private static JsonObject Described(JsonObject schema, string? description)
    {
        if (description is not null)
        {
            schema["description"] = description;
        }

        return schema;
    }

    /// <summary>Adds the limits of a part, such as <c>minLength</c>. JSON schema looks for a pattern anywhere in a text; ours are of the whole.</summary>
    private static JsonObject Bounded(JsonObject schema, IReadOnlyList<BoundAttribute> bounds, Part part, string what)
    {
        foreach (var bound in bounds.Where(bound => bound.Of == part))
        {
            if (!double.IsNaN(bound.Min))
            {
                schema["min" + what] = Number(bound.Min);
            }

            if (!double.IsNaN(bound.Max))
            {
                schema["max" + what] = Number(bound.Max);
            }

            if (bound.Pattern is { } pattern)
            {
                schema["pattern"] = $"^(?:{pattern})$";
            }
        }

        return schema;
    }

    private static JsonValue Number(double value) => value == Math.Truncate(value) ? JsonValue.Create((long)value) : JsonValue.Create(value);
}
