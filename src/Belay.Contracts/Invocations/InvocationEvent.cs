using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Invocations;

/// <summary>
/// An event of the InvokeHarness stream. The set is closed: <see cref="EventType"/> is the frame's <c>:event-type</c>, the
/// concrete record is its payload.
/// </summary>
public abstract record InvocationEvent
{
    private protected InvocationEvent()
    {
    }

    /// <summary>The frame's event type.</summary>
    [JsonIgnore]
    public abstract string EventType { get; }
}

/// <summary>A message begins.</summary>
public sealed record HarnessMessageStartEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "messageStart";

    /// <summary>Who speaks.</summary>
    public required HarnessConversationRole Role { get; init; }
}

/// <summary>A block of a tool call or a tool result begins. Text and reasoning blocks begin with their first delta.</summary>
public sealed record HarnessContentBlockStartEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "contentBlockStart";

    /// <summary>Position of the block in its message, from 0.</summary>
    public required int ContentBlockIndex { get; init; }

    /// <summary>What begins.</summary>
    public required HarnessContentBlockStart Start { get; init; }
}

/// <summary>What begins. Exactly one member is set.</summary>
[Union]
public sealed record HarnessContentBlockStart
{
    /// <summary>A tool call.</summary>
    public HarnessToolUseBlockStart? ToolUse { get; init; }

    /// <summary>A tool's answer.</summary>
    public HarnessToolResultBlockStart? ToolResult { get; init; }
}

/// <summary>A tool call begins.</summary>
public sealed record HarnessToolUseBlockStart
{
    /// <summary>Id of the call.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string ToolUseId { get; init; }

    /// <summary>Name of the tool.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string Name { get; init; }

    /// <summary>Where the tool runs.</summary>
    public HarnessToolUseType? Type { get; init; }

    /// <summary>Entry that provides the tool.</summary>
    public string? ServerName { get; init; }
}

/// <summary>A tool's answer begins.</summary>
public sealed record HarnessToolResultBlockStart
{
    /// <summary>Id of the call.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public required string ToolUseId { get; init; }

    /// <summary>Whether it worked.</summary>
    public HarnessToolUseStatus? Status { get; init; }
}

/// <summary>A piece of a block.</summary>
public sealed record HarnessContentBlockDeltaEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "contentBlockDelta";

    /// <summary>Position of the block in its message, from 0.</summary>
    public required int ContentBlockIndex { get; init; }

    /// <summary>The piece.</summary>
    public required HarnessContentBlockDelta Delta { get; init; }
}

/// <summary>A piece of a block. Exactly one member is set, never empty.</summary>
[Union]
public sealed record HarnessContentBlockDelta
{
    /// <summary>Text.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public string? Text { get; init; }

    /// <summary>A fragment of a tool call's arguments.</summary>
    public HarnessToolUseBlockDelta? ToolUse { get; init; }

    /// <summary>Pieces of a tool's answer.</summary>
    public IReadOnlyList<HarnessToolResultBlockDelta>? ToolResult { get; init; }

    /// <summary>A piece of reasoning.</summary>
    [Sensitive]
    public HarnessReasoningContentBlockDelta? ReasoningContent { get; init; }

    /// <summary>A fragment of a tool answer's metadata.</summary>
    public HarnessToolResultMetadataBlockDelta? ToolResultMetadata { get; init; }
}

/// <summary>A fragment of a tool call's arguments; only the concatenation is JSON.</summary>
public sealed record HarnessToolUseBlockDelta
{
    /// <summary>The fragment.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public required string Input { get; init; }
}

/// <summary>A piece of a tool's answer. Exactly one member is set.</summary>
[Union]
public sealed record HarnessToolResultBlockDelta
{
    /// <summary>Text; successive texts concatenate.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public string? Text { get; init; }

    /// <summary>JSON, complete.</summary>
    [Sensitive]
    public JsonElement? Json { get; init; }
}

/// <summary>A piece of reasoning. Exactly one member is set.</summary>
[Union]
public sealed record HarnessReasoningContentBlockDelta
{
    /// <summary>Text.</summary>
    public string? Text { get; init; }

    /// <summary>Reasoning that only the provider can read.</summary>
    [Sensitive]
    [Bound(Min = 0, Max = 100000000)]
    public byte[]? RedactedContent { get; init; }

    /// <summary>The provider's signature.</summary>
    public string? Signature { get; init; }
}

