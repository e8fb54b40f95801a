using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>One message of the conversation as it is kept. It holds what no wire shape has: provider state, images, citations.</summary>
public sealed record Message(HarnessConversationRole Role, IReadOnlyList<Block> Blocks);

/// <summary>One block of a message. The set is closed.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(Text), "text")]
[JsonDerivedType(typeof(Reasoning), "reasoning")]
[JsonDerivedType(typeof(RedactedReasoning), "redacted")]
[JsonDerivedType(typeof(ToolUse), "toolUse")]
[JsonDerivedType(typeof(ToolResult), "toolResult")]
[JsonDerivedType(typeof(Image), "image")]
[JsonDerivedType(typeof(Citation), "citation")]
public abstract record Block
{
    private Block()
    {
    }

    /// <summary>What the provider wants back unchanged with this block when it is called again; opaque to everyone else.</summary>
    public ProviderState? State { get; init; }

    /// <summary>Text.</summary>
    public sealed record Text(string Value) : Block;

    /// <summary>Readable reasoning.</summary>
    public sealed record Reasoning(string Value, string? Signature) : Block;

    /// <summary>Reasoning that only the provider can read.</summary>
    public sealed record RedactedReasoning(byte[] Value) : Block;

    /// <summary>The model asks for a tool. <paramref name="RawInput"/> keeps the argument text when it is not valid JSON.</summary>
    public sealed record ToolUse(string Id, string Name, JsonElement Input, HarnessToolUseType Kind, string? Server, string? RawInput = null) : Block;

    /// <summary>What a tool answered.</summary>
    public sealed record ToolResult(string ToolUseId, HarnessToolUseStatus Status, IReadOnlyList<ToolContent> Content, JsonElement? Metadata = null) : Block;

    /// <summary>An image.</summary>
    public sealed record Image(string MediaType, byte[] Bytes) : Block;

    /// <summary>A source that the provider cites for the text before.</summary>
    public sealed record Citation(string Source, string? Title, string? Quote) : Block;
}

/// <summary>A piece of a tool's answer. The set is closed.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(Text), "text")]
[JsonDerivedType(typeof(Json), "json")]
[JsonDerivedType(typeof(Image), "image")]
public abstract record ToolContent
{
    private ToolContent()
    {
    }

    /// <summary>Text.</summary>
    public sealed record Text(string Value) : ToolContent;

    /// <summary>JSON.</summary>
    public sealed record Json(JsonElement Value) : ToolContent;

    /// <summary>An image; the wire shows a text in its place.</summary>
    public sealed record Image(string MediaType, byte[] Bytes) : ToolContent;
}

/// <summary>What a provider wants back unchanged.</summary>
/// <param name="Provider">Who made it; it is sent to no one else.</param>
/// <param name="ModelId">Model that made it.</param>
/// <param name="Value">The state.</param>
public sealed record ProviderState(string Provider, string ModelId, JsonElement Value);
