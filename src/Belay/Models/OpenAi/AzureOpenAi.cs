namespace Belay.Models.OpenAi;

/// <summary>Where Azure differs from the protocol that it speaks. Pure.</summary>
internal static class AzureOpenAi
{
    /// <summary>Header of the key.</summary>
    public const string KeyHeader = "api-key";

    /// <summary>Version of the protocol where neither the base URL nor the operator names one.</summary>
    public const string DefaultVersion = "2025-02-01-preview";

    private const string VersionParameter = "api-version=";

    // LiteLLM's words for how a deployment wants its parameters; they are no part of its name.
    private static readonly string[] Series = ["o_series/", "gpt5_series/"];

    /// <summary>The deployment that a model id names, without the words that LiteLLM puts before it.</summary>
    public static string Deployment(string modelId) =>
        Array.Find(Series, word => modelId.StartsWith(word, StringComparison.Ordinal)) is { } series ? modelId[series.Length..] : modelId;

    /// <summary>
    /// URL of a deployment's chat completions. The base is that of a resource, of a deployment
    /// (<c>…/openai/deployments/NAME</c>), or of the surface without versions (<c>…/openai/v1</c>).
    /// </summary>
    /// <param name="baseUrl">The base; an <c>api-version</c> in its query wins.</param>
    /// <param name="deployment">Name of the deployment.</param>
    /// <param name="version">The operator's version; null for none.</param>
    public static Uri Url(Uri baseUrl, string deployment, string? version)
    {
        var path = baseUrl.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/openai/v1", StringComparison.Ordinal))
        {
            return ModelEndpoint.Under(baseUrl, "/chat/completions");
        }

        var named = path.Contains("/openai/deployments/", StringComparison.Ordinal) ? "" : $"/openai/deployments/{Uri.EscapeDataString(deployment)}";
        var url = ModelEndpoint.Under(baseUrl, $"{named}/chat/completions");
        return HasVersion(url) ? url : WithVersion(url, version ?? DefaultVersion);
    }

    /// <summary>
    /// URL of the responses of a resource, which have the deployment's name in the request. Where neither the base nor the operator names a
    /// version, it is that of the surface without versions, which has what the newest has.
    /// </summary>
    /// <param name="baseUrl">The base, as for chat completions; what it says of a deployment is left out.</param>
    /// <param name="version">The operator's version; null for none.</param>
    public static Uri ResponsesUrl(Uri baseUrl, string? version)
    {
        const string Surface = "/openai";
        const string Deployments = Surface + "/deployments/";
        var path = baseUrl.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/openai/v1", StringComparison.Ordinal))
        {
            return ModelEndpoint.Under(baseUrl, "/responses");
        }

        var resource = path.IndexOf(Deployments, StringComparison.Ordinal) is >= 0 and var at ? new UriBuilder(baseUrl) { Path = path[..at] }.Uri : baseUrl;
        return HasVersion(resource) ? ModelEndpoint.Under(resource, Surface + "/responses")
            : version is null ? ModelEndpoint.Under(resource, Surface + "/v1/responses")
            : WithVersion(ModelEndpoint.Under(resource, Surface + "/responses"), version);
    }

    private static bool HasVersion(Uri url) =>
        url.Query.TrimStart('?').Split('&').Any(parameter => parameter.StartsWith(VersionParameter, StringComparison.Ordinal));

    private static Uri WithVersion(Uri url, string version)
    {
        var query = url.Query.TrimStart('?');
        var parameter = VersionParameter + Uri.EscapeDataString(version);
        return new UriBuilder(url) { Query = query.Length == 0 ? parameter : $"{query}&{parameter}" }.Uri;
    }
}
