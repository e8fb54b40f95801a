using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Invocations;

/// <summary>One message of the conversation, as clients send it.</summary>
public sealed record HarnessMessage
{
    /// <summary>Who speaks.</summary>
    public required HarnessConversationRole Role { get; init; }

    /// <summary>What is said.</summary>
    public required IReadOnlyList<HarnessContentBlock> Content { get; init; }
}

/// <summary>Who speaks.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessConversationRole>))]
public enum HarnessConversationRole
{
    /// <summary>The caller, and results of tools.</summary>
    [JsonStringEnumMemberName("user")]
    User,

    /// <summary>The model.</summary>
    [JsonStringEnumMemberName("assistant")]
    Assistant,
}

/// <summary>One block of a message. Exactly one member is set; the set member is the kind.</summary>
[Union]
public sealed record HarnessContentBlock
{
    /// <summary>Text.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public string? Text { get; init; }

    /// <summary>The model asks for a tool.</summary>
    public HarnessToolUseBlock? ToolUse { get; init; }

    /// <summary>What a tool answered.</summary>
    public HarnessToolResultBlock? ToolResult { get; init; }

    /// <summary>What the model thought.</summary>
    [Sensitive]
    public HarnessReasoningContentBlock? ReasoningContent { get; init; }
}

/// <summary>The model asks for a tool.</summary>
public sealed record HarnessToolUseBlock
{
    /// <summary>Name of the tool.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string Name { get; init; }

    /// <summary>Id of the call.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string ToolUseId { get; init; }

    /// <summary>Arguments.</summary>
    [Sensitive]
    public required JsonElement Input { get; init; }

    /// <summary>Where the tool runs.</summary>
    public HarnessToolUseType? Type { get; init; }

    /// <summary>Entry that provides the tool.</summary>
    public string? ServerName { get; init; }
}

/// <summary>Where a tool runs.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessToolUseType>))]
public enum HarnessToolUseType
{
    /// <summary>In the harness, or at the caller.</summary>
    [JsonStringEnumMemberName("tool_use")]
    ToolUse,

    /// <summary>At the model's provider.</summary>
    [JsonStringEnumMemberName("server_tool_use")]
    ServerToolUse,

    /// <summary>At an MCP server or a gateway.</summary>
    [JsonStringEnumMemberName("mcp_tool_use")]
    McpToolUse,
}

/// <summary>What a tool answered.</summary>
public sealed record HarnessToolResultBlock
{
    /// <summary>Id of the call.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string ToolUseId { get; init; }

    /// <summary>The answer.</summary>
    public required IReadOnlyList<HarnessToolResultContentBlock> Content { get; init; }

    /// <summary>Whether it worked.</summary>
    public HarnessToolUseStatus? Status { get; init; }

    /// <summary>Where the tool ran.</summary>
    public HarnessToolUseType? Type { get; init; }
}

/// <summary>A piece of a tool's answer. Exactly one member is set.</summary>
[Union]
public sealed record HarnessToolResultContentBlock
{
    /// <summary>Text.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public string? Text { get; init; }

    /// <summary>JSON.</summary>
    [Sensitive]
    public JsonElement? Json { get; init; }
}

/// <summary>Whether a tool worked.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessToolUseStatus>))]
public enum HarnessToolUseStatus
{
    /// <summary>It worked.</summary>
    [JsonStringEnumMemberName("success")]
    Success,

    /// <summary>It failed; the content says why.</summary>
    [JsonStringEnumMemberName("error")]
    Error,
}

/// <summary>What the model thought. Exactly one member is set.</summary>
[Union]
public sealed record HarnessReasoningContentBlock
{
    /// <summary>Readable reasoning.</summary>
    [Sensitive]
    public HarnessReasoningTextBlock? ReasoningText { get; init; }

    /// <summary>Reasoning that only the provider can read.</summary>
    public byte[]? RedactedContent { get; init; }
}

/// <summary>Readable reasoning.</summary>
public sealed record HarnessReasoningTextBlock
{
    /// <summary>The text.</summary>
    public required string Text { get; init; }

    /// <summary>The provider's signature over it.</summary>
    public string? Signature { get; init; }
}
