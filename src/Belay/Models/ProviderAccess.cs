using Belay.Contracts.Faults;

namespace Belay.Models;

/// <summary>What the operator gave for a provider: one base URL, and a key that goes to its origin and nowhere else.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="BaseUrl">The operator's base URL, else the provider's own; null when there is neither.</param>
/// <param name="Key">The operator's key; null when there is none.</param>
/// <param name="Allowed">Whether harnesses may use it.</param>
internal sealed record ProviderAccess(LiteLlmProvider Provider, Uri? BaseUrl, string? Key, bool Allowed)
{
    /// <summary>Shows no key.</summary>
    public override string ToString() => Provider.Prefix;

    /// <summary>What the settings say of a provider.</summary>
    public static ProviderAccess Of(LiteLlmProvider provider, ModelSettings settings)
    {
        if (provider.Prefix == LiteLlmProviders.Default)
        {
            return new(provider, settings.OpenAi.BaseUrl, settings.OpenAi.ApiKey is { Length: > 0 } key ? key : null, settings.OpenAi.AllowEnvironmentKeys);
        }

        var own = settings.Providers;
        return new(provider, own.Url(provider.BaseUrlVariable) ?? provider.DefaultBaseUrl, own.Value(provider.KeyVariable), own.AllowEnvironmentKeys);
    }

    /// <summary>
    /// The key for calls of a URL; none where it gets none. A caller who names an endpoint must not receive what the operator
    /// keeps for another.
    /// </summary>
    /// <exception cref="ServiceException">The endpoint is known to refuse calls without a key.</exception>
    public ProviderKey KeyFor(Uri url)
    {
        var ours = BaseUrl is not null
            && Uri.Compare(url, BaseUrl, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
        if (ours && Allowed && Key is not null)
        {
            return ProviderKey.Of(Key);
        }

        return Provider.IsPublic(url) ? throw new ServiceException(FaultCode.RuntimeClientError, $"{Provider.Prefix}: {Why(ours)}") : ProviderKey.None;
    }

    private string Why(bool ours) => (Key, Allowed, ours) switch
    {
        (null, _, _) => $"there is no API key for the public endpoint; set {Provider.KeyVariable}{(BaseUrl is null ? $" and {Provider.BaseUrlVariable}" : "")} for the server and allow its use, or name another endpoint with apiBase.",
        (_, false, _) => "the server has an API key in its environment, but its operator has not allowed harnesses to use it.",
        _ => $"the server's {Provider.KeyVariable} goes only to the origin of its {Provider.BaseUrlVariable}, and this endpoint is another.",
    };
}
