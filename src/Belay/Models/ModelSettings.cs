namespace Belay.Models;

/// <summary>How models are reached.</summary>
public sealed record ModelSettings
{
    /// <summary>Amazon Bedrock.</summary>
    public BedrockSettings Bedrock { get; init; } = new();

    /// <summary>The OpenAI API, and endpoints that speak it.</summary>
    public OpenAiSettings OpenAi { get; init; } = new();

    /// <summary>The other providers that the prefix of a model id names.</summary>
    public ProviderSettings Providers { get; init; } = new();

    /// <summary>The Anthropic API, and endpoints that speak it.</summary>
    public AnthropicSettings Anthropic { get; init; } = new();

    /// <summary>Seconds without a byte after which a reply counts as broken.</summary>
    public int StallSeconds { get; init; } = 120;

    /// <summary>Seconds that a connection to a provider may take.</summary>
    public int ConnectSeconds { get; init; } = 10;

    /// <summary>Seconds before a throttled or broken call is tried again for the first time, 0.01 to 60; the delays after it double.</summary>
    public double RetryBaseSeconds { get; init; } = RetryPolicy.DefaultBaseSeconds;

    /// <summary>Bytes that one reply may have on the wire.</summary>
    public long MaxReplyBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Everything wrong with these settings, in the operator's words. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (StallSeconds < 1)
        {
            yield return $"Models:StallSeconds must be at least 1, but was {StallSeconds}.";
        }

        if (ConnectSeconds < 1)
        {
            yield return $"Models:ConnectSeconds must be at least 1, but was {ConnectSeconds}.";
        }

        if (RetryBaseSeconds is not (>= 0.01 and <= 60))
        {
            yield return $"Models:RetryBaseSeconds must be 0.01 to 60, but was {RetryBaseSeconds}.";
        }

        if (MaxReplyBytes < 1)
        {
            yield return $"Models:MaxReplyBytes must be at least 1, but was {MaxReplyBytes}.";
        }

        if (Bedrock.Endpoint is { } endpoint && !ModelEndpoint.IsWeb(endpoint))
        {
            yield return "AWS_ENDPOINT_URL_BEDROCK_RUNTIME must be an absolute http or https URL.";
        }

        if (Bedrock.MantleEndpoint is { } mantle && !ModelEndpoint.IsWeb(mantle))
        {
            yield return "AWS_ENDPOINT_URL_BEDROCK_MANTLE must be an absolute http or https URL.";
        }

        if (!ModelEndpoint.IsWeb(OpenAi.BaseUrl))
        {
            yield return "OPENAI_BASE_URL must be an absolute http or https URL.";
        }

        foreach (var problem in Providers.Problems())
        {
            yield return problem;
        }
    }
}

/// <summary>How Amazon Bedrock is reached.</summary>
public sealed record BedrockSettings
{
    /// <summary>Region of the calls and of their signatures.</summary>
    public string Region { get; init; } = "us-west-2";

    /// <summary>Endpoint in place of the region's own; the operator's <c>AWS_ENDPOINT_URL_BEDROCK_RUNTIME</c>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Endpoint of the protocols of OpenAI in place of the region's own; the operator's <c>AWS_ENDPOINT_URL_BEDROCK_MANTLE</c>.</summary>
    public Uri? MantleEndpoint { get; init; }

    /// <summary>The operator's <c>AWS_BEARER_TOKEN_BEDROCK</c> for those protocols; null to derive one from the AWS credentials for each call.</summary>
    public string? BearerToken { get; init; }

    /// <summary>Profile of the AWS configuration files; null for the default one.</summary>
    public string? Profile { get; init; }

    /// <summary>Whether credentials may come from the metadata services of a machine or container. Off by default: on a laptop the
    /// probe costs seconds, and on a shared machine the credentials are somebody else's.</summary>
    public bool UseMetadataServices { get; init; }

    /// <summary>Whether cache points are set for models that are known to take them.</summary>
    public bool PromptCaching { get; init; } = true;

    /// <summary>Shows no token.</summary>
    public override string ToString() => $"BedrockSettings {Region}, token {(BearerToken is null ? "absent" : "present")}";
}

/// <summary>How the OpenAI API is reached.</summary>
public sealed record OpenAiSettings
{
    /// <summary>The public endpoint.</summary>
    public static readonly Uri PublicBaseUrl = new("https://api.openai.com/v1");

    /// <summary>Base URL where a harness names none.</summary>
    public Uri BaseUrl { get; init; } = PublicBaseUrl;

    /// <summary>The operator's key. It is sent only to the origin of <see cref="BaseUrl"/>, never to one that a harness names.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether harnesses may use the operator's key.</summary>
    public bool AllowEnvironmentKeys { get; init; }

    /// <summary>Shows no key.</summary>
    public override string ToString() => $"OpenAiSettings {BaseUrl.GetLeftPart(UriPartial.Authority)}, key {(ApiKey is null ? "absent" : "present")}";
}

/// <summary>How the providers of <see cref="LiteLlmProviders"/> are reached, save OpenAI.</summary>
public sealed record ProviderSettings
{
    /// <summary>The operator's values of <see cref="LiteLlmProviders.Variables"/>, by name. A key is sent only to the origin of its provider's base URL.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether harnesses may use the operator's keys.</summary>
    public bool AllowEnvironmentKeys { get; init; }

    /// <summary>Everything wrong with these settings, in the operator's words.</summary>
    public IEnumerable<string> Problems() =>
        from row in LiteLlmProviders.All
        where row.Prefix != LiteLlmProviders.Default && Value(row.BaseUrlVariable) is not null && Url(row.BaseUrlVariable) is null
        select $"{row.BaseUrlVariable} must be an absolute http or https URL.";

    /// <summary>Shows names only.</summary>
    public override string ToString() => $"ProviderSettings {string.Join(", ", Variables.Keys)}";

    /// <summary>A variable's value; null when it is unset or empty.</summary>
    internal string? Value(string? variable) => variable is not null && Variables.TryGetValue(variable, out var value) && value.Length > 0 ? value : null;

    /// <summary>A variable's value as a URL; null when it is none.</summary>
    internal Uri? Url(string? variable) =>
        Value(variable) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var url) && ModelEndpoint.IsWeb(url) ? url : null;
}

/// <summary>How the Anthropic API is spoken to; where it is and with which key, <see cref="ProviderSettings"/> says.</summary>
public sealed record AnthropicSettings
{
    /// <summary>Whether cache points are set.</summary>
    public bool PromptCaching { get; init; } = true;
}
