using System.Text;
using System.Text.Json;

namespace Belay.Models.Anthropic;

/// <summary>A block of a reply that is open.</summary>
internal sealed class AnthropicPart(AnthropicPartKind kind)
{
    /// <summary>The first half of a character whose second half is to come.</summary>
    public char Half;

    private StringBuilder? _held;

    /// <summary>What it is.</summary>
    public AnthropicPartKind Kind { get; } = kind;

    /// <summary>Its number, given when it says something; -1 before.</summary>
    public int Block { get; set; } = -1;

    /// <summary>Id of a call.</summary>
    public string Id { get; set; } = "";

    /// <summary>Name of a call.</summary>
    public string Name { get; set; } = "";

    /// <summary>Arguments that came with the call; null once pieces of them come.</summary>
    public string? Whole { get; set; }

    /// <summary>The call of a server tool as it came.</summary>
    public JsonElement Start { get; set; }

    /// <summary>Arguments of a server tool so far.</summary>
    public StringBuilder Held => _held ??= new();
}

/// <summary>What a block of a reply is.</summary>
internal enum AnthropicPartKind
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>Reasoning, readable or not.</summary>
    Reasoning,

    /// <summary>A call of a tool of ours.</summary>
    Tool,

    /// <summary>A call of a tool that the provider runs itself.</summary>
    ServerTool,

    /// <summary>What is newer than this code.</summary>
    Unknown,
}
