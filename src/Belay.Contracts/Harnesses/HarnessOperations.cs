using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Input of CreateHarness.</summary>
public sealed record CreateHarnessRequest
{
    /// <summary>Name, unique in account and region.</summary>
    [Bound(Pattern = Patterns.HarnessName)]
    public required string HarnessName { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }

    /// <summary>Role whose name labels what the agent does.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.RoleArn)]
    public required string ExecutionRoleArn { get; init; }

    /// <summary>Where sessions run.</summary>
    public HarnessEnvironmentProviderRequest? Environment { get; init; }

    /// <summary>Image that sessions run in.</summary>
    public HarnessEnvironmentArtifact? EnvironmentArtifact { get; init; }

    /// <summary>Environment variables of tools and commands.</summary>
    [Sensitive]
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 100)]
    [Bound(Of = Part.Item, Min = 0, Max = 5000)]
    public IReadOnlyDictionary<string, string>? EnvironmentVariables { get; init; }

    /// <summary>Who may invoke.</summary>
    public AuthorizerConfiguration? AuthorizerConfiguration { get; init; }

    /// <summary>The model.</summary>
    public HarnessModelConfiguration? Model { get; init; }

    /// <summary>Instructions.</summary>
    public IReadOnlyList<HarnessSystemContentBlock>? SystemPrompt { get; init; }

    /// <summary>Tool entries.</summary>
    public IReadOnlyList<HarnessTool>? Tools { get; init; }

    /// <summary>Skills.</summary>
    public IReadOnlyList<HarnessSkill>? Skills { get; init; }

    /// <summary>Patterns of the tools that the model may see.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 64, Pattern = @"(\*|@?[^/]+(/[^/]+)?)")]
    public IReadOnlyList<string>? AllowedTools { get; init; }

    /// <summary>What the agent remembers.</summary>
    public HarnessMemoryConfiguration? Memory { get; init; }

    /// <summary>How the conversation is cut to the model's window.</summary>
    public HarnessTruncationConfiguration? Truncation { get; init; }

    /// <summary>Largest number of model calls of one invocation.</summary>
    public int? MaxIterations { get; init; }

    /// <summary>Largest sum of output tokens of one invocation.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Longest run of one invocation, in seconds.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>Lifecycle hooks. A newer member than the published model; a non-empty list is refused until hooks run.</summary>
    public IReadOnlyList<System.Text.Json.JsonElement>? Hooks { get; init; }
}

/// <summary>Input of UpdateHarness. A member that is present replaces the old value as a whole.</summary>
public sealed record UpdateHarnessRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }

    /// <summary>Role whose name labels what the agent does.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.RoleArn)]
    public string? ExecutionRoleArn { get; init; }

    /// <summary>Where sessions run.</summary>
    public HarnessEnvironmentProviderRequest? Environment { get; init; }

    /// <summary>Image that sessions run in; an empty wrapper clears it.</summary>
    public UpdatedHarnessEnvironmentArtifact? EnvironmentArtifact { get; init; }

    /// <summary>Environment variables of tools and commands.</summary>
    [Sensitive]
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 100)]
    [Bound(Of = Part.Item, Min = 0, Max = 5000)]
    public IReadOnlyDictionary<string, string>? EnvironmentVariables { get; init; }

    /// <summary>Who may invoke; an empty wrapper clears it.</summary>
    public UpdatedAuthorizerConfiguration? AuthorizerConfiguration { get; init; }

    /// <summary>The model.</summary>
    public HarnessModelConfiguration? Model { get; init; }

    /// <summary>Instructions.</summary>
    public IReadOnlyList<HarnessSystemContentBlock>? SystemPrompt { get; init; }

    /// <summary>Tool entries.</summary>
    public IReadOnlyList<HarnessTool>? Tools { get; init; }

    /// <summary>Skills.</summary>
    public IReadOnlyList<HarnessSkill>? Skills { get; init; }

    /// <summary>Patterns of the tools that the model may see.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 64, Pattern = @"(\*|@?[^/]+(/[^/]+)?)")]
    public IReadOnlyList<string>? AllowedTools { get; init; }

    /// <summary>What the agent remembers; an empty wrapper disables it.</summary>
    public UpdatedHarnessMemoryConfiguration? Memory { get; init; }

    /// <summary>How the conversation is cut to the model's window.</summary>
    public HarnessTruncationConfiguration? Truncation { get; init; }

    /// <summary>Largest number of model calls of one invocation.</summary>
    public int? MaxIterations { get; init; }

    /// <summary>Largest sum of output tokens of one invocation.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Longest run of one invocation, in seconds.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Lifecycle hooks. A newer member than the published model; a non-empty list is refused until hooks run.</summary>
    public IReadOnlyList<System.Text.Json.JsonElement>? Hooks { get; init; }
}

