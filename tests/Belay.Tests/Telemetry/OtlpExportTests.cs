using Belay.Server.Telemetry;
using Belay.Telemetry;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Testing.Telemetry;

namespace Belay.Tests.Telemetry;

/// <summary>An exporter hears every server of its process; what runs beside it would no longer be unheard.</summary>
[CollectionDefinition(nameof(ExportsAlone), DisableParallelization = true)]
public sealed class ExportsAlone;

/// <summary>Export to a collector over HTTP, and what a bad collector can do: nothing to a turn, little to a shutdown.</summary>
[Collection(nameof(ExportsAlone))]
public sealed class OtlpExportTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Turn_ArrivesAsSpansAndMetrics_UnderTheServicesName()
    {
        await using var sink = await OtlpSink.StartAsync();
        var settings = Settings(sink, ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary"));
        using var logger = new RecordingLogger();
        await using var world = World(settings);
        await using (var export = OtlpExport.Start(settings, "1.2.3", TimeProvider.System, logger)!)
        {
            world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Done.");
            await world.InvokeAsync(EngineWorld.User("Go"));
        }

        Assert.Null(sink.Unreadable);
        var trace = (await world.EntriesAsync()).OfType<Belay.Sessions.InvocationStarted>().Single().TraceId;
        var spans = sink.Spans.Where(span => span.TraceId == trace).ToList();
        Assert.Equal(
            ["chat", "chat", "execute_event_loop_cycle", "execute_event_loop_cycle", "execute_tool shell", "invoke_agent test"],
            spans.Select(span => span.Name).Order(StringComparer.Ordinal));
        var root = spans.Single(span => span.Name == "invoke_agent test");
        Assert.Equal("", root.ParentSpanId);
        Assert.Equal("20", root.Attributes["gen_ai.usage.input_tokens"]);
        Assert.Equal("tool_use", spans.First(span => span.Name == "chat").Attributes["gen_ai.response.finish_reasons"]);
        Assert.Contains("strands.event_loop.cycle_count", sink.Metrics);
        Assert.Contains("gen_ai.client.token.usage", sink.Metrics);
        Assert.Contains("Sessions", sink.Metrics);
        Assert.Equal(["/v1/metrics", "/v1/traces"], sink.Received.Select(one => one.Path).Distinct().Order(StringComparer.Ordinal));
        Assert.All(sink.Received, one => Assert.Equal("Bearer canary", one.Headers.Authorization));
        Assert.All(sink.Received, one => Assert.Equal(
            ("belay", "1.2.3", "test"), (one.Batch.Resource["service.name"], one.Batch.Resource["service.version"], one.Batch.Resource["deployment.environment"])));
        Assert.DoesNotContain("canary", string.Join('\n', logger.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceName_IsTheVariables()
    {
        await using var sink = await OtlpSink.StartAsync();
        var settings = Settings(sink, ("OTEL_SERVICE_NAME", "mine"), ("OTEL_TRACES_EXPORTER", "none"));
        using var logger = new RecordingLogger();
        using var telemetry = new Instrumentation(settings, TimeProvider.System);
        await using (var export = OtlpExport.Start(settings, "1", TimeProvider.System, logger)!)
        {
            telemetry.Sessions.Add(1);
        }

        Assert.Equal("mine", Assert.Single(sink.Received.Select(one => one.Batch.Resource["service.name"]).Distinct()));
        Assert.Empty(sink.Spans);
    }

    [Fact]
    public async Task CollectorThatHangs_DelaysNoTurn_AndTheEndOnlyForAShortTime()
    {
        await using var sink = await OtlpSink.StartAsync();
        var never = new TaskCompletionSource();
        sink.Answer = http => never.Task.WaitAsync(http.RequestAborted);
        var settings = Settings(sink, ("OTEL_BSP_MAX_QUEUE_SIZE", "16"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"));
        using var logger = new RecordingLogger();
        await using var world = World(settings);
        var export = OtlpExport.Start(settings, "1", TimeProvider.System, logger)!;
        for (var i = 0; i < 20; i++)
        {
            world.Model.Say("Hello.");
            await world.InvokeAsync(EngineWorld.User("Go"));
        }

        await export.DisposeAsync().AsTask().WaitAsync(Generous, TestContext.Current.CancellationToken);
        Assert.False(never.Task.IsCompleted);
    }

    [Fact]
    public async Task NobodyAtTheEndpoint_DelaysNoTurn_AndIsSaidOnce()
    {
        var settings = new TelemetrySettings
        {
            Variables = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://user:canary@127.0.0.1:1/canary", ["OTEL_BSP_SCHEDULE_DELAY"] = "10" },
        };
        using var logger = new RecordingLogger();
        await using var world = World(settings);
        await using (var export = OtlpExport.Start(settings, "1", TimeProvider.System, logger)!)
        {
            for (var i = 0; i < 3; i++)
            {
                world.Model.Say("Hello.");
                await world.InvokeAsync(EngineWorld.User("Go"));
                await Eventually.TrueAsync("a batch was tried", () => Task.FromResult(logger.Lines.Count > 1), TestContext.Current.CancellationToken);
            }
        }

        Assert.Equal(
            ["Information: Exporting spans to http://127.0.0.1:1.", "Warning: The collector at http://127.0.0.1:1 does not take spans: it could not be reached. They are dropped until it does."],
            logger.Lines);
    }

    [Fact]
    public async Task CollectorThatRefuses_IsSaidOnce_AndSoIsItsRecovery()
    {
        await using var sink = await OtlpSink.StartAsync();
        using var logger = new RecordingLogger();
        var time = new ManualTime();
        var collector = new OtlpTarget(new Uri($"{sink.Url}/v1/traces"), "", Generous);
        using var http = new HttpClient(new ExportHandler(ExportHandler.CreateTransport(), collector, "spans", time, logger, CancellationToken.None));
        async Task SendAsync(int status)
        {
            sink.Answer = answer =>
            {
                answer.Response.StatusCode = status;
                return Task.CompletedTask;
            };
            using var response = await http.PostAsync(collector.Endpoint, new ByteArrayContent([]), TestContext.Current.CancellationToken);
        }

        await SendAsync(500);
        await SendAsync(503);
        await SendAsync(200);
        await SendAsync(200);

        // Flapping within a minute is not worth more lines.
        await SendAsync(500);
        await SendAsync(200);
        time.Advance(TimeSpan.FromMinutes(2));
        await SendAsync(400);

        var target = sink.Url;
        Assert.Equal(
            [
                $"Warning: The collector at {target} does not take spans: it answered 500. They are dropped until it does.",
                $"Information: The collector at {target} takes spans again.",
                $"Warning: The collector at {target} does not take spans: it answered 400. They are dropped until it does.",
            ],
            logger.Lines);
    }

    [Fact]
    public async Task AnswerWithoutEnd_IsNotRead()
    {
        await using var sink = await OtlpSink.StartAsync();
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sink.Answer = async http =>
        {
            // What is written after the client left says nothing about what it read.
            using var leaving = http.RequestAborted.Register(left.SetResult);
            var chunk = new byte[64 * 1024];
            while (true)
            {
                await http.Response.Body.WriteAsync(chunk, http.RequestAborted);
            }
        };
        var settings = Settings(sink, ("OTEL_METRICS_EXPORTER", "none"), ("OTEL_BSP_SCHEDULE_DELAY", "10"));
        using var logger = new RecordingLogger();
        using var telemetry = new Instrumentation(settings, TimeProvider.System);
        await using var export = OtlpExport.Start(settings, "1", TimeProvider.System, logger)!;

        telemetry.End(telemetry.Start("a", System.Diagnostics.ActivityKind.Internal, "a", TraceContext.Begin(Belay.Storage.IdSource.System).ToParent(), null));

        await left.Task.WaitAsync(Generous, TestContext.Current.CancellationToken);
        Assert.DoesNotContain(logger.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public void NothingAskedFor_NothingStarts()
    {
        using var logger = new RecordingLogger();

        Assert.Null(OtlpExport.Start(new TelemetrySettings(), "1", TimeProvider.System, logger));
        Assert.Empty(logger.Lines);
        var grpc = new TelemetrySettings { Variables = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://c", ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc" } };
        Assert.Null(OtlpExport.Start(grpc, "1", TimeProvider.System, logger));
        Assert.Equal(
            ["Warning: Telemetry is not exported as asked: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, which is the only protocol spoken here, but is \"grpc\"."],
            logger.Lines);
    }

    private static TelemetrySettings Settings(OtlpSink sink, params (string Name, string Value)[] more) => new()
    {
        Variables = more.Append(("OTEL_EXPORTER_OTLP_ENDPOINT", sink.Url)).ToDictionary(pair => pair.Item1, pair => pair.Item2),
    };

    private static EngineWorld World(TelemetrySettings settings) => new() { Telemetry = new Instrumentation(settings, TimeProvider.System) };
}
