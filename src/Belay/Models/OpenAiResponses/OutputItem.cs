using System.Text;

namespace Belay.Models.OpenAiResponses;

/// <summary>What kind of output item it is. Others are not read.</summary>
internal enum OutputItemKind
{
    /// <summary>Text, or a refusal.</summary>
    Message,

    /// <summary>Reasoning.</summary>
    Reasoning,

    /// <summary>A tool call.</summary>
    Call,
}

/// <summary>An output item while it is read: a block of the reply.</summary>
/// <param name="Kind">What it is.</param>
internal sealed record OutputItem(OutputItemKind Kind)
{
    /// <summary>First half of a character whose second half is still to come.</summary>
    public char Held;

    /// <summary>Its place in the output; null while it is not told.</summary>
    public long? Index { get; set; }

    /// <summary>Its id as it stands in the JSON; null while it is not told.</summary>
    public byte[]? Id { get; set; }

    /// <summary>Its block; null before it has said anything.</summary>
    public int? Block { get; set; }

    /// <summary>The last of its parts that was heard; -1 for none.</summary>
    public long Part { get; set; } = -1;

    /// <summary>Which of the two forms of reasoning is read; null before the first.</summary>
    public ResponsesEventType? Form { get; set; }

    /// <summary>Whether it was announced, rather than just spoken of.</summary>
    public bool Added { get; set; }

    /// <summary>Whether it is complete.</summary>
    public bool Closed { get; set; }

    /// <summary>Id of a call.</summary>
    public string CallId { get; set; } = "";

    /// <summary>Name of a call; null while it is not told.</summary>
    public string? Name { get; set; }

    /// <summary>Arguments that came before the name.</summary>
    public StringBuilder? Early { get; set; }

    /// <summary>Arguments that came with the announcement; they count when no others come.</summary>
    public string? Given { get; set; }

    /// <summary>Whether arguments were heard.</summary>
    public bool Heard { get; set; }
}
