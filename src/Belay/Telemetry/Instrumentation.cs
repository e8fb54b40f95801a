using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>
/// One server's source of spans and meter, with every instrument. Nothing is made, timed or formatted while nobody listens. Each server has its
/// own, so that two in one process are heard apart.
/// </summary>
public sealed class Instrumentation : IDisposable
{
    private const string System = "agent-harness";

    // Upper bounds that tell a fast tool from a slow one, and a slow model from one that hangs.
    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] };
    private static readonly InstrumentAdvice<double> Milliseconds = new() { HistogramBucketBoundaries = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000] };
    private static readonly InstrumentAdvice<long> Tokens = new() { HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] };

    private readonly TelemetrySettings _settings;

    /// <summary>Creates the instruments of one server.</summary>
    public Instrumentation(TelemetrySettings settings, TimeProvider time)
        : this(settings, time, Names.Source)
    {
    }

    private Instrumentation(TelemetrySettings settings, TimeProvider time, string name)
    {
        _settings = settings;
        Time = time;
        Source = new(name);
        Meter = new(name);
        CycleCount = Meter.CreateCounter<long>(Names.Metrics.CycleCount, "{cycle}", "Iterations of the loop.");
        StartCycle = Meter.CreateCounter<long>(Names.Metrics.StartCycle, "{cycle}", "Iterations that began.");
        EndCycle = Meter.CreateCounter<long>(Names.Metrics.EndCycle, "{cycle}", "Iterations that ended.");
        CycleDuration = Meter.CreateHistogram(Names.Metrics.CycleDuration, "s", "Time of an iteration.", null, Seconds);
        Latency = Meter.CreateHistogram(Names.Metrics.Latency, "ms", "Time of an attempt at a model call.", null, Milliseconds);
        InputTokens = Meter.CreateHistogram(Names.Metrics.InputTokens, "{token}", "Tokens that a model call read.", null, Tokens);
        OutputTokens = Meter.CreateHistogram(Names.Metrics.OutputTokens, "{token}", "Tokens that a model call wrote.", null, Tokens);
        CacheReadTokens = Meter.CreateHistogram(Names.Metrics.CacheReadTokens, "{token}", "Tokens that a model call read from the provider's cache.", null, Tokens);
        CacheWriteTokens = Meter.CreateHistogram(Names.Metrics.CacheWriteTokens, "{token}", "Tokens that a model call wrote to the provider's cache.", null, Tokens);
        TimeToFirstToken = Meter.CreateHistogram(Names.Metrics.TimeToFirstToken, "ms", "Time to the first event of a reply.", null, Milliseconds);
        ToolCalls = Meter.CreateCounter<long>(Names.Metrics.ToolCalls, "{call}", "Tool calls.");
        ToolSuccesses = Meter.CreateCounter<long>(Names.Metrics.ToolSuccesses, "{call}", "Tool calls that worked.");
        ToolErrors = Meter.CreateCounter<long>(Names.Metrics.ToolErrors, "{call}", "Tool calls that failed.");
        ToolDuration = Meter.CreateHistogram(Names.Metrics.ToolDuration, "s", "Time of a tool call.", null, Seconds);
        Invocations = Meter.CreateCounter<long>(Names.Metrics.Invocations, "{request}", "Requests of the data plane.");
        Throttles = Meter.CreateCounter<long>(Names.Metrics.Throttles, "{request}", "Requests of the data plane that were throttled.");
        SystemErrors = Meter.CreateCounter<long>(Names.Metrics.SystemErrors, "{request}", "Requests of the data plane that the server failed.");
        UserErrors = Meter.CreateCounter<long>(Names.Metrics.UserErrors, "{request}", "Requests of the data plane that were refused.");
        RequestLatency = Meter.CreateHistogram(Names.Metrics.RequestLatency, "ms", "Time from a request's arrival to the end of its answer.", null, Milliseconds);
        Sessions = Meter.CreateCounter<long>(Names.Metrics.Sessions, "{session}", "Sessions that began.");
        TokenUsage = Meter.CreateHistogram(Names.Metrics.TokenUsage, "{token}", "Tokens of a model call.", null, Tokens);
        OperationDuration = Meter.CreateHistogram(Names.Metrics.OperationDuration, "s", "Time of an attempt at a model call.", null, Seconds);
        JournalAppend = Meter.CreateHistogram(Names.Metrics.JournalAppend, "s", "Time of an append to a session's journal.", null, Seconds);
        SandboxStart = Meter.CreateHistogram(Names.Metrics.SandboxStart, "s", "Time in which a sandbox started.", null, Seconds);
        ActiveModelCalls = Meter.CreateUpDownCounter<long>(Names.Metrics.ActiveModelCalls, "{call}", "Model calls under way.");
        ModelSwitches = Meter.CreateCounter<long>(Names.Metrics.ModelSwitches, "{switch}", "Times that another model took over from one that failed.");
    }

    /// <summary>What has nobody to listen: for what runs without a server around it.</summary>
    public static Instrumentation None { get; } = new(new(), TimeProvider.System, "Belay.None");

    /// <summary>Where spans come from.</summary>
    public ActivitySource Source { get; }

    /// <summary>Where measurements come from.</summary>
    public Meter Meter { get; }

    /// <summary>The clock of durations.</summary>
    public TimeProvider Time { get; }

    /// <summary>Whether spans carry content.</summary>
    public bool CapturesContent => _settings.CaptureContent;

    /// <summary>Whether the newest conventions hold.</summary>
    public bool LatestConventions => _settings.LatestConventions;

    /// <summary>Whether anybody listens to spans or measurements.</summary>
    public bool Heard => Source.HasListeners() || CycleCount.Enabled;

    internal Counter<long> CycleCount { get; }

    internal Counter<long> StartCycle { get; }

    internal Counter<long> EndCycle { get; }

    internal Histogram<double> CycleDuration { get; }

    internal Histogram<double> Latency { get; }

    internal Histogram<long> InputTokens { get; }

    internal Histogram<long> OutputTokens { get; }

    internal Histogram<long> CacheReadTokens { get; }

    internal Histogram<long> CacheWriteTokens { get; }

    internal Histogram<double> TimeToFirstToken { get; }

    internal Counter<long> ToolCalls { get; }

    internal Counter<long> ToolSuccesses { get; }

    internal Counter<long> ToolErrors { get; }

    internal Histogram<double> ToolDuration { get; }

    internal Histogram<long> TokenUsage { get; }

    internal Histogram<double> OperationDuration { get; }

    internal Histogram<double> JournalAppend { get; }

    internal Histogram<double> SandboxStart { get; }

    internal UpDownCounter<long> ActiveModelCalls { get; }

    internal Counter<long> ModelSwitches { get; }

    /// <summary>Sessions that began.</summary>
    public Counter<long> Sessions { get; }

    /// <summary>Requests of the data plane.</summary>
    public Counter<long> Invocations { get; }

    /// <summary>Requests that were throttled.</summary>
    public Counter<long> Throttles { get; }

    /// <summary>Requests that the server failed.</summary>
    public Counter<long> SystemErrors { get; }

    /// <summary>Requests that were refused.</summary>
    public Counter<long> UserErrors { get; }

    /// <summary>Milliseconds of requests.</summary>
    public Histogram<double> RequestLatency { get; }

    /// <summary>Lets listeners ask how many sessions work, how many sandboxes run and how many endpoints of models are not asked.</summary>
    public void Observe(Func<int> activeSessions, Func<int> runningSandboxes, Func<int> openCircuits)
    {
        Meter.CreateObservableUpDownCounter(Names.Metrics.OpenCircuits, openCircuits, "{endpoint}", "Endpoints of models that are not asked because their last calls failed.");
        Meter.CreateObservableUpDownCounter(Names.Metrics.ActiveSessions, activeSessions, "{session}", "Sessions that work or hold a sandbox.");
        Meter.CreateObservableUpDownCounter(Names.Metrics.RunningSandboxes, runningSandboxes, "{sandbox}", "Sandboxes that run.");
    }

    /// <summary>An append to a journal that began at a timestamp of <see cref="Time"/> is complete.</summary>
    public void JournalAppended(long began, Durability durability)
    {
        if (JournalAppend.Enabled)
        {
            JournalAppend.Record(
                Time.GetElapsedTime(began).TotalSeconds, new KeyValuePair<string, object?>(Names.Attributes.Durability, durability == Durability.Synced ? "synced" : "queued"));
        }
    }

    /// <summary>Starts a span; null when nobody records it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">Whether it serves a request or works inside.</param>
    /// <param name="operation">What it does.</param>
    /// <param name="parent">What it is part of.</param>
    /// <param name="sessionId">The session that it belongs to, when it is known.</param>
    /// <param name="provider">The model's provider, when there is one.</param>
    /// <param name="at">When it began; now when null.</param>
    public Activity? Start(string name, ActivityKind kind, string operation, ActivityContext parent, string? sessionId, string? provider = null, DateTimeOffset? at = null)
    {
        var span = Source.HasListeners() ? Source.StartActivity(name, kind, parent, startTime: at ?? Time.GetUtcNow()) : null;
        if (span is not { IsAllDataRequested: true })
        {
            return span;
        }

        if (LatestConventions)
        {
            span.SetTag(Names.Attributes.ProviderName, provider is null ? System : WellKnown(provider));
        }
        else
        {
            span.SetTag(Names.Attributes.System, System);
        }

        span.SetTag(Names.Attributes.OperationName, operation);
        span.SetTag(Names.Attributes.StartTime, Date(span.StartTimeUtc));
        return sessionId is null ? span : span.SetTag(Names.Attributes.SessionId, sessionId);
    }

    /// <summary>Starts a span below the one that is current, when that is ours; null otherwise, or when nobody records it.</summary>
    public Activity? StartBelow(string name, string operation, string? sessionId) =>
        Source.HasListeners() && Activity.Current is { } current && current.Source == Source
            ? Start(name, ActivityKind.Internal, operation, current.Context, sessionId)
            : null;

    /// <summary>Ends a span.</summary>
    public void End(Activity? span)
    {
        if (span is null)
        {
            return;
        }

        if (span.IsAllDataRequested)
        {
            span.SetEndTime(Time.GetUtcNow().UtcDateTime);
            span.SetTag(Names.Attributes.EndTime, Date(span.StartTimeUtc + span.Duration));
        }

        span.Stop();
    }

    /// <summary>Marks a span as failed. The message stays here unless content may be captured: a provider's or a tool's error repeats content.</summary>
    public void Fail(Activity? span, string errorType, Exception? exception)
    {
        if (span is not { IsAllDataRequested: true })
        {
            return;
        }

        span.SetStatus(ActivityStatusCode.Error, errorType);
        span.SetTag(Names.Attributes.ErrorType, errorType);
        if (exception is not null)
        {
            var tags = new ActivityTagsCollection { [Names.Attributes.ExceptionType] = exception.GetType().FullName };
            if (CapturesContent)
            {
                tags.Add(Names.Attributes.ExceptionMessage, Agents.Utf8Pieces.CutMiddle(exception.Message, ContentEvents.MaxBytes));
            }

            span.AddEvent(new ActivityEvent(Names.Events.Exception, tags: tags));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Source.Dispose();
        Meter.Dispose();
    }

    /// <summary>A provider's name in the conventions.</summary>
    internal static string WellKnown(string provider) => provider switch
    {
        Models.Bedrock.BedrockModel.ProviderName => "aws.bedrock",
        Models.Gemini.GeminiModel.ProviderName => "gcp.gemini",
        "azure" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        _ => provider,
    };

    /// <summary>A stop reason as the wire names it.</summary>
    internal static string Word(HarnessStopReason reason) => JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString());

    private static string Date(DateTime at) => at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
