using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Bedrock;
using Belay.Models.Scripted;

namespace Belay.Models;

/// <summary>A model that can be called, and the parameters to call it with.</summary>
/// <param name="Model">The model.</param>
/// <param name="Parameters">Its parameters, ready for <see cref="ModelRequest.Parameters"/>.</param>
public sealed record ResolvedModel(IModel Model, ModelParameters Parameters);

/// <summary>Turns a harness's model configuration into a model. Holds the connections, so one serves the whole server.</summary>
public sealed partial class ModelCatalog : IDisposable
{
    private const string Works = "what works is bedrockModelConfig, liteLlmModelConfig with a model of Bedrock, Anthropic, Gemini, OpenAI or a provider that speaks its protocol, and the model belay/scripted in either";

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

    /// <summary>
    /// The model that a configuration names. Sends nothing; a credential that is missing is found out when the model is called,
    /// save where it can be known now.
    /// </summary>
    /// <exception cref="ServiceException">The configuration cannot be served, with every problem named.</exception>
    public ResolvedModel Resolve(HarnessModelConfiguration configuration) => configuration switch
    {
        { BedrockModelConfig: { } bedrock } => Bedrock(bedrock, "model.bedrockModelConfig"),
        { LiteLlmModelConfig: { } liteLlm } => LiteLlm(liteLlm),
        { OpenAiModelConfig: not null } => throw NotBuilt("model.openAiModelConfig", "cannot be invoked yet: it needs a credential provider, and those are not built yet"),
        { GeminiModelConfig: not null } => throw NotBuilt("model.geminiModelConfig", "cannot be invoked yet: it needs a credential provider, and those are not built yet"),
        _ => throw ServiceException.Invalid([new FieldProblem("model", $"names no model; {Works}.")]),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _bedrock.Dispose();
        _others.Dispose();
    }

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
        var caching = additional.Belay.Caching ?? _settings.Bedrock.PromptCaching;
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

    private static ServiceException NotBuilt(string path, string what) => Invalid(path, $"{what}; {Works}");
}
