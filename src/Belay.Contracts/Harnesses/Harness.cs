using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>A harness as it is stored, versioned and returned: one immutable snapshot of an agent's configuration.</summary>
public sealed record Harness
{
    /// <summary>Id: the name, a hyphen and ten random characters.</summary>
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name, unique in account and region.</summary>
    [Bound(Pattern = Patterns.HarnessName)]
    public required string HarnessName { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Pattern = Patterns.HarnessArn)]
    public required string Arn { get; init; }

    /// <summary>State of the resource.</summary>
    public required HarnessStatus Status { get; init; }

    /// <summary>Version of this snapshot.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? HarnessVersion { get; init; }

    /// <summary>Role whose name labels what the agent does.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.RoleArn)]
    public required string ExecutionRoleArn { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its state or configuration last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The model.</summary>
    public required HarnessModelConfiguration Model { get; init; }

    /// <summary>Instructions.</summary>
    public required IReadOnlyList<HarnessSystemContentBlock> SystemPrompt { get; init; }

    /// <summary>Tool entries.</summary>
    public required IReadOnlyList<HarnessTool> Tools { get; init; }

    /// <summary>Skills.</summary>
    public required IReadOnlyList<HarnessSkill> Skills { get; init; }

    /// <summary>Patterns of the tools that the model may see.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 64, Pattern = @"(\*|@?[^/]+(/[^/]+)?)")]
    public required IReadOnlyList<string> AllowedTools { get; init; }

    /// <summary>How the conversation is cut to the model's window.</summary>
    public required HarnessTruncationConfiguration Truncation { get; init; }

    /// <summary>Where sessions run.</summary>
    public required HarnessEnvironmentProvider Environment { get; init; }

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

    /// <summary>What the agent remembers.</summary>
    public HarnessMemoryConfiguration? Memory { get; init; }

    /// <summary>Largest number of model calls of one invocation.</summary>
    public int? MaxIterations { get; init; }

    /// <summary>Largest sum of output tokens of one invocation.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Longest run of one invocation, in seconds.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Why the last creation, update or deletion failed.</summary>
    public string? FailureReason { get; init; }
}

/// <summary>A piece of the instructions. Exactly one member is set.</summary>
[Union]
public sealed record HarnessSystemContentBlock
{
    /// <summary>Text.</summary>
    [Sensitive]
    [Bound(Min = 1)]
    public string? Text { get; init; }
}

/// <summary>State of a harness or of an endpoint.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessStatus>))]
public enum HarnessStatus
{
    /// <summary>Being created.</summary>
    [JsonStringEnumMemberName("CREATING")]
    Creating,

    /// <summary>Creation failed.</summary>
    [JsonStringEnumMemberName("CREATE_FAILED")]
    CreateFailed,

    /// <summary>Being updated; the old configuration serves.</summary>
    [JsonStringEnumMemberName("UPDATING")]
    Updating,

    /// <summary>The last update failed; the old configuration serves.</summary>
    [JsonStringEnumMemberName("UPDATE_FAILED")]
    UpdateFailed,

    /// <summary>Serving.</summary>
    [JsonStringEnumMemberName("READY")]
    Ready,

    /// <summary>Being deleted.</summary>
    [JsonStringEnumMemberName("DELETING")]
    Deleting,

    /// <summary>Deletion failed.</summary>
    [JsonStringEnumMemberName("DELETE_FAILED")]
    DeleteFailed,
}

/// <summary>A harness in a list.</summary>
public sealed record HarnessSummary
{
    /// <summary>Id.</summary>
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name.</summary>
    [Bound(Pattern = Patterns.HarnessName)]
    public required string HarnessName { get; init; }

    /// <summary>ARN.</summary>
    [Bound(Pattern = Patterns.HarnessArn)]
    public required string Arn { get; init; }

    /// <summary>State.</summary>
    public required HarnessStatus Status { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Newest version.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? HarnessVersion { get; init; }
}

/// <summary>A version in a list.</summary>
public sealed record HarnessVersionSummary
{
    /// <summary>Id of the harness.</summary>
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the harness.</summary>
    [Bound(Pattern = Patterns.HarnessName)]
    public required string HarnessName { get; init; }

    /// <summary>ARN of the harness.</summary>
    [Bound(Pattern = Patterns.HarnessArn)]
    public required string Arn { get; init; }

    /// <summary>The version.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public required string HarnessVersion { get; init; }

    /// <summary>State of the version.</summary>
    public required HarnessStatus Status { get; init; }

    /// <summary>When the version was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its state last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Why it failed.</summary>
    public string? FailureReason { get; init; }
}

/// <summary>A named pointer to a version.</summary>
public sealed record HarnessEndpoint
{
    /// <summary>Id of the harness.</summary>
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>Name of the harness.</summary>
    [Bound(Pattern = Patterns.HarnessName)]
    public required string HarnessName { get; init; }

    /// <summary>Name of the endpoint.</summary>
    [Bound(Pattern = Patterns.EndpointName)]
    public required string EndpointName { get; init; }

    /// <summary>ARN of the endpoint.</summary>
    [Bound(Pattern = Patterns.HarnessArn + "/harness-endpoint/" + Patterns.EndpointName)]
    public required string Arn { get; init; }

    /// <summary>State.</summary>
    public required HarnessStatus Status { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Version that is served.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? LiveVersion { get; init; }

    /// <summary>Version that is being rolled out.</summary>
    [Bound(Min = 1, Max = 5, Pattern = Patterns.HarnessVersion)]
    public string? TargetVersion { get; init; }

    /// <summary>What it is for.</summary>
    [Bound(Min = 1, Max = 256)]
    public string? Description { get; init; }

    /// <summary>Why the last change failed.</summary>
    public string? FailureReason { get; init; }
}
