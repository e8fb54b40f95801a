using Belay.Contracts.Faults;

namespace Belay.Models;

/// <summary>How the Gemini API is reached.</summary>
public sealed record GeminiSettings
{
    /// <summary>The public endpoint.</summary>
    public static readonly Uri PublicBaseUrl = new("https://generativelanguage.googleapis.com/v1beta");

    /// <summary>Base URL where a harness names none; one without a path gets the version of the public one.</summary>
    public Uri BaseUrl { get; init; } = PublicBaseUrl;

    /// <summary>The operator's key. It is sent only to the origin of <see cref="BaseUrl"/>, never to one that a harness names.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether harnesses may use the operator's key.</summary>
    public bool AllowEnvironmentKeys { get; init; }

    /// <summary>Shows no key.</summary>
    public override string ToString() => $"GeminiSettings {BaseUrl.GetLeftPart(UriPartial.Authority)}, key {(ApiKey is null ? "absent" : "present")}";

    /// <summary>The operator's key, for where the operator points; null for every other endpoint.</summary>
    /// <exception cref="ServiceException">The public endpoint was named, which answers nobody without a key.</exception>
    internal string? KeyFor(Uri baseUrl)
    {
        var ours = Uri.Compare(baseUrl, BaseUrl, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
        if (ours && AllowEnvironmentKeys && ApiKey is { Length: > 0 })
        {
            return ApiKey;
        }

        if (baseUrl.Host.Equals(PublicBaseUrl.Host, StringComparison.OrdinalIgnoreCase))
        {
            throw new ServiceException(
                FaultCode.RuntimeClientError,
                ApiKey is { Length: > 0 } && !AllowEnvironmentKeys
                    ? "gemini: the server has an API key in its environment, but its operator has not allowed harnesses to use it."
                    : "gemini: there is no API key for the public endpoint; set GEMINI_API_KEY for the server and allow its use, or name another endpoint with apiBase.");
        }

        return null;
    }
}
