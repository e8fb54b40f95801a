using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace Belay.Cli.Client;

/// <summary>Finds the trace that an answer names.</summary>
internal static partial class TraceHeader
{
    /// <summary>The trace's id, 32 hex digits; null when the answer names none.</summary>
    public static string? Find(HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("traceparent", out var parents) && Parent().Match(parents.First()) is { Success: true } parent)
        {
            return parent.Groups["id"].Value;
        }

        return headers.TryGetValues("X-Amzn-Trace-Id", out var roots) && Root().Match(roots.First()) is { Success: true } root
            ? root.Groups["time"].Value + root.Groups["rest"].Value
            : null;
    }

    [GeneratedRegex("^[0-9a-f]{2}-(?<id>[0-9a-f]{32})-[0-9a-f]{16}-")]
    private static partial Regex Parent();

    [GeneratedRegex("(^|;)Root=1-(?<time>[0-9a-f]{8})-(?<rest>[0-9a-f]{24})(;|\\z)")]
    private static partial Regex Root();
}
