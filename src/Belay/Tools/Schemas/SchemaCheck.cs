using System.Runtime.InteropServices;
using System.Text.Json;
using Belay.Contracts.Faults;

namespace Belay.Tools.Schemas;

/// <summary>
/// What makes a tool's schema no JSON Schema, whichever model is to read it: a provider refuses the whole request over it, in words that
/// name neither the harness nor the field. Pure, and bounded: nothing is fetched, and references are followed only where they stay inside.
/// </summary>
public static class SchemaCheck
{
    /// <summary>UTF-8 bytes of one tool's schema; whatever a model is told is read with every call.</summary>
    public const int MaxBytes = 256 * 1024;

    /// <summary>References in one schema.</summary>
    public const int MaxReferences = 1000;

    private const int MaxProblems = 20;
    private const int MaxName = 64;

    /// <summary>Every problem of a schema, up to 20.</summary>
    /// <param name="schema">The schema, as the caller wrote it.</param>
    /// <param name="path">Where it stands in the request.</param>
    public static IReadOnlyList<FieldProblem> Problems(JsonElement schema, string path)
    {
        if (schema.ValueKind is not JsonValueKind.Object)
        {
            return [];
        }

        var bytes = JsonMarshal.GetRawUtf8Value(schema).Length;
        if (bytes > MaxBytes)
        {
            return [new(path, $"has {bytes} bytes; a tool's schema has at most {MaxBytes}.")];
        }

        var problems = new List<FieldProblem>();
        var found = new Found(schema, problems);
        Check(schema, "", path, depth: 0, found);
        if (problems.Count == 0 && found.References > 0 && SchemaCycles.Find(schema, required: false) is { } place)
        {
            problems.Add(new($"{path}{Steps(place)}", "refers to itself with nothing in between; no value could ever be checked against it."));
        }

        return problems;
    }

    /// <summary>A place in a schema as a path of the request shows it.</summary>
    public static string Steps(string place) => string.Concat(place.Split('/').Skip(1).Select(step =>
        Step(step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))));

    private static string Step(string step)
    {
        if (step.Length > 0 && step.All(char.IsAsciiDigit))
        {
            return $"[{step}]";
        }

        var shown = step.Length > MaxName ? step[..MaxName] + "…" : step;
        return "." + string.Concat(shown.Select(character => char.IsControl(character) || char.IsSurrogate(character) ? '?' : character));
    }

    private static void Check(JsonElement schema, string place, string path, int depth, Found found)
    {
        if (schema.ValueKind is not JsonValueKind.Object || depth > SchemaKeywords.MaxDepth)
        {
            return;
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            if (found.Problems.Count >= MaxProblems)
            {
                return;
            }

            // Every tool of every call comes by here, and nearly every keyword is a word that holds no schema and has no problem.
            if (Problem(keyword, found) is { } problem)
            {
                found.Problems.Add(new($"{path}{Steps(SchemaReferences.Below(place, keyword.Name))}", problem));
                continue;
            }

            if (SchemaKeywords.HolderOf(keyword.Name) is SchemaHolder.None)
            {
                continue;
            }

            var at = SchemaReferences.Below(place, keyword.Name);
            foreach (var (step, inner) in SchemaKeywords.Within(keyword))
            {
                Check(inner, step.Length == 0 ? at : SchemaReferences.Below(at, step), path, depth + 1, found);
            }
        }
    }

    private static string? Problem(JsonProperty keyword, Found found) => keyword.Name switch
    {
        "type" => TypeProblem(keyword.Value),
        "required" when keyword.Value.ValueKind is not JsonValueKind.Array || keyword.Value.EnumerateArray().Any(name => name.ValueKind is not JsonValueKind.String) =>
            "must be a list of names of properties.",
        "enum" when keyword.Value.ValueKind is not JsonValueKind.Array || keyword.Value.GetArrayLength() == 0 => "must be a list of at least one value.",
        "$ref" => ReferenceProblem(keyword.Value, found),
        _ => HolderProblem(keyword),
    };

    private static string? TypeProblem(JsonElement type) =>
        (type.ValueKind is JsonValueKind.Array ? type.GetArrayLength() > 0 && type.EnumerateArray().All(word => TypeWords.Find(word) is not null) : TypeWords.Find(type) is not null)
            ? null
            : $"must be {TypeWords.Known}, or a list of those.";

    private static string? ReferenceProblem(JsonElement reference, Found found)
    {
        if (found.References >= MaxReferences)
        {
            return $"is one reference too many; a tool's schema has at most {MaxReferences}.";
        }

        if (reference.ValueKind is not JsonValueKind.String || found.Schema.Find(reference.GetString()!) is null)
        {
            return "must lead to a schema inside this one, as in #/$defs/name; nothing is fetched.";
        }

        found.References++;
        return null;
    }

    private static string? HolderProblem(JsonProperty keyword) => SchemaKeywords.HolderOf(keyword.Name) switch
    {
        SchemaHolder.Named when keyword.Value.ValueKind is not JsonValueKind.Object || keyword.Value.EnumerateObject().Any(member => !IsSchema(member.Value)) =>
            "must be an object whose members are schemas.",
        SchemaHolder.List when keyword.Value.ValueKind is not JsonValueKind.Array || keyword.Value.GetArrayLength() == 0 || !keyword.Value.EnumerateArray().All(IsSchema) =>
            "must be a list of at least one schema.",
        SchemaHolder.One when !IsSchema(keyword.Value) => "must be a schema: an object, true or false.",
        SchemaHolder.OneOrList when !IsSchema(keyword.Value) && !(keyword.Value.ValueKind is JsonValueKind.Array && keyword.Value.EnumerateArray().All(IsSchema)) =>
            "must be a schema: an object, true or false.",
        _ => null,
    };

    private static bool IsSchema(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False;

    private sealed class Found(JsonElement root, List<FieldProblem> problems)
    {
        public SchemaReferences Schema { get; } = new(root);

        public List<FieldProblem> Problems => problems;

        public int References { get; set; }
    }
}
