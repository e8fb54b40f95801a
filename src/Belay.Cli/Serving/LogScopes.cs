using Microsoft.Extensions.Logging;

namespace Belay.Cli.Serving;

/// <summary>What a log line belongs to, as the scopes around it say.</summary>
internal static class LogScopes
{
    /// <summary>Request, harness, session and trace, those of them that are known.</summary>
    public static Dictionary<string, string> Of(IExternalScopeProvider? provider)
    {
        // Only what our own scopes name: the framework's hold connection ids that lead nowhere. The innermost wins.
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        provider?.ForEachScope(
            static (scope, into) =>
            {
                foreach (var (name, value) in scope as IEnumerable<KeyValuePair<string, object?>> ?? [])
                {
                    if (name is "requestId" or "harnessId" or "sessionId" or "traceId" && value is string text)
                    {
                        into[name] = text;
                    }
                }
            },
            found);
        return found;
    }
}
