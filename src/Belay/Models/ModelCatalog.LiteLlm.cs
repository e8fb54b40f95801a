using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Anthropic;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.Scripted;

namespace Belay.Models;

/// <content>Models whose provider is the prefix of their id.</content>
public sealed partial class ModelCatalog
{
    private const string ResponsesRoute = "responses/";

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
            _ => OpenAiFormats(provider, modelId, config, Path),
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

    private ResolvedModel OpenAiFormats(LiteLlmProvider provider, string modelId, HarnessLiteLlmModelConfig config, string path)
    {
        var responses = modelId.StartsWith(ResponsesRoute, StringComparison.Ordinal) && (provider.Format is LiteLlmFormat.AzureChatCompletions || provider.Prefix == LiteLlmProviders.Default);
        if (responses)
        {
            modelId = modelId.Length > ResponsesRoute.Length ? modelId[ResponsesRoute.Length..] : throw Invalid($"{path}.modelId", "names no model behind its prefix");
        }

        var access = ProviderAccess.Of(provider, _settings);
        var baseUrl = BaseUrl(config.ApiBase, access.BaseUrl, $"{path}.apiBase")
            ?? throw Invalid($"{path}.apiBase", $"must be given with the prefix {provider.Prefix}/, unless the operator sets {provider.BaseUrlVariable}");
        if (baseUrl.AbsolutePath == "/" && provider.PathWhereNone is { } missing)
        {
            baseUrl = ModelEndpoint.Under(baseUrl, missing);
        }

        var given = new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, config.AdditionalParams);
        var parameters = OpenAiParameters(given, responses, path);
        var target = provider.Format is LiteLlmFormat.AzureChatCompletions
            ? Azure(AzureOpenAi.Deployment(modelId), responses, baseUrl, access, path)
            : new OpenAiTarget(modelId, ModelEndpoint.Under(baseUrl, responses ? "/responses" : "/chat/completions"), access.KeyFor(baseUrl));
        return OpenAi(target with { Name = provider.Name, Dialect = provider.DialectAt(baseUrl) }, parameters, responses);
    }

    private OpenAiTarget Azure(string deployment, bool responses, Uri baseUrl, ProviderAccess access, string path)
    {
        // They would change the URL's path rather than name something in it.
        if (deployment is "" or "." or "..")
        {
            throw Invalid($"{path}.modelId", "must name a deployment");
        }

        var version = _settings.Providers.Value(access.Provider.VersionVariable);
        var url = responses ? AzureOpenAi.ResponsesUrl(baseUrl, version) : AzureOpenAi.Url(baseUrl, deployment, version);
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

    private static (string Prefix, string ModelId) Split(string modelId) => modelId.IndexOf('/') is >= 0 and var slash
        ? (modelId[..slash], modelId[(slash + 1)..])
        : (LiteLlmProviders.Default, modelId);

    /// <summary>A provider that no row names can still be called where the harness says where it is. It has no key of the operator's.</summary>
    private static LiteLlmProvider Unknown(string prefix, HarnessLiteLlmModelConfig config, string path) => config.ApiBase is not null
        ? new LiteLlmProvider(prefix) { Name = OpenAiModel.ProviderName }
        : throw Invalid($"{path}.modelId", "has a prefix that is not known; name the server with apiBase, if it speaks the OpenAI protocol");
}
