using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;

namespace Belay.Harnesses;

/// <content>Rules of model configurations.</content>
public static partial class HarnessRules
{
    private const int MaxModelId = 2048;

    /// <summary>Prefixes that choose a provider in <c>liteLlmModelConfig.modelId</c>. No prefix means <c>openai/</c>.</summary>
    public static IReadOnlySet<string> LiteLlmPrefixes { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "openai", "anthropic", "bedrock", "gemini", "azure", "ollama", "hosted_vllm", "openrouter", "groq", "mistral", "deepseek", "belay",
    };

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
            .. Prefix(lite.ModelId, $"{path}.liteLlmModelConfig"),
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

    private static IEnumerable<FieldProblem> Prefix(string? modelId, string path)
    {
        if (modelId?.IndexOf('/', StringComparison.Ordinal) is not { } slash || slash < 0)
        {
            yield break;
        }

        if (!LiteLlmPrefixes.Contains(modelId[..slash]))
        {
            yield return new($"{path}.modelId", $"must begin with a known prefix: {string.Join(", ", LiteLlmPrefixes.Order(StringComparer.Ordinal).Select(prefix => prefix + "/"))}");
        }
        else if (slash == modelId.Length - 1)
        {
            yield return new($"{path}.modelId", "must name a model after the prefix");
        }
    }

    /// <summary>A model may be on this machine or in a private network, but never where clouds keep their credentials.</summary>
    private static IEnumerable<FieldProblem> ApiBase(string? apiBase, string path)
    {
        if (apiBase is null)
        {
            yield break;
        }

        if (!Uri.TryCreate(apiBase, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp) || url.UserInfo.Length > 0)
        {
            yield return new($"{path}.apiBase", "must be an http or https URL without user information");
        }
        else if (IPAddress.TryParse(url.DnsSafeHost, out var address) && IsLinkLocal(address))
        {
            yield return new($"{path}.apiBase", "must not be a link-local address");
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
            else if (member.Name == "belay" && member.Value.ValueKind != JsonValueKind.Object)
            {
                yield return new($"{path}.additionalParams.belay", "must be a JSON object");
            }
        }
    }

    private static bool IsLinkLocal(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? address.IsIPv6LinkLocal
            : address.GetAddressBytes() is [169, 254, ..];
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