/// <summary>A fragment of a tool answer's metadata; only the concatenation is JSON.</summary>
public sealed record HarnessToolResultMetadataBlockDelta
{
    /// <summary>The fragment.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public required string Metadata { get; init; }
}

/// <summary>A block ends.</summary>
public sealed record HarnessContentBlockStopEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "contentBlockStop";

    /// <summary>Position of the block in its message, from 0.</summary>
    public required int ContentBlockIndex { get; init; }
}

/// <summary>A message ends, or, without a message start, the invocation stops for the reason given.</summary>
public sealed record HarnessMessageStopEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "messageStop";

    /// <summary>Why.</summary>
    public required HarnessStopReason StopReason { get; init; }
}

/// <summary>Totals of the invocation; the last event of a successful stream.</summary>
public sealed record HarnessMetadataEvent : InvocationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override string EventType => "metadata";

    /// <summary>Tokens, summed over all model calls.</summary>
    public required HarnessTokenUsage Usage { get; init; }

    /// <summary>Times.</summary>
    public required HarnessStreamMetrics Metrics { get; init; }
}

/// <summary>Tokens of one or more model calls.</summary>
public sealed record HarnessTokenUsage
{
    /// <summary>Tokens that the model read.</summary>
    [Bound(Min = 0)]
    public required int InputTokens { get; init; }

    /// <summary>Tokens that the model wrote.</summary>
    [Bound(Min = 0)]
    public required int OutputTokens { get; init; }

    /// <summary>Both.</summary>
    [Bound(Min = 0)]
    public required int TotalTokens { get; init; }

    /// <summary>Tokens read from the provider's cache; absent when none.</summary>
    [Bound(Min = 0)]
    public int? CacheReadInputTokens { get; init; }

    /// <summary>Tokens written to the provider's cache; absent when none.</summary>
    [Bound(Min = 0)]
    public int? CacheWriteInputTokens { get; init; }
}

/// <summary>Times of an invocation.</summary>
public sealed record HarnessStreamMetrics
{
    /// <summary>Wall time in milliseconds.</summary>
    public required long LatencyMs { get; init; }
}

/// <summary>Why a message or an invocation ended.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessStopReason>))]
public enum HarnessStopReason
{
    /// <summary>The model finished.</summary>
    [JsonStringEnumMemberName("end_turn")]
    EndTurn,

    /// <summary>The model asks for tools; last in a stream when the caller must answer.</summary>
    [JsonStringEnumMemberName("tool_use")]
    ToolUse,

    /// <summary>A message of tool answers ends.</summary>
    [JsonStringEnumMemberName("tool_result")]
    ToolResult,

    /// <summary>The model hit the limit of one call.</summary>
    [JsonStringEnumMemberName("max_tokens")]
    MaxTokens,

    /// <summary>A stop sequence matched.</summary>
    [JsonStringEnumMemberName("stop_sequence")]
    StopSequence,

    /// <summary>The provider filtered the answer.</summary>
    [JsonStringEnumMemberName("content_filtered")]
    ContentFiltered,

    /// <summary>The model's output broke its protocol.</summary>
    [JsonStringEnumMemberName("malformed_model_output")]
    MalformedModelOutput,

    /// <summary>The provider says that a tool call is malformed.</summary>
    [JsonStringEnumMemberName("malformed_tool_use")]
    MalformedToolUse,

    /// <summary>The session was stopped.</summary>
    [JsonStringEnumMemberName("interrupted")]
    Interrupted,

    /// <summary>The server closes the stream before the turn is over; the session can continue.</summary>
    [JsonStringEnumMemberName("partial_turn")]
    PartialTurn,

    /// <summary>The conversation is too long for the model and cannot be reduced.</summary>
    [JsonStringEnumMemberName("model_context_window_exceeded")]
    ModelContextWindowExceeded,

    /// <summary>The limit of model calls is reached.</summary>
    [JsonStringEnumMemberName("max_iterations_exceeded")]
    MaxIterationsExceeded,

    /// <summary>The limit of output tokens is reached.</summary>
    [JsonStringEnumMemberName("max_output_tokens_exceeded")]
    MaxOutputTokensExceeded,

    /// <summary>The limit of time is reached.</summary>
    [JsonStringEnumMemberName("timeout_exceeded")]
    TimeoutExceeded,
}
