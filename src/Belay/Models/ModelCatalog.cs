using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
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
    private const string OpenAiPrefix = "openai";
    private const string GeminiPrefix = "gemini/";
    private const string Works = "what works is bedrockModelConfig with apiFormat converse_stream, liteLlmModelConfig with an openai/ or gemini/ model, and the model belay/scripted in either";

    private static readonly string[] LaterPrefixes =
        ["anthropic", "bedrock", "azure", "ollama", "hosted_vllm", "openrouter", "groq", "mistral", "deepseek"];

    private readonly ModelSettings _settings;
    private readonly TimeProvider _time;
    private readonly ModelConnection _bedrock;
    private readonly ModelConnection _openAi;
    private readonly ModelConnection _gemini;
    private readonly BedrockCredentials _credentials;
    private readonly ScriptedAttempts _attempts = new();

    /// <summary>Creates the catalog of a server.</summary>
    public ModelCatalog(ModelSettings settings, TimeProvider time)
        : this(settings, time, ModelEndpoint.CreateHandler(settings), ModelEndpoint.CreateHandler(settings))
    {
    }

    /// <summary>Creates a catalog over given transports, for tests.</summary>
    public ModelCatalog(ModelSettings settings, TimeProvider time, HttpMessageHandler bedrock, HttpMessageHandler openAi)
    {
        _settings = settings;
        _time = time;
        _bedrock = new ModelConnection(bedrock, settings, time);
        _openAi = new ModelConnection(openAi, settings, time);
        _gemini = new ModelConnection(ModelEndpoint.CreateHandler(settings), settings, time);
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
        { BedrockModelConfig: { } bedrock } => Bedrock(bedrock),
        { LiteLlmModelConfig: { } liteLlm } => LiteLlm(liteLlm),
        { OpenAiModelConfig: not null } => throw NotBuilt("model.openAiModelConfig", "cannot be invoked yet: it needs a credential provider, and those are not built yet"),
        { GeminiModelConfig: not null } => throw NotBuilt("model.geminiModelConfig", "cannot be invoked yet: it needs a credential provider, and those are not built yet"),
        _ => throw ServiceException.Invalid([new FieldProblem("model", $"names no model; {Works}.")]),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _bedrock.Dispose();
        _openAi.Dispose();
        _gemini.Dispose();
    }

    private ResolvedModel Bedrock(HarnessBedrockModelConfig config)
    {
        const string Path = "model.bedrockModelConfig";
        if (config.ModelId == ScriptedModel.Id)
        {
            return Scripted(config.MaxTokens, config.AdditionalParams, Path);
        }

        if (config.ApiFormat is { } format && format is not HarnessBedrockApiFormat.ConverseStream)
        {
            throw NotBuilt($"{Path}.apiFormat", "is not built yet");
        }

        var additional = AdditionalParameters.Read(config.AdditionalParams, BedrockRequest.Reserved, $"{Path}.additionalParams");
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

        if (config.ModelId.StartsWith(GeminiPrefix, StringComparison.Ordinal))
        {
            return Gemini(config, Path);
        }

        var modelId = OpenAiModelId(config.ModelId, $"{Path}.modelId");
        RefuseKeyArn(config, Path);
        var baseUrl = BaseUrl(config.ApiBase, _settings.OpenAi.BaseUrl, $"{Path}.apiBase");
        var additional = AdditionalParameters.Read(config.AdditionalParams, OpenAiRequest.Reserved, $"{Path}.additionalParams");
        var target = new OpenAiTarget(modelId, baseUrl, KeyFor(baseUrl), "max_tokens");
        return new ResolvedModel(
            new OpenAiModel(_openAi, target),
            new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private ResolvedModel Gemini(HarnessLiteLlmModelConfig config, string path)
    {
        var modelId = config.ModelId[GeminiPrefix.Length..];
        if (modelId.Length == 0)
        {
            throw ServiceException.Invalid([new FieldProblem($"{path}.modelId", "names no model behind its prefix.")]);
        }

        RefuseKeyArn(config, path);
        var baseUrl = BaseUrl(config.ApiBase, _settings.Gemini.BaseUrl, $"{path}.apiBase");
        var additional = AdditionalParameters.Read(config.AdditionalParams, GeminiRequest.Reserved, $"{path}.additionalParams");
        if (GeminiRequest.Problems(additional.Members, $"{path}.additionalParams").ToList() is { Count: > 0 } problems)
        {
            throw ServiceException.Invalid(problems);
        }

        return new ResolvedModel(
            new GeminiModel(_gemini, new GeminiTarget(modelId, baseUrl, _settings.Gemini.KeyFor(baseUrl))),
            new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, additional.Members));
    }

    private static void RefuseKeyArn(HarnessLiteLlmModelConfig config, string path)
    {
        if (config.ApiKeyArn is not null)
        {
            throw NotBuilt($"{path}.apiKeyArn", "cannot be used yet: credential providers are not built yet");
        }
    }

    private ResolvedModel Scripted(int? maxTokens, JsonElement? additionalParams, string path)
    {
        var additional = AdditionalParameters.Read(additionalParams, [], $"{path}.additionalParams");
        return new ResolvedModel(new ScriptedModel(_time, _attempts), new ModelParameters(maxTokens, Temperature: null, TopP: null, TopK: null, additional.Members));
    }

    private static string OpenAiModelId(string modelId, string path)
    {
        var slash = modelId.IndexOf('/');
        if (slash < 0)
        {
            return modelId;
        }

        var prefix = modelId[..slash];
        var rest = modelId[(slash + 1)..];
        if (prefix != OpenAiPrefix)
        {
            throw LaterPrefixes.Contains(prefix)
                ? NotBuilt(path, $"has the prefix {prefix}/, which is not built yet")
                : ServiceException.Invalid([new FieldProblem(path, "has a prefix that is not known; write openai/<model> with apiBase for any server that speaks the OpenAI API.")]);
        }

        return rest.StartsWith("responses/", StringComparison.Ordinal) ? throw NotBuilt(path, "asks for the Responses API, which is not built yet")
            : rest.Length > 0 ? rest
            : throw ServiceException.Invalid([new FieldProblem(path, "names no model behind its prefix.")]);
    }

    private static Uri BaseUrl(string? apiBase, Uri preset, string path)
    {
        if (apiBase is null)
        {
            return preset;
        }

        // The value may hold a secret, so that no message repeats it.
        return Uri.TryCreate(apiBase, UriKind.Absolute, out var uri) && ModelEndpoint.IsWeb(uri) && uri.UserInfo.Length == 0
            ? uri
            : throw ServiceException.Invalid([new FieldProblem(path, "must be an absolute http or https URL without user information.")]);
    }

    /// <summary>The operator's key goes only where the operator points: a caller who names an endpoint must not receive it.</summary>
    private string? KeyFor(Uri baseUrl)
    {
        var openAi = _settings.OpenAi;
        var ours = Uri.Compare(baseUrl, openAi.BaseUrl, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
        if (ours && openAi is { AllowEnvironmentKeys: true, ApiKey.Length: > 0 })
        {
            return openAi.ApiKey;
        }

        if (baseUrl.Host.Equals(OpenAiSettings.PublicBaseUrl.Host, StringComparison.OrdinalIgnoreCase))
        {
            throw new ServiceException(
                FaultCode.RuntimeClientError,
                openAi.ApiKey is { Length: > 0 } && !openAi.AllowEnvironmentKeys
                    ? "openai: the server has an API key in its environment, but its operator has not allowed harnesses to use it."
                    : "openai: there is no API key for the public endpoint; set OPENAI_API_KEY for the server and allow its use, or name another endpoint with apiBase.");
        }

        return null;
    }

    private static ServiceException NotBuilt(string path, string what) => ServiceException.Invalid([new FieldProblem(path, $"{what}; {Works}.")]);
}
