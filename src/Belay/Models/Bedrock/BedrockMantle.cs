namespace Belay.Models.Bedrock;

/// <summary>Where Bedrock speaks the protocols of OpenAI. Pure.</summary>
internal static class BedrockMantle
{
    /// <summary>What messages call the provider; as with the other protocol of Bedrock.</summary>
    public const string Name = BedrockModel.ProviderName;

    private const string OpenSource = "gpt-oss";
    private const string Maker = "openai.";

    /// <summary>
    /// Base URL for a model: OpenAI's own are below <c>/openai/v1</c>, all others, those that OpenAI gave away among them, below
    /// <c>/v1</c>. An endpoint of the operator's that ends in <c>/v1</c> is taken as it is.
    /// </summary>
    public static Uri BaseUrl(BedrockSettings settings, string modelId)
    {
        var endpoint = settings.MantleEndpoint ?? new Uri($"https://bedrock-mantle.{settings.Region}.api.aws");
        return endpoint.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal)
            ? endpoint
            : ModelEndpoint.Under(endpoint, IsProprietary(modelId) ? "/openai/v1" : "/v1");
    }

    // A profile's id has a region before the maker.
    private static bool IsProprietary(string modelId) =>
        !modelId.Contains(OpenSource, StringComparison.Ordinal)
        && (modelId.StartsWith(Maker, StringComparison.Ordinal) || modelId.Contains("." + Maker, StringComparison.Ordinal));
}
