using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Bedrock;
using Belay.Models.Scripted;
using Belay.Storage;

namespace Belay.Models;

/// <summary>A model that can be called, and the parameters to call it with.</summary>
/// <param name="Model">The model.</param>
/// <param name="Parameters">Its parameters, ready for <see cref="ModelRequest.Parameters"/>.</param>
public sealed record ResolvedModel(IModel Model, ModelParameters Parameters)
{
    /// <summary>The key of its calls.</summary>
    internal ProviderKey Key { get; init; } = ProviderKey.None;

    /// <summary>Models that take over, one after the other, when the one before fails; they have none of their own.</summary>
    public IReadOnlyList<ResolvedModel> Fallbacks { get; init; } = [];

    /// <summary>
    /// Finds out now whether the keys of its calls and of those that take over are there, for whoever wants to be told before anything else happens.
    /// </summary>
    /// <exception cref="ServiceException">One is not; every one that is not is named.</exception>
    public async ValueTask RequireKeyAsync(CancellationToken cancellationToken)
    {
        var own = await MissingKeyAsync(cancellationToken);
        var problems = own is null ? [] : new List<string> { own.Message };
        for (var i = 0; i < Fallbacks.Count; i++)
        {
            if (await Fallbacks[i].MissingKeyAsync(cancellationToken) is { } missing)
            {
                own ??= missing;
                problems.Add($"fallbacks[{i}]: {missing.Message}");
            }
        }

        if (own is not null)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, string.Join("; ", problems), own);
        }
    }

    private async ValueTask<ModelException?> MissingKeyAsync(CancellationToken cancellationToken)
    {
        try
        {
            _ = await Key.ReadAsync(cancellationToken);
            return null;
        }
        catch (ModelException missing)
        {
            return missing;
        }
    }
}

/// <summary>Turns a harness's model configuration into a model. Holds the connections, so one serves the whole server.</summary>
public sealed partial class ModelCatalog : IDisposable
{
    private const string Works = "what works is bedrockModelConfig, openAiModelConfig, geminiModelConfig, liteLlmModelConfig with a model of Bedrock, Anthropic, Gemini, OpenAI or a provider that speaks its protocol, and the model belay/scripted in bedrockModelConfig or liteLlmModelConfig";

    private readonly ModelSettings _settings;
    private readonly TimeProvider _time;
    private readonly ModelConnection _bedrock;
    private readonly ModelConnection _others;
    private readonly BedrockCredentials _credentials;
    private readonly ScriptedAttempts _attempts = new();

    /// <summary>Creates the catalog of a server.</summary>
    public ModelCatalog(ModelSettings settings, TimeProvider time)
        : this(settings, time, ModelEndpoint.CreateHandler(settings), ModelEndpoint.CreateHandler(settings))
    {
    }

    /// <summary>Creates a catalog over given transports, for tests.</summary>
    public ModelCatalog(ModelSettings settings, TimeProvider time, HttpMessageHandler bedrock, HttpMessageHandler others)
    {
        _settings = settings;
        _time = time;
        _bedrock = new ModelConnection(bedrock, settings, time);
        _others = new ModelConnection(others, settings, time);
        _credentials = new BedrockCredentials(settings.Bedrock);
    }

    /// <summary>Creates a catalog that signs with given keys instead of those of the credential chain.</summary>
    public ModelCatalog(ModelSettings settings, TimeProvider time, Amazon.Runtime.AWSCredentials credentials)
        : this(settings, time) => _credentials = new BedrockCredentials(credentials);

    /// <summary>Reads the key of a credential provider, null when there is none of that name; asked for each call. By default there are none.</summary>
    /// <remarks>Throws <see cref="InvalidDataException"/> when the key is kept elsewhere and cannot be read.</remarks>
    public Func<Scope, string, CancellationToken, ValueTask<string?>> FindKeyAsync { get; init; } = (_, _, _) => ValueTask.FromResult<string?>(null);

    /// <summary>
    /// The model that a configuration names, with its fallbacks. Sends nothing; a credential that is missing is found out when the model is called,
    /// save where it can be known now.
    /// </summary>
    /// <param name="scope">Account and region of the harness; a key in the token vault must be theirs.</param>
    /// <param name="configuration">What the harness, or a call of it, says.</param>
    /// <exception cref="ServiceException">The configuration cannot be served, with every problem named.</exception>
    public ResolvedModel Resolve(Scope scope, HarnessModelConfiguration configuration) => ModelFallbacks.Resolve(configuration, one => ResolveOne(scope, one));

    /// <inheritdoc/>
    public void Dispose()
    {
        _bedrock.Dispose();
        _others.Dispose();
    }

    private ResolvedModel ResolveOne(Scope scope, HarnessModelConfiguration configuration) => configuration switch
    {
        { BedrockModelConfig: { } bedrock } => Bedrock(bedrock, "model.bedrockModelConfig"),
        { LiteLlmModelConfig: { } liteLlm } => LiteLlm(scope, liteLlm),
        { OpenAiModelConfig: { } openAi } => OpenAi(scope, openAi, "model.openAiModelConfig"),
        { GeminiModelConfig: { } gemini } => Gemini(scope, gemini, "model.geminiModelConfig"),
        _ => throw ServiceException.Invalid([new FieldProblem("model", $"names no model; {Works}.")]),
    };

    private ResolvedModel Bedrock(HarnessBedrockModelConfig config, string path)
    {
        if (config.ModelId == ScriptedModel.Id)
        {
            return Scripted(config.MaxTokens, config.AdditionalParams, path);
        }

        if (config.ApiFormat is HarnessBedrockApiFormat.Responses or HarnessBedrockApiFormat.ChatCompletions)
        {
            return Mantle(config, path);
        }

        var additional = AdditionalParameters.Read(config.AdditionalParams, BedrockRequest.Reserved, $"{path}.additionalParams");
        var caching = additional.Belay.PromptCaching ?? _settings.Bedrock.PromptCaching;
        var model = new BedrockModel(_bedrock, _credentials, _settings.Bedrock, _time, config.ModelId, caching);
        return new ResolvedModel(model, new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private ResolvedModel Scripted(int? maxTokens, JsonElement? additionalParams, string path)
    {
        var additional = AdditionalParameters.Read(additionalParams, [], $"{path}.additionalParams");
        return new ResolvedModel(new ScriptedModel(_time, _attempts), new ModelParameters(maxTokens, Temperature: null, TopP: null, TopK: null, additional.Members));
    }

    [return: NotNullIfNotNull(nameof(preset))]
    private static Uri? BaseUrl(string? apiBase, Uri? preset, string path) =>
        apiBase is null ? preset
        : ModelEndpoint.Problem(apiBase) is { } problem ? throw Invalid(path, problem)
        : new Uri(apiBase);

    private static ServiceException Invalid(string path, string what) => ServiceException.Invalid([new FieldProblem(path, $"{what}.")]);
}
