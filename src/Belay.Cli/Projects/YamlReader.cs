using Belay.Contracts;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Belay.Cli.Projects;

/// <summary>
/// Reads one YAML document into nodes. A file may come from a stranger's repository, so depth and number of nodes are bounded, and
/// what can make a small file large or ambiguous is refused: anchors, aliases, tags, keys that are not text, keys given twice.
/// </summary>
internal sealed class YamlReader
{
    /// <summary>Deepest nesting: what JSON may have on the wire, less what a request puts around a member.</summary>
    public const int MaxDepth = BelayJson.MaxDepth - 4;

    /// <summary>Most nodes of a document.</summary>
    public const int MaxNodes = 50_000;

    private readonly Parser _parser;
    private readonly string _file;
    private readonly ICollection<FileProblem> _problems;
    private ParsingEvent _current = new StreamEnd();
    private int _nodes;

    private YamlReader(string text, string file, ICollection<FileProblem> problems) =>
        (_parser, _file, _problems) = (new Parser(new StringReader(text)), file, problems);

    /// <summary>The document; null when it cannot be read. Every problem is added to <paramref name="problems"/>.</summary>
    public static YamlNode? Read(string text, string file, ICollection<FileProblem> problems)
    {
        var reader = new YamlReader(text, file, problems);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException cause)
        {
            problems.Add(new(file, At(cause.Start), "", $"is not YAML: {cause.Message.TrimEnd('.')}"));
        }
        catch (TooMuchException cause)
        {
            problems.Add(new(file, cause.At, cause.Path.ToString(), cause.Message));
        }

        return null;
    }

    private YamlNode? ReadDocument()
    {
        Next();
        if (Next() is not DocumentStart)
        {
            _problems.Add(new(_file, Position.Start, "", "is empty"));
            return null;
        }

        Next();
        var root = ReadNode(FieldPath.Root, null, 0);
        Next();
        if (Next() is DocumentStart second)
        {
            _problems.Add(new(_file, At(second.Start), "", "begins a second document; one file holds one harness"));
            return null;
        }

        return root;
    }

    /// <summary>Reads the node that begins at the current event and leaves the parser on its last event.</summary>
    private YamlNode ReadNode(FieldPath path, Position? keyAt, int depth)
    {
        var current = _current;
        var at = At(current.Start);
        if (++_nodes > MaxNodes)
        {
            throw new TooMuchException(at, path, $"is one node too many: a file has at most {MaxNodes}");
        }

        if (depth > MaxDepth)
        {
            throw new TooMuchException(at, path, $"is nested too deep: at most {MaxDepth} levels");
        }

        if (current is NodeEvent { Anchor.IsEmpty: false })
        {
            Report(at, path, "has an anchor; write the value out in each place");
        }

        if (current is NodeEvent { Tag.IsEmpty: false })
        {
            Report(at, path, "has a tag; the member decides the type of its value");
        }

        switch (current)
        {
            case SequenceStart:
                return ReadSequence(path, at, keyAt ?? at, depth);
            case MappingStart:
                return ReadMapping(path, at, keyAt ?? at, depth);
            case YamlDotNet.Core.Events.Scalar scalar:
                return new YamlNode.Scalar { Path = path, At = at, KeyAt = keyAt ?? at, Text = scalar.Value, Plain = scalar.Style == ScalarStyle.Plain };
            case AnchorAlias:
                Report(at, path, "is an alias; write the value out");
                return new YamlNode.Scalar { Path = path, At = at, KeyAt = keyAt ?? at, Text = "", Plain = false };
            default:
                // The library lets some documents end before their lists and objects do.
                throw new YamlException(current.Start, current.End, "a value is missing");
        }
    }

    private YamlNode.Sequence ReadSequence(FieldPath path, Position at, Position keyAt, int depth)
    {
        var items = new List<YamlNode>();
        while (Next() is not SequenceEnd)
        {
            items.Add(ReadNode(path.Item(items.Count), null, depth + 1));
        }

        return new() { Path = path, At = at, KeyAt = keyAt, Items = items };
    }

    private YamlNode.Mapping ReadMapping(FieldPath path, Position at, Position keyAt, int depth)
    {
        var entries = new List<(string Key, YamlNode Value)>();
        var keys = new Dictionary<string, Position>(StringComparer.Ordinal);
        while (Next() is not MappingEnd)
        {
            // A key that is wrong is reported, and its value read all the same: there may be more to report.
            var key = ReadNode(path, null, depth + 1);
            var name = (key as YamlNode.Scalar)?.Text ?? "";
            Next();
            var value = ReadNode(path.Member(name), key.At, depth + 1);
            if (key is not YamlNode.Scalar scalar)
            {
                Report(key.At, path, $"has a key that is {key.What}; a key is text");
            }
            else if (scalar.Plain && PlainScalar.KindOf(scalar.Text) != PlainKind.Text)
            {
                Report(key.At, value.Path, "has a key that YAML does not read as text; put the key in quotes");
            }
            else if (!keys.TryAdd(name, key.At))
            {
                Report(key.At, value.Path, $"is given twice; the first is in line {keys[name].Line}");
            }
            else
            {
                entries.Add((name, value));
            }
        }

        return new() { Path = path, At = at, KeyAt = keyAt, Entries = entries };
    }

    private ParsingEvent Next()
    {
        try
        {
            return _current = _parser.MoveNext() ? _parser.Current! : new StreamEnd(_current.End, _current.End);
        }
        catch (Exception cause) when (cause is InvalidOperationException or ArgumentException or FormatException or OverflowException)
        {
            // The library has no word of its own for some texts that are no YAML, such as content after "...".
            throw new YamlException(_current.End, _current.End, "it cannot be parsed after this place", cause);
        }
    }

    private void Report(Position at, FieldPath path, string message) => _problems.Add(new(_file, at, path.ToString(), message));

    private static Position At(in Mark mark) => new((int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));

    private sealed class TooMuchException(Position at, FieldPath path, string message) : Exception(message)
    {
        public Position At { get; } = at;

        public FieldPath Path { get; } = path;
    }
}
