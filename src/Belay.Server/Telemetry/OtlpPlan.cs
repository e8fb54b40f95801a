using System.Globalization;

namespace Belay.Server.Telemetry;

/// <summary>Where one signal goes.</summary>
/// <param name="Endpoint">URL, path included.</param>
/// <param name="Headers">Headers as the variable has them; they may hold a secret.</param>
/// <param name="Timeout">Longest time of one export.</param>
internal sealed record OtlpTarget(Uri Endpoint, string Headers, TimeSpan Timeout)
{
    /// <summary>Shows no header and no user info.</summary>
    public override string ToString() => Endpoint.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);
}

/// <summary>What the <c>OTEL_*</c> variables ask for. Pure: nothing is opened.</summary>
/// <param name="Traces">Where spans go; null for nowhere.</param>
/// <param name="Metrics">Where measurements go; null for nowhere.</param>
/// <param name="Problems">What cannot be done as asked, in words that show no value of a header.</param>
internal sealed record OtlpPlan(OtlpTarget? Traces, OtlpTarget? Metrics, IReadOnlyList<string> Problems)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Reads the variables. A signal whose variables are wrong is not exported; the rest is.</summary>
    public static OtlpPlan From(IReadOnlyDictionary<string, string> variables)
    {
        var problems = new List<string>();
        if (Value(variables, "OTEL_SDK_DISABLED") is { } disabled && disabled.Equals("true", StringComparison.OrdinalIgnoreCase))
        {
            return new(null, null, problems);
        }

        return new(Target(variables, "TRACES", "v1/traces", problems), Target(variables, "METRICS", "v1/metrics", problems), [.. problems.Distinct()]);
    }

    private static OtlpTarget? Target(IReadOnlyDictionary<string, string> variables, string signal, string path, List<string> problems)
    {
        var exporter = Value(variables, $"OTEL_{signal}_EXPORTER");
        var own = $"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT";
        const string Shared = "OTEL_EXPORTER_OTLP_ENDPOINT";
        if (exporter is "none" || (exporter is null && Value(variables, own) is null && Value(variables, Shared) is null))
        {
            return null;
        }

        var before = problems.Count;
        if (exporter is not (null or "otlp"))
        {
            problems.Add($"OTEL_{signal}_EXPORTER must be otlp or none, but is \"{exporter}\".");
        }

        var (protocolName, protocol) = Either(variables, $"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if (protocol is not (null or "http/protobuf"))
        {
            problems.Add($"{protocolName} must be http/protobuf, which is the only protocol spoken here, but is \"{protocol}\".");
        }

        var (endpointName, endpoint) = Either(variables, own, Shared);
        var url = Url(endpoint ?? "http://localhost:4318", append: endpointName == own && endpoint is not null ? null : path);
        if (url is null)
        {
            problems.Add($"{endpointName} must be an absolute http or https URL.");
        }

        var (headersName, headers) = Either(variables, $"OTEL_EXPORTER_OTLP_{signal}_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        if (headers is not null && !headers.Split(',').All(pair => pair.Trim().IndexOf('=', StringComparison.Ordinal) > 0))
        {
            problems.Add($"{headersName} must be name=value pairs, separated by commas.");
        }

        var (timeoutName, timeout) = Either(variables, $"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
        var milliseconds = 0;
        if (timeout is not null && (!int.TryParse(timeout, NumberStyles.None, CultureInfo.InvariantCulture, out milliseconds) || milliseconds < 1))
        {
            problems.Add($"{timeoutName} must be a number of milliseconds, at least 1.");
        }

        return problems.Count > before ? null : new(url!, headers ?? "", timeout is null ? DefaultTimeout : TimeSpan.FromMilliseconds(milliseconds));
    }

    private static Uri? Url(string text, string? append) =>
        !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") ? null
        : append is null ? url
        : new UriBuilder(url) { Path = $"{url.AbsolutePath.TrimEnd('/')}/{append}" }.Uri;

    private static (string Name, string? Value) Either(IReadOnlyDictionary<string, string> variables, string own, string shared) =>
        Value(variables, own) is { } value ? (own, value) : (shared, Value(variables, shared));

    private static string? Value(IReadOnlyDictionary<string, string> variables, string name) =>
        variables.TryGetValue(name, out var value) && value.Trim() is { Length: > 0 } text ? text : null;
}
