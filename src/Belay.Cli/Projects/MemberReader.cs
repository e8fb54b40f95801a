using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Contracts.Validation;

namespace Belay.Cli.Projects;

/// <summary>
/// Turns nodes into the JSON that a contract type is written as. The member decides what a scalar means: where the wire has text,
/// <c>1.0</c>, <c>yes</c> and <c>007</c> are that text; where it has a number or a truth value, nothing else will do. Limits of
/// length and value are left to <see cref="ShapeValidator"/>, which the service uses too.
/// </summary>
internal sealed class MemberReader(string file, ICollection<FileProblem> problems)
{
    private readonly HashSet<string> _broken = new(StringComparer.Ordinal);

    /// <summary>Paths at which something is reported already, so that what follows from it is no second problem.</summary>
    public IReadOnlySet<string> Broken => _broken;

    /// <summary>The value of a node; null when it is wrong, which is reported.</summary>
    public JsonNode? Read(Shape shape, YamlNode node) => shape.Kind switch
    {
        ShapeKind.Document => ReadDocument(node),
        ShapeKind.Text or ShapeKind.Bytes or ShapeKind.Time => ReadText(node),
        ShapeKind.Enumeration => ReadWord(shape.Names, node),
        ShapeKind.Whole or ShapeKind.WholeLong or ShapeKind.Real => ReadNumber(shape.Kind, node),
        ShapeKind.Truth => ReadTruth(node),
        ShapeKind.List => ReadList(shape.Item!, node),
        ShapeKind.Map => ReadMap(shape.Item!, node),
        ShapeKind.Structure => ReadStructure(shape, node),
        _ => throw new UnreachableException(),
    };

    /// <summary>Reports a key that nobody knows.</summary>
    public void ReportUnknown(YamlNode value, string key, IReadOnlyList<string> known)
    {
        _broken.Add(value.Path.ToString());
        var advice = KnownDifferences.Of(key, value.Path);
        problems.Add(new(file, value.KeyAt, value.Path.ToString(), advice ?? "unknown key")
        {
            Closest = advice is null ? Closest.To(key, known) : null,
            Allowed = [.. known.Order(StringComparer.Ordinal)],
        });
    }

    /// <summary>Reports a value that is wrong.</summary>
    public void Report(YamlNode node, string message, IReadOnlyCollection<string>? allowed = null, string? closest = null)
    {
        _broken.Add(node.Path.ToString());
        problems.Add(new(file, node.At, node.Path.ToString(), message) { Allowed = allowed ?? [], Closest = closest });
    }

    /// <summary>A word out of a closed set.</summary>
    public JsonNode? ReadWord(IReadOnlyList<string> words, YamlNode node)
    {
        if (node is not YamlNode.Scalar { IsEmpty: false } scalar)
        {
            Report(node, $"must be one word, but is {node.What}", words);
            return null;
        }

        if (!words.Contains(scalar.Text))
        {
            Report(node, "unknown word", words, Closest.To(scalar.Text, words));
            return null;
        }

        return scalar.Text;
    }

    private JsonObject? ReadStructure(Shape shape, YamlNode node)
    {
        if (node is not YamlNode.Mapping mapping)
        {
            Report(node, $"must be an object, but is {node.What}{Empty(node, "{}")}", [.. shape.Members.Select(member => member.Name)]);
            return null;
        }

        var json = new JsonObject();
        foreach (var (key, value) in mapping.Entries)
        {
            if (shape.Members.FirstOrDefault(member => member.Name == key) is not { } member)
            {
                ReportUnknown(value, key, [.. shape.Members.Select(one => one.Name)]);
            }
            else if (Read(member.Shape, value) is { } read)
            {
                json[key] = read;
            }
        }

        // A union that lost its member to a misspelling would be reported as empty as well.
        if (shape.IsUnion && json.Count < mapping.Entries.Count)
        {
            _broken.Add(node.Path.ToString());
        }

        return json;
    }

    private JsonArray? ReadList(Shape item, YamlNode node)
    {
        if (node is not YamlNode.Sequence sequence)
        {
            Report(node, $"must be a list, but is {node.What}{Empty(node, "[]")}");
            return null;
        }

        // An item that is wrong keeps its place, so that the indices of the others stay right.
        return [.. sequence.Items.Select(one => Read(item, one))];
    }

    private JsonObject? ReadMap(Shape item, YamlNode node)
    {
        if (node is not YamlNode.Mapping mapping)
        {
            Report(node, $"must be an object, but is {node.What}{Empty(node, "{}")}");
            return null;
        }

        var json = new JsonObject();
        foreach (var (key, value) in mapping.Entries)
        {
            if (KnownDifferences.OfValue(key, value) is { } advice)
            {
                Report(value, advice);
            }
            else if (Read(item, value) is { } read)
            {
                json[key] = read;
            }
        }

        return json;
    }

    private static string Empty(YamlNode node, string written) =>
        node is YamlNode.Scalar { IsEmpty: true } ? $"; write {written} for one without content, or leave the key out" : "";

    private JsonNode? ReadText(YamlNode node)
    {
        if (node is YamlNode.Scalar { IsEmpty: false } scalar)
        {
            return scalar.Text;
        }

        Report(node, node is YamlNode.Scalar
            ? "must be text, but is empty; leave the key out, or put the text in quotes"
            : $"must be text, but is {node.What}");
        return null;
    }

    private JsonNode? ReadNumber(ShapeKind kind, YamlNode node)
    {
        if (node is YamlNode.Scalar { Plain: true } scalar && PlainScalar.IsNumber(scalar.Text))
        {
            return JsonNode.Parse(scalar.Text);
        }

        Report(node, kind == ShapeKind.Real
            ? "must be a number such as 0.5, without quotes"
            : "must be a whole number such as 20, without quotes");
        return null;
    }

    private JsonNode? ReadTruth(YamlNode node)
    {
        if (node is YamlNode.Scalar { Plain: true, Text: "true" or "false" } scalar)
        {
            return scalar.Text == "true";
        }

        Report(node, "must be a truth value, without quotes", ["true", "false"]);
        return null;
    }

    /// <summary>Free-form JSON: here, and only here, the scalar itself says what it is.</summary>
    private JsonNode? ReadDocument(YamlNode node)
    {
        switch (node)
        {
            case YamlNode.Mapping mapping:
                var json = new JsonObject();
                foreach (var (key, value) in mapping.Entries)
                {
                    json[key] = ReadDocument(value);
                }

                return json;
            case YamlNode.Sequence sequence:
                return new JsonArray([.. sequence.Items.Select(ReadDocument)]);
            case YamlNode.Scalar { Plain: true } scalar:
                switch (PlainScalar.KindOf(scalar.Text))
                {
                    case PlainKind.Null:
                        return null;
                    case PlainKind.Truth:
                        return scalar.Text == "true";
                    case PlainKind.Number:
                        return JsonNode.Parse(scalar.Text);
                    case PlainKind.Foreign:
                        Report(node, "is a number or truth value that JSON writes differently; write it as JSON does, or put text in quotes");
                        return null;
                    default:
                        return scalar.Text;
                }

            default:
                return ((YamlNode.Scalar)node).Text;
        }
    }
}
