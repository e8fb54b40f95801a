using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Bedrock;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;

namespace Belay.Models;

/// <content>The two protocols of OpenAI, wherever they are spoken.</content>
public sealed partial class ModelCatalog
{
    /// <summary>Parameters of such a model, <c>additionalParams</c> checked.</summary>
    /// <param name="given">As the harness gives them.</param>
    /// <param name="responses">Whether it speaks the Responses API.</param>
    /// <param name="path">Path of the configuration, for messages.</param>
    private static ModelParameters OpenAiParameters(ModelParameters given, bool responses, string path)
    {
        var reserved = responses ? ResponsesRequest.Reserved : OpenAiRequest.Reserved;
        var additional = AdditionalParameters.Read(given.Additional, reserved, $"{path}.additionalParams").Members;
        return responses && ResponsesRequest.Problems(additional, $"{path}.additionalParams").ToList() is { Count: > 0 } problems
            ? throw ServiceException.Invalid(problems)
            : given with { Additional = additional };
    }

    /// <summary>A model that speaks chat completions, or the Responses API.</summary>
    /// <param name="target">Which model, where, and with which key; its URL is the one that calls are posted to.</param>
    /// <param name="parameters">Its parameters; see <see cref="OpenAiParameters"/>.</param>
    /// <param name="responses">Whether it speaks the Responses API.</param>
    private ResolvedModel OpenAi(OpenAiTarget target, ModelParameters parameters, bool responses) =>
        new(responses ? new ResponsesModel(_others, target) : new OpenAiModel(_others, target), parameters) { Key = target.Key };

    /// <summary>Bedrock's endpoint for the protocols of OpenAI. As with ConverseStream, only the operator says where it is.</summary>
    private ResolvedModel Mantle(HarnessBedrockModelConfig config, string path)
    {
        var responses = config.ApiFormat is HarnessBedrockApiFormat.Responses;
        var url = ModelEndpoint.Under(BedrockMantle.BaseUrl(_settings.Bedrock, config.ModelId), responses ? "/responses" : "/chat/completions");
        var target = new OpenAiTarget(config.ModelId, url, MantleKey())
        {
            Name = BedrockMantle.Name,
            Dialect = new(OpenAiDialect.MaxCompletionTokens),
        };
        var given = new ModelParameters(config.MaxTokens, config.Temperature, config.TopP, TopK: null, config.AdditionalParams);
        return OpenAi(target, OpenAiParameters(given, responses, path), responses);
    }

    private ProviderKey MantleKey() => _settings.Bedrock.BearerToken is { Length: > 0 } token
        ? ProviderKey.Of(token)
        : new(async cancellationToken => BedrockToken.Of(await _credentials.GetAsync(cancellationToken), _settings.Bedrock.Region, _time.GetUtcNow())) { IsMadeForEachCall = true };
}
