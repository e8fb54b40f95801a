namespace Belay.Telemetry;

/// <summary>What is told about what happens, and to whom.</summary>
public sealed record TelemetrySettings
{
    /// <summary>Whether spans carry what people, models and tools say. Off unless the operator asks for it.</summary>
    public bool CaptureContent { get; init; }

    /// <summary>Whether numbers are collected for <c>/metrics</c>; without it, nobody listens unless the variables ask for an export.</summary>
    public bool Metrics { get; init; } = true;

    /// <summary>Whether anybody may read <c>/metrics</c>, on an address that other machines reach.</summary>
    public bool OpenMetrics { get; init; }

    /// <summary>The <c>OTEL_*</c> variables as they were given. They may hold a collector's secret, so nobody prints them.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether the variables ask for the newest conventions of generative AI instead of the older ones.</summary>
    public bool LatestConventions =>
        Variables.GetValueOrDefault("OTEL_SEMCONV_STABILITY_OPT_IN", "").Split(',', StringSplitOptions.TrimEntries).Contains("gen_ai_latest_experimental", StringComparer.Ordinal);
}
