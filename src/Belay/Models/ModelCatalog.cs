using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.Scripted;

namespace Belay.Models;

/// <summary>A model that can be called, and the parameters to call it with.</summary>
/// <param name="Model">The model.</param>
/// <param name="Parameters">Its parameters, ready for <see cref="ModelRequest.Parameters"/>.</param>
public sealed record ResolvedModel(IModel Model, ModelParameters Parameters);

/// <summary>Turns a harness's model configuration into a model. Holds the connections, so one serves the whole server.</summary>
public sealed class ModelCatalog : IDisposable
{
    private const string Works = "what works is bedrockModelConfig with apiFormat converse_stream, liteLlmModelConfig with a model of Bedrock, Anthropic, Gemini, OpenAI or a provider that speaks its protocol, and the model belay/scripted in either";

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

        if (config.ApiFormat is { } format && format is not HarnessBedrockApiFormat.ConverseStream)
        {
            throw NotBuilt($"{path}.apiFormat", "is not built yet");
        }

        var additional = AdditionalParameters.Read(config.AdditionalParams, BedrockRequest.Reserved, $"{path}.additionalParams");
        var caching = additional.Belay.Caching ?? _settings.Bedrock.PromptCaching;
        var model = new BedrockModel(_bedrock, _credentials, _settings.Bedrock, _time, config.ModelId, caching);
        return new ResolvedModel(model, new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private ResolvedModel LiteLlm(HarnessLiteLlmModelConfig config)
    {
        const string Path = "model.liteLlmModelConfig";
        if (config.ModelId == ScriptedModel.Id)
        {
            return Scripted(config.MaxTokens, config.AdditionalParams, Path);
        }

        var (prefix, modelId) = Split(config.ModelId);
        if (prefix.Length == 0 || modelId.Length == 0 || prefix == "belay")
        {
            throw Invalid($"{Path}.modelId", modelId.Length == 0 ? "names no model behind its prefix" : "has a prefix that names no provider");
        }

        if (config.ApiKeyArn is not null)
        {
            throw NotBuilt($"{Path}.apiKeyArn", "cannot be used yet: credential providers are not built yet");
        }

        var provider = LiteLlmProviders.Find(prefix) ?? Unknown(prefix, config, Path);
        return provider.Format switch
        {
            LiteLlmFormat.Converse => Converse(modelId, config, Path),
            LiteLlmFormat.Messages => Messages(provider, modelId, config, Path),
            LiteLlmFormat.GenerateContent => GenerateContent(provider, modelId, config, Path),
            _ => ChatCompletions(provider, modelId, config, Path),
        };
    }

    /// <summary>Bedrock by another name. Calls are signed with the server's credentials, so that only the operator says where they go.</summary>
    private ResolvedModel Converse(string modelId, HarnessLiteLlmModelConfig config, string path)
    {
        const string Route = "converse/";
        var id = modelId.StartsWith(Route, StringComparison.Ordinal) ? modelId[Route.Length..] : modelId;
        if (id.Length == 0 || (id.Contains('/', StringComparison.Ordinal) && !id.StartsWith("arn:", StringComparison.Ordinal)))
        {
            throw Invalid($"{path}.modelId", "must be bedrock/<model id> or bedrock/converse/<model id>; other routes and regions are not built");
        }

        return config.ApiBase is null
            ? Bedrock(new HarnessBedrockModelConfig { ModelId = id, MaxTokens = config.MaxTokens, Temperature = config.Temperature, TopP = config.TopP, AdditionalParams = config.AdditionalParams }, path)
            : throw Invalid($"{path}.apiBase", "must be left out with bedrock/: the operator says where Bedrock is");
    }

    private ResolvedModel ChatCompletions(LiteLlmProvider provider, string modelId, HarnessLiteLlmModelConfig config, string path)
    {
        if (modelId.StartsWith("responses/", StringComparison.Ordinal) && (provider.Format is LiteLlmFormat.AzureChatCompletions || provider.Prefix == LiteLlmProviders.Default))
        {
            throw NotBuilt($"{path}.modelId", "asks for the Responses API, which is not built yet");
        }

        var access = ProviderAccess.Of(provider, _settings);
        var baseUrl = BaseUrl(config.ApiBase, access.BaseUrl, $"{path}.apiBase")
            ?? throw Invalid($"{path}.apiBase", $"must be given with the prefix {provider.Prefix}/, unless the operator sets {provider.BaseUrlVariable}");
        if (baseUrl.AbsolutePath == "/" && provider.PathWhereNone is { } missing)
        {
            baseUrl = ModelEndpoint.Under(baseUrl, missing);
        }

        var additional = AdditionalParameters.Read(config.AdditionalParams, OpenAiRequest.Reserved, $"{path}.additionalParams");
        var target = provider.Format is LiteLlmFormat.AzureChatCompletions
            ? Azure(AzureOpenAi.Deployment(modelId), baseUrl, access, path)
            : new OpenAiTarget(modelId, ModelEndpoint.Under(baseUrl, "/chat/completions"), access.KeyFor(baseUrl));
        return new ResolvedModel(
            new OpenAiModel(_others, target with { Name = provider.Name, Dialect = provider.DialectAt(baseUrl) }),
            new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private OpenAiTarget Azure(string deployment, Uri baseUrl, ProviderAccess access, string path)
    {
        // They would change the URL's path rather than name something in it.
        if (deployment is "" or "." or "..")
        {
            throw Invalid($"{path}.modelId", "must name a deployment");
        }

        var url = AzureOpenAi.Url(baseUrl, deployment, _settings.Providers.Value(access.Provider.VersionVariable));
        return new OpenAiTarget(deployment, url, access.KeyFor(baseUrl)) { KeyHeader = AzureOpenAi.KeyHeader };
    }

    private ResolvedModel Messages(LiteLlmProvider provider, string modelId, HarnessLiteLlmModelConfig config, string path)
    {
        var access = ProviderAccess.Of(provider, _settings);
        var baseUrl = BaseUrl(config.ApiBase, access.BaseUrl, $"{path}.apiBase")!; // Its row says where it is.
        var additional = AdditionalParameters.Read(config.AdditionalParams, AnthropicRequest.Reserved, $"{path}.additionalParams");
        var target = new AnthropicTarget(modelId, baseUrl, access.KeyFor(baseUrl), additional.Belay.Caching ?? _settings.Anthropic.PromptCaching);
        return new ResolvedModel(
            new AnthropicModel(_others, target),
            new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private ResolvedModel GenerateContent(LiteLlmProvider provider, string modelId, HarnessLiteLlmModelConfig config, string path)
    {
        var access = ProviderAccess.Of(provider, _settings);
        var baseUrl = BaseUrl(config.ApiBase, access.BaseUrl, $"{path}.apiBase")!; // Its row says where it is.
        var additional = AdditionalParameters.Read(config.AdditionalParams, GeminiRequest.Reserved, $"{path}.additionalParams");
        if (GeminiRequest.Problems(additional.Members, $"{path}.additionalParams").ToList() is { Count: > 0 } problems)
        {
            throw ServiceException.Invalid(problems);
        }

        return new ResolvedModel(
            new GeminiModel(_others, new GeminiTarget(modelId, baseUrl, access.KeyFor(baseUrl))),
            new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private ResolvedModel Scripted(int? maxTokens, JsonElement? additionalParams, string path)
    {
        var additional = AdditionalParameters.Read(additionalParams, [], $"{path}.additionalParams");
        return new ResolvedModel(new ScriptedModel(_time, _attempts), new ModelParameters(maxTokens, Temperature: null, TopP: null, TopK: null, additional.Members));
    }

    private static (string Prefix, string ModelId) Split(string modelId) => modelId.IndexOf('/') is >= 0 and var slash
        ? (modelId[..slash], modelId[(slash + 1)..])
        : (LiteLlmProviders.Default, modelId);

    /// <summary>A provider that no row names can still be called where the harness says where it is. It has no key of the operator's.</summary>
    private static LiteLlmProvider Unknown(string prefix, HarnessLiteLlmModelConfig config, string path) => config.ApiBase is not null
        ? new LiteLlmProvider(prefix) { Name = OpenAiModel.ProviderName }
        : throw Invalid($"{path}.modelId", "has a prefix that is not known; name the server with apiBase, if it speaks the OpenAI protocol");

    [return: NotNullIfNotNull(nameof(preset))]
    private static Uri? BaseUrl(string? apiBase, Uri? preset, string path) =>
        apiBase is null ? preset
        : ModelEndpoint.Problem(apiBase) is { } problem ? throw Invalid(path, problem)
        : new Uri(apiBase);

    private static ServiceException Invalid(string path, string what) => ServiceException.Invalid([new FieldProblem(path, $"{what}.")]);

    private static ServiceException NotBuilt(string path, string what) => Invalid(path, $"{what}; {Works}");
}
