using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Identity;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Storage;

namespace Belay.Models;

/// <content>Models whose key is in the token vault, and the keys.</content>
public sealed partial class ModelCatalog
{
    private ResolvedModel OpenAi(Scope scope, HarnessOpenAiModelConfig config, string path)
    {
        var provider = LiteLlmProviders.Find(LiteLlmProviders.Default)!; // It has a row.
        var baseUrl = BaseUrl(config.ApiBase, ProviderAccess.Of(provider, _settings).BaseUrl, $"{path}.apiBase")!; // Its settings say where it is.
        var responses = config.ApiFormat is HarnessOpenAiApiFormat.Responses;
        var url = ModelEndpoint.Under(baseUrl, responses ? "/responses" : "/chat/completions");
        var target = new OpenAiTarget(config.ModelId, url, VaultKey(scope, config.ApiKeyArn, path)) { Name = provider.Prefix, Dialect = provider.DialectAt(baseUrl) };
        var given = new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, config.AdditionalParams);
        return OpenAi(target, OpenAiParameters(given, responses, path), responses);
    }

    private ResolvedModel Gemini(Scope scope, HarnessGeminiModelConfig config, string path)
    {
        var provider = LiteLlmProviders.Find(GeminiModel.ProviderName)!; // It has a row, which says where it is.
        var target = new GeminiTarget(config.ModelId, ProviderAccess.Of(provider, _settings).BaseUrl!, VaultKey(scope, config.ApiKeyArn, path));
        return GeminiAt(target, new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, config.TopK, GeminiParameters(config.AdditionalParams, path)));
    }

    private ResolvedModel GeminiAt(GeminiTarget target, ModelParameters parameters) => new(new GeminiModel(_others, target), parameters) { Key = target.Key };

    private static JsonElement? GeminiParameters(JsonElement? additionalParams, string path)
    {
        var additional = AdditionalParameters.Read(additionalParams, GeminiRequest.Reserved, $"{path}.additionalParams");
        return GeminiRequest.Problems(additional.Members, $"{path}.additionalParams").ToList() is { Count: > 0 } problems
            ? throw ServiceException.Invalid(problems)
            : additional.Members;
    }

    /// <summary>
    /// The key that a harness names. It goes where the harness's calls go: its owner named both. The operator's key never takes its place.
    /// </summary>
    private ProviderKey VaultKey(Scope scope, string arn, string path)
    {
        if (CredentialProviderArn.TryParse(arn) is not { } parsed)
        {
            throw Invalid($"{path}.apiKeyArn", $"must be the ARN of a credential provider in the vault {TokenVault.DefaultId}");
        }

        if (parsed.Scope != scope)
        {
            throw Invalid($"{path}.apiKeyArn", $"must name a credential provider of the harness's own account and region, {scope.Account} and {scope.Region}");
        }

        return new ProviderKey(async cancellationToken => Fit(parsed.Name, await ReadAsync(scope, parsed.Name, cancellationToken)));
    }

    private async ValueTask<string?> ReadAsync(Scope scope, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await FindKeyAsync(scope, name, cancellationToken);
        }
        catch (InvalidDataException problem)
        {
            throw new ModelException(ModelFailure.Refused, $"credential provider {name} has no key now: its secretId {problem.Message}", cause: problem);
        }
    }

    private static string Fit(string name, string? key) => key switch
    {
        null => throw new ModelException(ModelFailure.Refused, $"credential provider not found: {name}"),
        _ when key.Any(character => character is <= ' ' or > '~') => throw new ModelException(ModelFailure.Refused, $"credential provider {name} has a key that no request can carry: it has spaces, line ends or characters that are not ASCII"),
        _ => key,
    };
}
