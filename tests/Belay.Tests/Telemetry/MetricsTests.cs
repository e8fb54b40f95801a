using System.Diagnostics.Metrics;
using Belay.Contracts.Signing;
using Belay.Models;
using Belay.Server;
using Belay.Server.Auth;
using Belay.Server.Logging;
using Belay.Server.Telemetry;
using Belay.Telemetry;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Tests.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Telemetry;

/// <summary>What <c>/metrics</c> says, and to whom.</summary>
public sealed class MetricsTests
{
    [Fact]
    public async Task Turn_IsCounted_WithoutNamesOfSessionsOrActors()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), new ManualTime());
        using var metrics = new CollectedMetrics(meter => meter == telemetry.Meter);
        await using var world = new EngineWorld { Telemetry = telemetry };
        world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "shell", """{"command":"exit 3"}""")).Say("Done.");

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { ActorId = "canary-actor" });

        var text = metrics.ToText();
        var read = Exposition.Parse(text);
        Assert.Equal(2, read.Samples["strands_event_loop_cycle_count_total"]);
        Assert.Equal(2, read.Samples["strands_event_loop_start_cycle_total"]);
        Assert.Equal(2, read.Samples["strands_event_loop_end_cycle_total"]);
        Assert.Equal(2, read.Samples["strands_event_loop_cycle_duration_seconds_count"]);
        Assert.Equal(2, read.Samples["strands_tool_call_count_total{tool_name=\"shell\"}"]);
        Assert.Equal(1, read.Samples["strands_tool_success_count_total{tool_name=\"shell\"}"]);
        Assert.Equal(1, read.Samples["strands_tool_error_count_total{tool_name=\"shell\"}"]);
        Assert.Equal(2, read.Samples["strands_tool_duration_seconds_count{tool_name=\"shell\"}"]);
        const string Chat = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"fake\",gen_ai_request_model=\"fake-1\"";
        Assert.Equal(20, read.Samples[$"gen_ai_client_token_usage_sum{{{Chat},gen_ai_token_type=\"input\"}}"]);
        Assert.Equal(10, read.Samples[$"gen_ai_client_token_usage_sum{{{Chat},gen_ai_token_type=\"output\"}}"]);
        Assert.Equal(2, read.Samples[$"gen_ai_client_operation_duration_seconds_count{{{Chat}}}"]);
        Assert.Equal(2, read.Samples[$"strands_event_loop_latency_milliseconds_count{{{Chat}}}"]);
        Assert.Equal(2, read.Samples[$"strands_model_time_to_first_token_milliseconds_count{{{Chat}}}"]);
        Assert.Equal(0, read.Samples["belay_model_calls_active"]);
        Assert.Equal(1, read.Samples["Sessions_total"]);
        Assert.True(read.Samples["belay_journal_append_duration_seconds_count{belay_durability=\"synced\"}"] >= 3);
        Assert.DoesNotContain(EngineWorld.SessionId, text, StringComparison.Ordinal);
        Assert.DoesNotContain("canary-actor", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailedModel_IsCountedUnderItsKind()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), new ManualTime());
        using var metrics = new CollectedMetrics(meter => meter == telemetry.Meter);
        await using var world = new EngineWorld { Telemetry = telemetry };
        world.Model.Fail(ModelFailure.Refused);

        await Assert.ThrowsAnyAsync<Exception>(() => world.InvokeAsync(EngineWorld.User("Go")));

        Assert.Contains(Exposition.Parse(metrics.ToText()).Samples, sample => sample.Key.StartsWith("gen_ai_client_operation_duration_seconds_count{error_type=\"Refused\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Histogram_HasCumulativeBuckets()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        var histogram = meter.CreateHistogram("some.time", "s", "A time.", null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        foreach (var value in (double[])[0.1, 0.5, 0.5, 5, 50])
        {
            histogram.Record(value);
        }

        Assert.Equal(
            """
            # HELP some_time_seconds A time.
            # TYPE some_time_seconds histogram
            some_time_seconds_bucket{le="0.1"} 1
            some_time_seconds_bucket{le="1"} 3
            some_time_seconds_bucket{le="10"} 4
            some_time_seconds_bucket{le="+Inf"} 5
            some_time_seconds_sum 56.1
            some_time_seconds_count 5

            """,
            metrics.ToText());
    }

    [Fact]
    public void NamesLabelsAndHelp_AreEscaped()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        meter.CreateCounter<long>("9 odd-name", "By", "Back\\slash\nand line.").Add(3, new KeyValuePair<string, object?>("a.b-c", "quote\" back\\ line\nend"), new("1", new string('x', 1000)));

        var text = metrics.ToText();

        var sample = Assert.Single(Exposition.Parse(text).Labels);
        Assert.StartsWith("_9_odd_name_bytes_total{", sample.Key, StringComparison.Ordinal);
        Assert.Equal("quote\" back\\ line\nend", sample.Value["a_b_c"]);
        Assert.Equal(256, sample.Value["_1"].Length);
        Assert.Contains("# HELP _9_odd_name_bytes_total Back\\\\slash\\nand line.\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ManyLabelValues_EndInOneSeries()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        var counter = meter.CreateCounter<long>("calls");
        for (var i = 0; i < 10_000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("model", $"model-{i}"));
        }

        var read = Exposition.Parse(metrics.ToText());
        Assert.Equal(CollectedMetrics.MaxSeries + 1, read.Samples.Count);
        Assert.Equal(10_000 - CollectedMetrics.MaxSeries, read.Samples["calls_total{otel_metric_overflow=\"true\"}"]);
        Assert.Equal(10_000, read.Samples.Values.Sum());
    }

    [Fact]
    public void Observed_IsAskedForAtEachScrape()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        var now = 3;
        meter.CreateObservableUpDownCounter("now", () => now);

        Assert.Equal(3, Exposition.Parse(metrics.ToText()).Samples["now"]);
        now = 2;
        Assert.Equal(2, Exposition.Parse(metrics.ToText()).Samples["now"]);
    }

    [Theory]
    [InlineData("127.0.0.1", false, true)]
    [InlineData("0.0.0.0", false, false)]
    [InlineData("0.0.0.0", true, true)]
    public async Task Page_IsOpenOnLoopbackOrWhenAskedFor(string host, bool openMetrics, bool open)
    {
        var directory = Directory.CreateTempSubdirectory("belay-metrics-");
        var settings = new ServerSettings
        {
            DataDirectory = directory.FullName,
            Host = host,
            AllowPlainHttp = true,
            Port = 0,
            Sandboxes = new() { Driver = "unconfined" },
            Telemetry = new() { OpenMetrics = openMetrics },
        };
        var parts = await ServerParts.OpenAsync(settings, NullLoggerFactory.Instance, new LogLevels(LogLevel.None), CancellationToken.None);
        await ServerParts.DisposeAsync(parts.Owned);

        Assert.Equal(open, parts.Open.Any(endpoint => endpoint.Path == "/metrics"));
        Assert.Equal(!open, parts.Operations.Any(operation => operation.Template == "/metrics"));
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task ClosedPage_AnswersTheOperatorsSignedRequestsOnly()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        meter.CreateCounter<long>("calls").Add(7);
        await using var server = await WireServer.StartAsync(compose: parts => parts with { Operations = [.. parts.Operations, MetricsEndpoint.Authenticated(metrics, "000000000000")] });

        using var unsigned = await server.Http.GetAsync(new Uri("/metrics", UriKind.Relative));
        var signed = await server.SendAsync(HttpMethod.Get, "/metrics");
        using var other = server.Request(HttpMethod.Get, "/metrics", null);
        var tenant = server.Keys.Create("000000000001", null);
        SigV4Signer.Sign(other, [], tenant.Id, tenant.Secret, "us-west-2", SigV4Verifier.Service, TimeProvider.System.GetUtcNow());
        using var foreign = await server.Http.SendAsync(other);

        Assert.Equal(403, (int)foreign.StatusCode);
        Assert.Equal(403, (int)unsigned.StatusCode);
        Assert.Equal(200, signed.Status);
        Assert.Equal(7, Exposition.Parse(signed.Body).Samples["calls_total"]);
    }

    [Theory]
    [InlineData("Host", "rebound.example")]
    [InlineData("Host", "192.0.2.1")]
    [InlineData("X-Forwarded-For", "192.0.2.1")]
    [InlineData("Via", "1.1 proxy")]
    public async Task OpenPage_OfALoopbackListener_IsNotForPagesAndProxies(string header, string value)
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        await using var server = await WireServer.StartAsync(compose: parts => parts with { Open = [.. parts.Open, MetricsEndpoint.Open(metrics, onlyHere: true)] });
        using var request = server.Request(HttpMethod.Get, "/metrics", null);
        request.Headers.TryAddWithoutValidation(header, value);

        using var answer = await server.Http.SendAsync(request);

        Assert.Equal(403, (int)answer.StatusCode);
    }

    [Fact]
    public async Task OpenPage_AnswersEverybody_InTheFormatsMediaType()
    {
        using var meter = new Meter("test");
        using var metrics = new CollectedMetrics(one => one == meter);
        meter.CreateCounter<long>("calls").Add(7);
        await using var server = await WireServer.StartAsync(compose: parts => parts with { Open = [.. parts.Open, MetricsEndpoint.Open(metrics, onlyHere: true)] });

        using var answer = await server.Http.GetAsync(new Uri("/metrics", UriKind.Relative));

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(7, Exposition.Parse(await answer.Content.ReadAsStringAsync()).Samples["calls_total"]);
    }
}
