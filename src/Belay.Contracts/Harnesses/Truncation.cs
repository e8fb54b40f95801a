using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>How a conversation is cut to the model's window.</summary>
public sealed record HarnessTruncationConfiguration
{
    /// <summary>The method.</summary>
    public required HarnessTruncationStrategy Strategy { get; init; }

    /// <summary>Settings of the method; the member must match it.</summary>
    public HarnessTruncationStrategyConfiguration? Config { get; init; }
}

/// <summary>How a conversation is cut.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessTruncationStrategy>))]
public enum HarnessTruncationStrategy
{
    /// <summary>Keep the newest messages.</summary>
    [JsonStringEnumMemberName("sliding_window")]
    SlidingWindow,

    /// <summary>Replace the oldest messages by a summary when the window overflows.</summary>
    [JsonStringEnumMemberName("summarization")]
    Summarization,

    /// <summary>Never cut.</summary>
    [JsonStringEnumMemberName("none")]
    None,
}

/// <summary>Settings of a truncation method. Exactly one member is set.</summary>
[Union]
public sealed record HarnessTruncationStrategyConfiguration
{
    /// <summary>For <see cref="HarnessTruncationStrategy.SlidingWindow"/>.</summary>
    public HarnessSlidingWindowConfiguration? SlidingWindow { get; init; }

    /// <summary>For <see cref="HarnessTruncationStrategy.Summarization"/>.</summary>
    public HarnessSummarizationConfiguration? Summarization { get; init; }
}

/// <summary>Settings of the sliding window.</summary>
public sealed record HarnessSlidingWindowConfiguration
{
    /// <summary>How many messages are kept, at least 1.</summary>
    public int? MessagesCount { get; init; }
}

/// <summary>Settings of summarising.</summary>
public sealed record HarnessSummarizationConfiguration
{
    /// <summary>Share of the oldest messages that is summarised, 0 to 1.</summary>
    public double? SummaryRatio { get; init; }

    /// <summary>How many of the newest messages are never summarised.</summary>
    public int? PreserveRecentMessages { get; init; }

    /// <summary>System prompt of the summary call.</summary>
    public string? SummarizationSystemPrompt { get; init; }
}
