using Belay.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Belay.Server.Telemetry;

/// <summary>
/// Export over OTLP, when the variables ask for it: batches, a bounded queue and a thread of its own for each signal, so that a collector that is
/// slow or gone costs spans and never a turn. Disposing sends what is left, for a short time.
/// </summary>
internal sealed partial class OtlpExport : IAsyncDisposable
{
    // How long the last batches may take when the server stops.
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping;
    private readonly TimeProvider _time;
    private readonly TracerProvider? _traces;
    private readonly MeterProvider? _metrics;

    private OtlpExport(CancellationTokenSource stopping, TimeProvider time, TracerProvider? traces, MeterProvider? metrics) =>
        (_stopping, _time, _traces, _metrics) = (stopping, time, traces, metrics);

    /// <summary>Begins to export what the variables ask for; null when that is nothing.</summary>
    public static OtlpExport? Start(TelemetrySettings settings, string version, TimeProvider time, ILoggerFactory logging)
    {
        var logger = logging.CreateLogger<OtlpExport>();
        var plan = OtlpPlan.From(settings.Variables);
        if (plan is { Traces: null, Metrics: null })
        {
            foreach (var one in plan.Problems)
            {
                Log.Problem(logger, one);
            }

            return null;
        }

        return Start(plan, settings, version, time, logger);
    }

    // Apart, because whoever enters it has the exporter's libraries loaded.
    private static OtlpExport Start(OtlpPlan plan, TelemetrySettings settings, string version, TimeProvider time, ILogger logger)
    {
        var (sampler, problem) = TraceSampler.From(settings.Variables);
        foreach (var one in plan.Traces is null || problem is null ? plan.Problems : [.. plan.Problems, problem])
        {
            Log.Problem(logger, one);
        }

        var stopping = new CancellationTokenSource();

        // The SDK takes further OTEL_* variables, such as those of batches, from here, and never from the process's environment.
        var variables = new ConfigurationBuilder().AddInMemoryCollection(settings.Variables!).Build();
        void Provide(IServiceCollection services) => services.AddSingleton<IConfiguration>(variables);
        void Describe(ResourceBuilder resource) => resource.Clear().AddTelemetrySdk().AddService("belay", serviceVersion: version).AddEnvironmentVariableDetector();
        void Target(OtlpExporterOptions options, OtlpTarget target, string signal)
        {
            options.Protocol = OtlpExportProtocol.HttpProtobuf;
            options.Endpoint = target.Endpoint;
            options.Headers = target.Headers;
            options.TimeoutMilliseconds = (int)target.Timeout.TotalMilliseconds;
            options.HttpClientFactory = () => new HttpClient(new ExportHandler(ExportHandler.CreateTransport(), target, signal, time, logger, stopping.Token)) { Timeout = target.Timeout };
        }

        var traces = plan.Traces is { } spans
            ? Sdk.CreateTracerProviderBuilder().ConfigureServices(Provide).ConfigureResource(Describe).SetSampler(sampler)
                .AddSource(TelemetryNames.Source).AddOtlpExporter(options => Target(options, spans, "spans")).Build()
            : null;
        var metrics = plan.Metrics is { } measurements
            ? Sdk.CreateMeterProviderBuilder().ConfigureServices(Provide).ConfigureResource(Describe)
                .AddMeter(TelemetryNames.Source, "System.Runtime").AddOtlpExporter(options => Target(options, measurements, "metrics")).Build()
            : null;
        Log.Started(logger, string.Join(" and ", new[] { plan.Traces is { } a ? $"spans to {a}" : null, plan.Metrics is { } b ? $"metrics to {b}" : null }.OfType<string>()));
        return new(stopping, time, traces, metrics);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        var milliseconds = (int)FlushTime.TotalMilliseconds;

        // Both at once, and each on a thread that may wait: the SDK's shutdown blocks. What is still under way then is cut off.
        var traces = Task.Run(() => _traces?.Shutdown(milliseconds));
        var metrics = Task.Run(() => _metrics?.Shutdown(milliseconds));
        using var cut = _time.CreateTimer(_ => _stopping.Cancel(), null, FlushTime, Timeout.InfiniteTimeSpan);
        await Task.WhenAll(traces, metrics);
        await _stopping.CancelAsync();
        _traces?.Dispose();
        _metrics?.Dispose();
        _stopping.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Exporting {What}.")]
        public static partial void Started(ILogger logger, string what);

        [LoggerMessage(LogLevel.Warning, "Telemetry is not exported as asked: {Problem}")]
        public static partial void Problem(ILogger logger, string problem);
    }
}
