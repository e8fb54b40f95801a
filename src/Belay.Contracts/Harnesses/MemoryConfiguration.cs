using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>What a harness remembers. Exactly one member is set.</summary>
[Union]
public sealed record HarnessMemoryConfiguration
{
    /// <summary>A memory that the account owns.</summary>
    public HarnessAgentCoreMemoryConfiguration? AgentCoreMemoryConfiguration { get; init; }

    /// <summary>A memory that belongs to the harness.</summary>
    public HarnessManagedMemoryConfiguration? ManagedMemoryConfiguration { get; init; }

    /// <summary>No memory.</summary>
    public HarnessDisabledMemoryConfiguration? Disabled { get; init; }
}

/// <summary>No memory.</summary>
public sealed record HarnessDisabledMemoryConfiguration;

/// <summary>A memory that the account owns, attached to a harness.</summary>
public sealed record HarnessAgentCoreMemoryConfiguration
{
    /// <summary>The memory's ARN.</summary>
    [Bound(Pattern = Patterns.MemoryArn)]
    public required string Arn { get; init; }

    /// <summary>Actor whose memories are used when the call names none.</summary>
    public string? ActorId { get; init; }

    /// <summary>How many messages are loaded back.</summary>
    public int? MessagesCount { get; init; }

    /// <summary>What is retrieved, by namespace template.</summary>
    public IReadOnlyDictionary<string, HarnessAgentCoreMemoryRetrievalConfig>? RetrievalConfig { get; init; }
}

/// <summary>How one namespace is searched.</summary>
public sealed record HarnessAgentCoreMemoryRetrievalConfig
{
    /// <summary>Largest number of records.</summary>
    public int? TopK { get; init; }

    /// <summary>Smallest relevance, 0 to 1.</summary>
    public double? RelevanceScore { get; init; }

    /// <summary>Strategy whose records are searched.</summary>
    public string? StrategyId { get; init; }
}

/// <summary>A memory that is made with the harness and belongs to it.</summary>
public sealed record HarnessManagedMemoryConfiguration
{
    /// <summary>The memory's ARN, once it is known; ignored in requests.</summary>
    [Bound(Pattern = Patterns.MemoryArn)]
    public string? Arn { get; init; }

    /// <summary>What is extracted from conversations.</summary>
    [Bound(Min = 1, Max = 4)]
    public IReadOnlyList<HarnessManagedMemoryStrategyType>? Strategies { get; init; }

    /// <summary>Days until an event expires.</summary>
    [Bound(Min = 3, Max = 365)]
    public int? EventExpiryDuration { get; init; }

    /// <summary>Key that seals the memory; fixed after creation.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = "arn:aws(|-cn|-us-gov):kms:[a-zA-Z0-9-]*:[0-9]{12}:key/[a-zA-Z0-9-]{36}")]
    public string? EncryptionKeyArn { get; init; }
}

/// <summary>What is extracted from conversations.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessManagedMemoryStrategyType>))]
public enum HarnessManagedMemoryStrategyType
{
    /// <summary>Facts.</summary>
    [JsonStringEnumMemberName("SEMANTIC")]
    Semantic,

    /// <summary>Summaries of sessions.</summary>
    [JsonStringEnumMemberName("SUMMARIZATION")]
    Summarization,

    /// <summary>What a person prefers.</summary>
    [JsonStringEnumMemberName("USER_PREFERENCE")]
    UserPreference,

    /// <summary>Episodes and what was learnt from them.</summary>
    [JsonStringEnumMemberName("EPISODIC")]
    Episodic,
}
