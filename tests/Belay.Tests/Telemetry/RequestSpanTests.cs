using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Server.Telemetry;
using Belay.Server.Wire;
using Belay.Telemetry;
using Belay.Testing.Telemetry;
using Belay.Tests.Wire;

namespace Belay.Tests.Telemetry;

/// <summary>A request as a span, and as numbers of the service.</summary>
public sealed class RequestSpanTests
{
    private const string Caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public async Task Request_IsAServerSpanUnderTheCallersTrace()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), TimeProvider.System);
        using var recorder = new SpanRecorder(telemetry);
        TraceContext? seen = null;
        await using var server = await StartAsync(telemetry, (call, _) =>
        {
            seen = call.Trace;
            return call.RespondAsync(200, new Dictionary<string, string>(), BelayJson.Default.DictionaryStringString);
        });

        await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("Hi"), request => request.Headers.Add("traceparent", Caller));

        var span = recorder.Named("InvokeHarness");
        Assert.Equal(System.Diagnostics.ActivityKind.Server, span.Kind);
        Assert.Equal("0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331", $"{span.TraceId}/{span.ParentSpanId}");
        Assert.Equal(TraceContext.Of(span), seen);
        Assert.Equal(["POST", 200], new[] { span.GetTagItem("http.request.method"), span.GetTagItem("http.response.status_code") });
    }

    [Fact]
    public async Task AmazonsTraceHeader_IsTheTraceToo()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), TimeProvider.System);
        using var recorder = new SpanRecorder(telemetry);
        await using var server = await StartAsync(telemetry, (call, _) => call.RespondAsync(200));

        await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("Hi"), request =>
            request.Headers.Add("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"));

        Assert.Equal("5759e988bd862e3fe1be46a994272793", recorder.Named("InvokeHarness").TraceId.ToHexString());
    }

    [Fact]
    public async Task Stranger_LeavesNoSpan()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), TimeProvider.System);
        using var recorder = new SpanRecorder(telemetry);
        await using var server = await StartAsync(telemetry, (call, _) => call.RespondAsync(200));

        using var answer = await server.Http.SendAsync(server.Request(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("Hi")));

        Assert.Equal(403, (int)answer.StatusCode);
        Assert.Empty(recorder.Spans);
    }

    [Fact]
    public async Task EveryEnding_IsCountedUnderItsKind()
    {
        var telemetry = new Instrumentation(new TelemetrySettings(), TimeProvider.System);
        using var metrics = new CollectedMetrics(meter => meter == telemetry.Meter);
        using var recorder = new SpanRecorder(telemetry);
        await using var server = await StartAsync(telemetry, (call, _) => WireServer.Text(call.Bind(BelayJson.Default.InvokeHarnessRequest)) switch
        {
            "throttle" => throw new ServiceException(FaultCode.ThrottlingException, "slow down"),
            "break" => throw new FormatException("canary"),
            "refuse" => throw new ServiceException(FaultCode.ResourceNotFoundException, "gone"),
            _ => call.RespondAsync(200),
        });

        foreach (var text in (string[])["well", "throttle", "break", "refuse"])
        {
            await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation(text));
        }

        // The answer is out before it is counted; stopping waits for both.
        await server.StopAsync();
        var samples = Exposition.Parse(metrics.ToText()).Samples;
        Assert.Equal(4, samples["Invocations_total{Operation=\"InvokeHarness\"}"]);
        Assert.Equal(1, samples["Throttles_total{Operation=\"InvokeHarness\"}"]);
        Assert.Equal(1, samples["SystemErrors_total{Operation=\"InvokeHarness\"}"]);
        Assert.Equal(1, samples["UserErrors_total{Operation=\"InvokeHarness\"}"]);
        Assert.Equal(4, samples["Latency_milliseconds_count{Operation=\"InvokeHarness\"}"]);
        Assert.Equal(
            ["InvokeHarness", "InvokeHarness !ThrottlingException", "InvokeHarness !InternalServerException", "InvokeHarness !ResourceNotFoundException"], recorder.Tree());
        Assert.DoesNotContain("canary", recorder.Everything(), StringComparison.Ordinal);
    }

    private static Task<WireServer> StartAsync(Instrumentation telemetry, Func<OperationCall, CancellationToken, Task> invoke) =>
        WireServer.StartAsync(invoke: invoke, compose: parts => parts with { Telemetry = telemetry });
}
