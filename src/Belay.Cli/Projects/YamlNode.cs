namespace Belay.Cli.Projects;

/// <summary>A node of a YAML document, before anybody decides what its scalars mean: that depends on the member they are for.</summary>
internal abstract record YamlNode
{
    private YamlNode()
    {
    }

    /// <summary>Where the node stands in the document.</summary>
    public required FieldPath Path { get; init; }

    /// <summary>Where it begins in the file.</summary>
    public required Position At { get; init; }

    /// <summary>Where its key begins; where it begins itself, when it has none.</summary>
    public required Position KeyAt { get; init; }

    /// <summary>What the node is, in the words of a message.</summary>
    public string What => this switch
    {
        Scalar { IsEmpty: true } => "empty",
        Scalar => "a single value",
        Sequence => "a list",
        _ => "an object",
    };

    /// <summary>A scalar as it is written, quotes and escapes resolved.</summary>
    public sealed record Scalar : YamlNode
    {
        /// <summary>Its text.</summary>
        public required string Text { get; init; }

        /// <summary>Whether it stands there without quotes and not as a block, so that it may be a number, a truth value or nothing.</summary>
        public required bool Plain { get; init; }

        /// <summary>Whether nothing is written, or what YAML 1.2 calls null.</summary>
        public bool IsEmpty => Plain && Text is ("" or "~" or "null" or "Null" or "NULL");
    }

    /// <summary>A list.</summary>
    public sealed record Sequence : YamlNode
    {
        /// <summary>Its items.</summary>
        public required IReadOnlyList<YamlNode> Items { get; init; }
    }

    /// <summary>An object: every key once, in the order of the file.</summary>
    public sealed record Mapping : YamlNode
    {
        /// <summary>Its entries.</summary>
        public required IReadOnlyList<(string Key, YamlNode Value)> Entries { get; init; }
    }
}
