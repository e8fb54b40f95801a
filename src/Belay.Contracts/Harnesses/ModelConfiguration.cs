using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Which model a harness calls, and how. Exactly one member is set.</summary>
[Union]
public sealed record HarnessModelConfiguration
{
    /// <summary>A model behind Amazon Bedrock, or <c>belay/scripted</c>.</summary>
    public HarnessBedrockModelConfig? BedrockModelConfig { get; init; }

    /// <summary>A model behind the OpenAI API or an endpoint that speaks it.</summary>
    public HarnessOpenAiModelConfig? OpenAiModelConfig { get; init; }

    /// <summary>A Google Gemini model.</summary>
    public HarnessGeminiModelConfig? GeminiModelConfig { get; init; }

    /// <summary>A model named by provider prefix, such as <c>openai/gpt-x</c>.</summary>
    public HarnessLiteLlmModelConfig? LiteLlmModelConfig { get; init; }
}

/// <summary>A Bedrock model and its sampling parameters. A parameter left out is not sent.</summary>
public sealed record HarnessBedrockModelConfig
{
    /// <summary>Model id or inference profile.</summary>
    public required string ModelId { get; init; }

    /// <summary>Largest number of output tokens of one model call.</summary>
    [Bound(Min = 1)]
    public int? MaxTokens { get; init; }

    /// <summary>Sampling temperature.</summary>
    [Bound(Min = 0, Max = 2)]
    public double? Temperature { get; init; }

    /// <summary>Nucleus sampling.</summary>
    [Bound(Min = 0, Max = 1)]
    public double? TopP { get; init; }

    /// <summary>Wire format towards the model.</summary>
    public HarnessBedrockApiFormat? ApiFormat { get; init; }

    /// <summary>Members merged into the provider's request unchanged.</summary>
    public JsonElement? AdditionalParams { get; init; }
}

/// <summary>An OpenAI model and its sampling parameters.</summary>
public sealed record HarnessOpenAiModelConfig
{
    /// <summary>Model id.</summary>
    public required string ModelId { get; init; }

    /// <summary>The API key's provider in the token vault.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string ApiKeyArn { get; init; }

    /// <summary>Base URL of an OpenAI-compatible endpoint.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 16383)]
    public string? ApiBase { get; init; }

    /// <summary>Largest number of output tokens of one model call.</summary>
    [Bound(Min = 1)]
    public int? MaxTokens { get; init; }

    /// <summary>Sampling temperature.</summary>
    [Bound(Min = 0, Max = 2)]
    public double? Temperature { get; init; }

    /// <summary>Nucleus sampling.</summary>
    [Bound(Min = 0, Max = 1)]
    public double? TopP { get; init; }

    /// <summary>Wire format towards the model.</summary>
    public HarnessOpenAiApiFormat? ApiFormat { get; init; }

    /// <summary>Members merged into the provider's request unchanged.</summary>
    public JsonElement? AdditionalParams { get; init; }
}

/// <summary>A Gemini model and its sampling parameters.</summary>
public sealed record HarnessGeminiModelConfig
{
    /// <summary>Model id.</summary>
    public required string ModelId { get; init; }

    /// <summary>The API key's provider in the token vault.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string ApiKeyArn { get; init; }

    /// <summary>Largest number of output tokens of one model call.</summary>
    [Bound(Min = 1)]
    public int? MaxTokens { get; init; }

    /// <summary>Sampling temperature.</summary>
    [Bound(Min = 0, Max = 2)]
    public double? Temperature { get; init; }

    /// <summary>Nucleus sampling.</summary>
    [Bound(Min = 0, Max = 1)]
    public double? TopP { get; init; }

    /// <summary>Sampling from the k most likely tokens.</summary>
    [Bound(Min = 0, Max = 500)]
    public int? TopK { get; init; }

    /// <summary>Members merged into the provider's request unchanged.</summary>
    public JsonElement? AdditionalParams { get; init; }
}

/// <summary>A model named by provider prefix and its sampling parameters.</summary>
public sealed record HarnessLiteLlmModelConfig
{
    /// <summary>Provider prefix and model id.</summary>
    public required string ModelId { get; init; }

    /// <summary>The API key's provider in the token vault; none for a local server.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public string? ApiKeyArn { get; init; }

    /// <summary>Base URL of the provider's endpoint.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 16383)]
    public string? ApiBase { get; init; }

    /// <summary>Largest number of output tokens of one model call.</summary>
    [Bound(Min = 1)]
    public int? MaxTokens { get; init; }

    /// <summary>Sampling temperature.</summary>
    [Bound(Min = 0, Max = 2)]
    public double? Temperature { get; init; }

    /// <summary>Nucleus sampling.</summary>
    [Bound(Min = 0, Max = 1)]
    public double? TopP { get; init; }

    /// <summary>Members merged into the provider's request unchanged.</summary>
    public JsonElement? AdditionalParams { get; init; }
}

/// <summary>Wire format towards a Bedrock model.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessBedrockApiFormat>))]
public enum HarnessBedrockApiFormat
{
    /// <summary>The Converse API, streamed.</summary>
    [JsonStringEnumMemberName("converse_stream")]
    ConverseStream,

    /// <summary>The OpenAI Responses API.</summary>
    [JsonStringEnumMemberName("responses")]
    Responses,

    /// <summary>The OpenAI Chat Completions API.</summary>
    [JsonStringEnumMemberName("chat_completions")]
    ChatCompletions,
}

/// <summary>Wire format towards an OpenAI model.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessOpenAiApiFormat>))]
public enum HarnessOpenAiApiFormat
{
    /// <summary>Chat Completions.</summary>
    [JsonStringEnumMemberName("chat_completions")]
    ChatCompletions,

    /// <summary>Responses.</summary>
    [JsonStringEnumMemberName("responses")]
    Responses,
}
