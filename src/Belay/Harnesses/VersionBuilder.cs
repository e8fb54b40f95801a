using Belay.Contracts.Harnesses;
using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>
/// Makes the content of a version from a request. Defaults are written into the version, so that it means the same for ever,
/// whatever the server's defaults become. Pure, so that a client can say beforehand what an update will change.
/// </summary>
public static class VersionBuilder
{
    /// <summary>Model calls of an invocation, when nobody says.</summary>
    public const int DefaultMaxIterations = 75;

    /// <summary>Seconds of an invocation, when nobody says.</summary>
    public const int DefaultTimeoutSeconds = 3600;

    /// <summary>Messages that a sliding window keeps, when nobody says.</summary>
    public const int DefaultMessagesCount = 150;

    /// <summary>Version 1.</summary>
    public static Harness Create(Scope scope, CreateHarnessRequest request, string harnessId, string runtimeId, CatalogSettings settings, DateTimeOffset now) => new()
    {
        HarnessId = harnessId,
        HarnessName = request.HarnessName,
        Arn = new HarnessArn(scope, harnessId).ToString(),
        Status = HarnessStatus.Creating,
        HarnessVersion = "1",
        ExecutionRoleArn = request.ExecutionRoleArn,
        CreatedAt = now,
        UpdatedAt = now,
        Model = Model(request.Model ?? settings.DefaultModel),
        SystemPrompt = request.SystemPrompt ?? [],
        Tools = HarnessRules.NameTools(request.Tools ?? []),
        Skills = request.Skills ?? [],
        AllowedTools = request.AllowedTools ?? ["*"],
        Truncation = Truncation(request.Truncation),
        Environment = new()
        {
            AgentCoreRuntimeEnvironment = Environment(request.Environment, new()
            {
                AgentRuntimeArn = $"arn:aws:bedrock-agentcore:{scope.Region}:{scope.Account}:runtime/{runtimeId}",
                AgentRuntimeName = RuntimeName(request.HarnessName),
                AgentRuntimeId = runtimeId,
                LifecycleConfiguration = new(),
                NetworkConfiguration = new() { NetworkMode = NetworkMode.Public },
            }),
        },
        EnvironmentArtifact = request.EnvironmentArtifact,
        EnvironmentVariables = request.EnvironmentVariables is { Count: > 0 } variables ? variables : null,
        AuthorizerConfiguration = request.AuthorizerConfiguration,
        Memory = Memory(request.Memory, null),
        MaxIterations = request.MaxIterations ?? DefaultMaxIterations,
        MaxTokens = request.MaxTokens,
        TimeoutSeconds = request.TimeoutSeconds ?? DefaultTimeoutSeconds,
    };

    /// <summary>The next version: a present member replaces the old value as a whole, an absent one keeps it, an empty wrapper clears it.</summary>
    public static Harness Update(Harness old, UpdateHarnessRequest request, string version, DateTimeOffset now) => old with
    {
        Status = HarnessStatus.Updating,
        HarnessVersion = version,
        CreatedAt = now,
        UpdatedAt = now,
        FailureReason = null,
        ExecutionRoleArn = request.ExecutionRoleArn ?? old.ExecutionRoleArn,
        Model = request.Model is { } model ? Model(model) : old.Model,
        SystemPrompt = request.SystemPrompt ?? old.SystemPrompt,
        Tools = request.Tools is { } tools ? HarnessRules.NameTools(tools) : old.Tools,
        Skills = request.Skills ?? old.Skills,
        AllowedTools = request.AllowedTools ?? old.AllowedTools,
        Truncation = request.Truncation is { } truncation ? Truncation(truncation) : old.Truncation,
        Environment = request.Environment is { } environment
            ? new() { AgentCoreRuntimeEnvironment = Environment(environment, old.Environment.AgentCoreRuntimeEnvironment!) }
            : old.Environment,
        EnvironmentArtifact = request.EnvironmentArtifact is { } artifact ? artifact.OptionalValue : old.EnvironmentArtifact,
        EnvironmentVariables = request.EnvironmentVariables switch
        {
            null => old.EnvironmentVariables,
            { Count: 0 } => null,
            var variables => variables,
        },
        AuthorizerConfiguration = request.AuthorizerConfiguration is { } authorizer ? authorizer.OptionalValue : old.AuthorizerConfiguration,
        Memory = request.Memory is { } memory
            ? Memory(memory.OptionalValue ?? new() { Disabled = new() }, old.Memory?.ManagedMemoryConfiguration)
            : old.Memory,
        MaxIterations = request.MaxIterations ?? old.MaxIterations,
        MaxTokens = request.MaxTokens ?? old.MaxTokens,
        TimeoutSeconds = request.TimeoutSeconds ?? old.TimeoutSeconds,
    };

    private static string RuntimeName(string harnessName) => "harness_" + harnessName;

    private static HarnessModelConfiguration Model(HarnessModelConfiguration model) => model switch
    {
        { BedrockModelConfig: { ApiFormat: null } bedrock } =>
            model with { BedrockModelConfig = bedrock with { ApiFormat = HarnessBedrockApiFormat.ConverseStream } },
        { OpenAiModelConfig: { ApiFormat: null } openAi } =>
            model with { OpenAiModelConfig = openAi with { ApiFormat = HarnessOpenAiApiFormat.ChatCompletions } },
        _ => model,
    };

    private static HarnessTruncationConfiguration Truncation(HarnessTruncationConfiguration? truncation) => truncation switch
    {
        null => Truncation(new HarnessTruncationConfiguration { Strategy = HarnessTruncationStrategy.SlidingWindow }),
        { Strategy: HarnessTruncationStrategy.SlidingWindow } when truncation.Config?.SlidingWindow?.MessagesCount is null =>
            truncation with { Config = new() { SlidingWindow = new() { MessagesCount = DefaultMessagesCount } } },
        _ => truncation,
    };

    /// <summary>The runtime's identity stays; everything else is the request's or a default.</summary>
    private static HarnessAgentCoreRuntimeEnvironment Environment(HarnessEnvironmentProviderRequest? request, HarnessAgentCoreRuntimeEnvironment identity)
    {
        var asked = request?.AgentCoreRuntimeEnvironment;
        var lifetime = asked?.LifecycleConfiguration?.MaxLifetime ?? HarnessRules.DefaultLifetimeSeconds;
        return identity with
        {
            LifecycleConfiguration = new()
            {
                IdleRuntimeSessionTimeout = asked?.LifecycleConfiguration?.IdleRuntimeSessionTimeout ?? Math.Min(HarnessRules.DefaultIdleSeconds, lifetime),
                MaxLifetime = lifetime,
            },
            NetworkConfiguration = asked?.NetworkConfiguration ?? new() { NetworkMode = NetworkMode.Public },
            FilesystemConfigurations = asked?.FilesystemConfigurations,
        };
    }

    /// <summary>The ARN of a managed memory is ours to say; its key stays what it was when none is named.</summary>
    private static HarnessMemoryConfiguration? Memory(HarnessMemoryConfiguration? memory, HarnessManagedMemoryConfiguration? old) =>
        memory?.ManagedMemoryConfiguration is { } managed
            ? memory with { ManagedMemoryConfiguration = managed with { Arn = old?.Arn, EncryptionKeyArn = managed.EncryptionKeyArn ?? old?.EncryptionKeyArn } }
            : memory;
}
