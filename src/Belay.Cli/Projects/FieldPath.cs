using System.Globalization;
using System.Text;

namespace Belay.Cli.Projects;

/// <summary>
/// Where a node stands in its document. A linked list, so that a hostile document of many deep nodes costs no text until a
/// problem is reported.
/// </summary>
internal sealed class FieldPath
{
    private const int LongestName = 64;
    private readonly FieldPath? _parent;
    private readonly string? _name;
    private readonly int _index;

    private FieldPath(FieldPath? parent, string? name, int index) => (_parent, _name, _index) = (parent, name, index);

    /// <summary>The document itself.</summary>
    public static FieldPath Root { get; } = new(null, null, 0);

    /// <summary>A member of the object at this path.</summary>
    public FieldPath Member(string name) => new(this, name, 0);

    /// <summary>An item of the list at this path.</summary>
    public FieldPath Item(int index) => new(this, null, index);

    /// <summary>Dotted, with indices in brackets, as the service writes the paths of fields.</summary>
    public override string ToString()
    {
        var steps = new Stack<FieldPath>();
        for (var at = this; at._parent is not null; at = at._parent)
        {
            steps.Push(at);
        }

        var text = new StringBuilder();
        foreach (var step in steps)
        {
            if (step._name is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"[{step._index}]");
            }
            else
            {
                text.Append(text.Length == 0 ? "" : ".").Append(Shorten(step._name));
            }
        }

        return text.ToString();
    }

    private static string Shorten(string name)
    {
        var end = name.Length > LongestName && char.IsHighSurrogate(name[LongestName - 1]) ? LongestName - 1 : LongestName;
        return name.Length switch
        {
            0 => "\"\"",
            > LongestName => string.Concat(name.AsSpan(0, end), "…"),
            _ => name,
        };
    }
}
