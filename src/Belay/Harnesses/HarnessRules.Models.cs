using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;

namespace Belay.Harnesses;

/// <content>Rules of model configurations.</content>
public static partial class HarnessRules
{
    private const int MaxModelId = 2048;

    /// <summary>Members of a provider's request that <c>additionalParams</c> must not replace: the conversation, the tools, the
    /// stream and the model, under the names that each protocol gives them.</summary>
    private static readonly HashSet<string> ProtectedParams = new(StringComparer.Ordinal)
    {
        "messages", "contents", "input", "tools", "toolConfig", "stream", "model", "modelId",
    };

    /// <summary>The model is one that this server can call, and its additional parameters do not take over the request.</summary>
    public static IEnumerable<FieldProblem> Model(HarnessModelConfiguration? model, string path) => model switch
    {
        { BedrockModelConfig: { } bedrock } =>
        [
            .. ModelId(bedrock.ModelId, $"{path}.bedrockModelConfig"),
            .. AdditionalParams(bedrock.AdditionalParams, $"{path}.bedrockModelConfig"),
        ],
        { OpenAiModelConfig: { } openAi } =>
        [
            .. ModelId(openAi.ModelId, $"{path}.openAiModelConfig"),
            .. ApiBase(openAi.ApiBase, $"{path}.openAiModelConfig"),
            .. AdditionalParams(openAi.AdditionalParams, $"{path}.openAiModelConfig"),
        ],
        { GeminiModelConfig: { } gemini } =>
        [
            .. ModelId(gemini.ModelId, $"{path}.geminiModelConfig"),
            .. AdditionalParams(gemini.AdditionalParams, $"{path}.geminiModelConfig"),
        ],
        { LiteLlmModelConfig: { } lite } =>
        [
            .. ModelId(lite.ModelId, $"{path}.liteLlmModelConfig"),
            .. Prefix(lite, $"{path}.liteLlmModelConfig"),
            .. ApiBase(lite.ApiBase, $"{path}.liteLlmModelConfig"),
            .. AdditionalParams(lite.AdditionalParams, $"{path}.liteLlmModelConfig"),
        ],
        _ => [],
    };

    private static IEnumerable<FieldProblem> ModelId(string? modelId, string path)
    {
        if (modelId is { Length: < 1 or > MaxModelId })
        {
            yield return new($"{path}.modelId", $"must have 1 to {MaxModelId} characters");
        }
        else if (modelId is not null && modelId.StartsWith("belay/", StringComparison.Ordinal) && modelId != "belay/scripted")
        {
            yield return new($"{path}.modelId", "must be belay/scripted, the only model of the prefix belay/");
        }
    }

    private static IEnumerable<FieldProblem> Prefix(HarnessLiteLlmModelConfig lite, string path)
    {
        if (lite.ModelId?.IndexOf('/', StringComparison.Ordinal) is not { } slash || slash < 0)
        {
            yield break;
        }

        var prefix = lite.ModelId[..slash];
        if (prefix.Length == 0 || (prefix != "belay" && lite.ApiBase is null && LiteLlmProviders.Find(prefix) is null))
        {
            var known = LiteLlmProviders.All.Select(provider => provider.Prefix).Append("belay").Order(StringComparer.Ordinal);
            yield return new($"{path}.modelId", $"must begin with a known prefix: {string.Join(", ", known.Select(one => one + "/"))}; with apiBase, any other may name a server that speaks the OpenAI protocol");
        }
        else if (slash == lite.ModelId.Length - 1)
        {
            yield return new($"{path}.modelId", "must name a model after the prefix");
        }
    }

    /// <summary>A model may be on this machine or in a private network, but never where clouds keep their credentials.</summary>
    private static IEnumerable<FieldProblem> ApiBase(string? apiBase, string path)
    {
        if (apiBase is not null && ModelEndpoint.Problem(apiBase) is { } problem)
        {
            yield return new($"{path}.apiBase", problem);
        }
    }

    private static IEnumerable<FieldProblem> AdditionalParams(JsonElement? additional, string path)
    {
        if (additional is not { ValueKind: not JsonValueKind.Null } value)
        {
            yield break;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            yield return new($"{path}.additionalParams", "must be a JSON object");
            yield break;
        }

        foreach (var member in value.EnumerateObject())
        {
            if (ProtectedParams.Contains(member.Name))
            {
                yield return new($"{path}.additionalParams.{member.Name}", "must be left out: the harness sets it");
            }
            else if (member.Name == BelayModelParameters.Member)
            {
                var problems = new List<FieldProblem>();
                var own = ModelFallbacks.ReadParameters(member.Value, $"{path}.additionalParams.{member.Name}", problems);
                foreach (var problem in problems.Concat((own.Fallbacks ?? []).SelectMany((fallback, i) => Model(fallback, $"{path}.additionalParams.{member.Name}.fallbacks[{i}]"))))
                {
                    yield return problem;
                }
            }
        }
    }

    private static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return IPAddress.IsLoopback(address)
            || (address.AddressFamily == AddressFamily.InterNetworkV6
                ? address.IsIPv6UniqueLocal
                : address.GetAddressBytes() is [10, ..] or [192, 168, ..] or [172, >= 16 and <= 31, ..]);
    }
}
