using Belay.Models.OpenAi;

namespace Belay.Models;

/// <summary>
/// The providers that a prefix in <c>liteLlmModelConfig.modelId</c> names. Everything in which one differs from another is a row
/// here: where it is, how it is spoken to, which variables of the operator's environment belong to it.
/// </summary>
public static class LiteLlmProviders
{
    /// <summary>Provider of model ids without a prefix.</summary>
    internal const string Default = "openai";

    private static readonly LiteLlmProvider[] Rows =
    [
        // The public endpoint refuses max_tokens for its newer models; those who imitate it may know nothing else.
        new("openai")
        {
            DefaultBaseUrl = OpenAiSettings.PublicBaseUrl, KeyVariable = "OPENAI_API_KEY", BaseUrlVariable = "OPENAI_BASE_URL",
            Dialect = new(OpenAiDialect.MaxCompletionTokens),
        },
        new("azure")
        {
            Format = LiteLlmFormat.AzureChatCompletions, PublicDomain = "azure.com",
            KeyVariable = "AZURE_API_KEY", BaseUrlVariable = "AZURE_API_BASE", VersionVariable = "AZURE_API_VERSION",
            Dialect = new(OpenAiDialect.MaxCompletionTokens),
        },
        // Named without /v1 elsewhere, since LiteLLM speaks Ollama's own protocol; both forms are understood.
        new("ollama") { DefaultBaseUrl = new("http://127.0.0.1:11434/v1"), BaseUrlVariable = "OLLAMA_API_BASE", PathWhereNone = "/v1" },
        new("ollama_chat") { DefaultBaseUrl = new("http://127.0.0.1:11434/v1"), BaseUrlVariable = "OLLAMA_API_BASE", PathWhereNone = "/v1" },
        new("hosted_vllm") { KeyVariable = "HOSTED_VLLM_API_KEY", BaseUrlVariable = "HOSTED_VLLM_API_BASE", PathWhereNone = "/v1" },
        new("openrouter") { DefaultBaseUrl = new("https://openrouter.ai/api/v1"), KeyVariable = "OPENROUTER_API_KEY", BaseUrlVariable = "OPENROUTER_API_BASE" },
        new("groq") { DefaultBaseUrl = new("https://api.groq.com/openai/v1"), KeyVariable = "GROQ_API_KEY", BaseUrlVariable = "GROQ_API_BASE" },
        // Refuses members that it does not know, stream_options among them, and counts the tokens of a stream unasked. Its own ids
        // of tool calls have nine characters, and so must those that another provider gave. After a tool the assistant speaks.
        new("mistral")
        {
            DefaultBaseUrl = new("https://api.mistral.ai/v1"), KeyVariable = "MISTRAL_API_KEY", BaseUrlVariable = "MISTRAL_API_BASE",
            PathWhereNone = "/v1", Dialect = new(StreamOptions: false, IdLength: 9, UserAfterTool: false),
        },
        new("deepseek") { DefaultBaseUrl = new("https://api.deepseek.com/v1"), KeyVariable = "DEEPSEEK_API_KEY", BaseUrlVariable = "DEEPSEEK_API_BASE" },
        new("together_ai") { DefaultBaseUrl = new("https://api.together.xyz/v1"), KeyVariable = "TOGETHERAI_API_KEY", BaseUrlVariable = "TOGETHER_AI_API_BASE" },
        new("xai") { DefaultBaseUrl = new("https://api.x.ai/v1"), KeyVariable = "XAI_API_KEY", BaseUrlVariable = "XAI_API_BASE" },
        new("litellm_proxy") { KeyVariable = "LITELLM_PROXY_API_KEY", BaseUrlVariable = "LITELLM_PROXY_API_BASE" },
        new("bedrock") { Format = LiteLlmFormat.Converse },
        new("anthropic")
        {
            Format = LiteLlmFormat.Messages, DefaultBaseUrl = new("https://api.anthropic.com"), KeyVariable = "ANTHROPIC_API_KEY", BaseUrlVariable = "ANTHROPIC_BASE_URL",
        },
        new("gemini")
        {
            Format = LiteLlmFormat.GenerateContent, DefaultBaseUrl = new("https://generativelanguage.googleapis.com/v1beta"),
            KeyVariable = "GEMINI_API_KEY", BaseUrlVariable = "GOOGLE_GEMINI_BASE_URL",
        },
    ];

