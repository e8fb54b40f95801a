using Belay.Identity;
using Belay.Models;

namespace Belay.Cli.Serving;

/// <summary>Which credentials for models an environment holds, by name; never their values.</summary>
internal static class ModelCredentials
{
    // Those that an adapter of this version uses.
    private static readonly string[] ProviderKeys = [.. LiteLlmProviders.KeyVariables, "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"];

    /// <summary>The names.</summary>
    public static IReadOnlyList<string> In(IReadOnlyDictionary<string, string> environment)
    {
        var found = ProviderKeys.Where(name => environment.GetValueOrDefault(name) is { Length: > 0 }).ToList();

        // Our own access keys begin with BELAY and are never upstream credentials.
        if (environment.GetValueOrDefault("AWS_ACCESS_KEY_ID") is { Length: > 0 } id && !id.StartsWith(AccessKeys.Prefix, StringComparison.Ordinal))
        {
            found.Add("AWS_ACCESS_KEY_ID");
        }

        return found;
    }
}
