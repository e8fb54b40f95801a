using System.Text.Json.Serialization;
using Belay.Contracts.Sessions;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Usages;

/// <summary>Input of GetUsage: what was used over time, folded from journals.</summary>
public sealed record GetUsageRequest
{
    /// <summary>What rows are told apart by, separated by commas: <c>harness</c>, <c>actor</c>, <c>model</c>; none when left out.</summary>
    [BoundTo(Place.Query, "groupBy")]
    [Bound(Min = 1, Max = 64, Pattern = "(harness|actor|model)(,(harness|actor|model))*")]
    public string? GroupBy { get; init; }

    /// <summary>How long each row's time is; the whole time when left out.</summary>
    [BoundTo(Place.Query, "interval")]
    public UsageInterval? Interval { get; init; }

    /// <summary>Only what happened at or after this time; 24 hours ago when left out.</summary>
    [BoundTo(Place.Query, "since")]
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only what happened before this time; now when left out.</summary>
    [BoundTo(Place.Query, "until")]
    public DateTimeOffset? Until { get; init; }

    /// <summary>Only this harness.</summary>
    [BoundTo(Place.Query, "harnessId")]
    [Bound(Min = 1, Max = 100)]
    public string? HarnessId { get; init; }

    /// <summary>Only this actor.</summary>
    [BoundTo(Place.Query, "actorId")]
    [Bound(Min = 1, Max = 255)]
    public string? ActorId { get; init; }
}

/// <summary>Output of GetUsage.</summary>
public sealed record GetUsageResponse
{
    /// <summary>Begin of the time that was looked at.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>End of the time that was looked at.</summary>
    public required DateTimeOffset Until { get; init; }

    /// <summary>The rows: by time, then by what they are told apart by.</summary>
    public required IReadOnlyList<UsageRow> Rows { get; init; }
}

/// <summary>What was used.</summary>
public sealed record UsageRow
{
    /// <summary>Begin of the row's time, in UTC; absent without an interval.</summary>
    public DateTimeOffset? Start { get; init; }

    /// <summary>The harness, where rows are told apart by it.</summary>
    public string? HarnessId { get; init; }

    /// <summary>The actor, where rows are told apart by it and it is known.</summary>
    public string? ActorId { get; init; }

    /// <summary>Provider of the model, where rows are told apart by it.</summary>
    public string? Provider { get; init; }

    /// <summary>The model, where rows are told apart by it.</summary>
    public string? ModelId { get; init; }

    /// <summary>Invocations that began; absent where rows are told apart by model.</summary>
    public long? Invocations { get; init; }

    /// <summary>Model calls.</summary>
    public required long ModelCalls { get; init; }

    /// <summary>Tool calls; absent where rows are told apart by model.</summary>
    public long? ToolCalls { get; init; }

    /// <summary>Tokens.</summary>
    public required TokenCounts Usage { get; init; }

    /// <summary>What they cost, where every model that was called has a price: the operator's, or the one that comes with the program.</summary>
    public Cost? Cost { get; init; }

    /// <summary>Models that were called and have no price, ten at most, each as its provider, a slash and its id; absent where each has one.</summary>
    public IReadOnlyList<string>? Unpriced { get; init; }
}

/// <summary>How long each row's time is.</summary>
[JsonConverter(typeof(WireEnumConverter<UsageInterval>))]
public enum UsageInterval
{
    /// <summary>An hour, in UTC.</summary>
    [JsonStringEnumMemberName("hour")]
    Hour,

    /// <summary>A day, in UTC.</summary>
    [JsonStringEnumMemberName("day")]
    Day,
}