    /// <summary>Variables of the environment that hold keys.</summary>
    public static IReadOnlyList<string> KeyVariables { get; } = [.. Rows.Select(row => row.KeyVariable).OfType<string>()];

    /// <summary>Every variable of the environment that a row reads.</summary>
    public static IReadOnlyList<string> Variables { get; } =
        [.. Rows.SelectMany(row => (string?[])[row.KeyVariable, row.BaseUrlVariable, row.VersionVariable]).OfType<string>().Distinct()];

    /// <summary>Every row.</summary>
    internal static IReadOnlyList<LiteLlmProvider> All => Rows;

    /// <summary>The row of a prefix; null when there is none.</summary>
    internal static LiteLlmProvider? Find(string prefix) => Array.Find(Rows, row => row.Prefix == prefix);
}

/// <summary>How a provider is spoken to.</summary>
internal enum LiteLlmFormat
{
    /// <summary>OpenAI chat completions below a base URL, with the key as a bearer token.</summary>
    ChatCompletions,

    /// <summary>The same with Azure's URLs, versions and key header.</summary>
    AzureChatCompletions,

    /// <summary>Amazon Bedrock's ConverseStream, with the server's AWS credentials.</summary>
    Converse,

    /// <summary>Anthropic's Messages API.</summary>
    Messages,

    /// <summary>Gemini's streamGenerateContent.</summary>
    GenerateContent,
}

/// <summary>A row of <see cref="LiteLlmProviders"/>.</summary>
/// <param name="Prefix">What stands before the first slash of a model id; also the provider's name in journals, bills and messages.</param>
internal sealed record LiteLlmProvider(string Prefix)
{
    /// <summary>How it is spoken to.</summary>
    public LiteLlmFormat Format { get; init; }

    /// <summary>Where it is; null when only a harness or the operator can say.</summary>
    public Uri? DefaultBaseUrl { get; init; }

    /// <summary>Domain of its public endpoints where each customer has one; they refuse calls without a key.</summary>
    public string? PublicDomain { get; init; }

    /// <summary>Variable that holds the operator's key; null where there are no keys.</summary>
    public string? KeyVariable { get; init; }

    /// <summary>Variable with which the operator points elsewhere.</summary>
    public string? BaseUrlVariable { get; init; }

    /// <summary>Variable that holds the version of the protocol.</summary>
    public string? VersionVariable { get; init; }

    /// <summary>Path of a base URL that has none; null to leave it so.</summary>
    public string? PathWhereNone { get; init; }

    /// <summary>What the provider itself understands.</summary>
    public OpenAiDialect Dialect { get; init; } = OpenAiDialect.Plain;

    /// <summary>Whether a URL is the provider's own public endpoint, which refuses calls without a key.</summary>
    public bool IsPublic(Uri url) => KeyVariable is not null
        && (url.Host.Equals(DefaultBaseUrl?.Host, StringComparison.OrdinalIgnoreCase)
            || (PublicDomain is not null && url.Host.EndsWith("." + PublicDomain, StringComparison.OrdinalIgnoreCase)));

    /// <summary>The dialect that is spoken at a URL: servers that imitate a provider know its older members best.</summary>
    public OpenAiDialect DialectAt(Uri url) =>
        DefaultBaseUrl is null || url.Host.Equals(DefaultBaseUrl.Host, StringComparison.OrdinalIgnoreCase)
            ? Dialect
            : Dialect with { MaxTokens = OpenAiDialect.Plain.MaxTokens };
}