/// <summary>A new value, or none to clear the old one.</summary>
public sealed record UpdatedHarnessEnvironmentArtifact
{
    /// <summary>The new value.</summary>
    public HarnessEnvironmentArtifact? OptionalValue { get; init; }
}

/// <summary>A new value, or none to clear the old one.</summary>
public sealed record UpdatedAuthorizerConfiguration
{
    /// <summary>The new value.</summary>
    public AuthorizerConfiguration? OptionalValue { get; init; }
}

/// <summary>A new value, or none to clear the old one.</summary>
public sealed record UpdatedHarnessMemoryConfiguration
{
    /// <summary>The new value.</summary>
    public HarnessMemoryConfiguration? OptionalValue { get; init; }
}

/// <summary>Output of CreateHarness.</summary>
public sealed record CreateHarnessResponse
{
    /// <summary>The harness.</summary>
    public required Harness Harness { get; init; }
}

/// <summary>Input of GetHarness.</summary>
public sealed record GetHarnessRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Version to read; the current configuration when left out.</summary>
    [BoundTo(Place.Query, "harnessVersion")]
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? HarnessVersion { get; init; }
}

/// <summary>Output of GetHarness.</summary>
public sealed record GetHarnessResponse
{
    /// <summary>The harness.</summary>
    public required Harness Harness { get; init; }
}

/// <summary>Output of UpdateHarness.</summary>
public sealed record UpdateHarnessResponse
{
    /// <summary>The harness.</summary>
    public required Harness Harness { get; init; }
}

/// <summary>Input of DeleteHarness.</summary>
public sealed record DeleteHarnessRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Makes repeating the request safe for 24 hours.</summary>
    [BoundTo(Place.Query, "clientToken")]
    [Bound(Min = 33, Max = 256, Pattern = Patterns.ClientToken)]
    public string? ClientToken { get; init; }

    /// <summary>Whether the managed memory goes too; true when left out.</summary>
    [BoundTo(Place.Query, "deleteManagedMemory")]
    public bool? DeleteManagedMemory { get; init; }
}

/// <summary>Output of DeleteHarness.</summary>
public sealed record DeleteHarnessResponse
{
    /// <summary>The harness, being deleted.</summary>
    public Harness? Harness { get; init; }
}

/// <summary>Input of ListHarnesses.</summary>
public sealed record ListHarnessesRequest
{
    /// <summary>Largest number of items on the page.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 100)]
    public int? MaxResults { get; init; }

    /// <summary>Where the previous page ended.</summary>
    [BoundTo(Place.Query, "nextToken")]
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}

/// <summary>Output of ListHarnesses.</summary>
public sealed record ListHarnessesResponse
{
    /// <summary>One page, newest first.</summary>
    public required IReadOnlyList<HarnessSummary> Harnesses { get; init; }

    /// <summary>Where the next page begins; absent on the last page.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}

/// <summary>Input of ListHarnessVersions.</summary>
public sealed record ListHarnessVersionsRequest
{
    /// <summary>Id of the harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Largest number of items on the page.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 100)]
    public int? MaxResults { get; init; }

    /// <summary>Where the previous page ended.</summary>
    [BoundTo(Place.Query, "nextToken")]
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}

/// <summary>Output of ListHarnessVersions.</summary>
public sealed record ListHarnessVersionsResponse
{
    /// <summary>One page, newest first.</summary>
    public required IReadOnlyList<HarnessVersionSummary> HarnessVersions { get; init; }

    /// <summary>Where the next page begins; absent on the last page.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.NextToken)]
    public string? NextToken { get; init; }
}
