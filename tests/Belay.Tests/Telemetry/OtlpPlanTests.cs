using Belay.Server.Telemetry;
using Belay.Telemetry;
using OpenTelemetry.Trace;

namespace Belay.Tests.Telemetry;

/// <summary>What the <c>OTEL_*</c> variables mean.</summary>
public sealed class OtlpPlanTests
{
    [Theory]
    [InlineData("", null, null)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "http://c:4318/v1/traces", "http://c:4318/v1/metrics")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/base/", "http://c:4318/base/v1/traces", "http://c:4318/base/v1/metrics")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://c/spans", "https://c/spans", null)]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://c/numbers", null, "https://c/numbers")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/x", "http://t/x", "http://c/v1/metrics")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_METRICS_EXPORTER=none", "http://c/v1/traces", null)]
    [InlineData("OTEL_TRACES_EXPORTER=otlp", "http://localhost:4318/v1/traces", null)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_SDK_DISABLED=TRUE", null, null)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "http://c/v1/traces", "http://c/v1/metrics")]
    public void Variables_SayWhereSignalsGo(string variables, string? traces, string? metrics)
    {
        var plan = OtlpPlan.From(Variables(variables));

        Assert.Equal((traces, metrics), (plan.Traces?.Endpoint.ToString(), plan.Metrics?.Endpoint.ToString()));
        Assert.Empty(plan.Problems);
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, which is the only protocol spoken here, but is \"grpc\".")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, which is the only protocol spoken here, but is \"http/json\".")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=c:4318", "OTEL_EXPORTER_OTLP_ENDPOINT must be an absolute http or https URL.")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_HEADERS=canary", "OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs, separated by commas.")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_TIMEOUT=soon", "OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds, at least 1.")]
    public void WhatCannotBeDone_IsSaid_AndNothingIsExported(string variables, string problem)
    {
        var plan = OtlpPlan.From(Variables(variables));

        Assert.Equal((null, null), (plan.Traces, plan.Metrics));
        Assert.Equal([problem], plan.Problems);
    }

    [Fact]
    public void Target_ShowsNoSecret()
    {
        var plan = OtlpPlan.From(Variables("OTEL_EXPORTER_OTLP_ENDPOINT=http://user:canary@c:4318/canary OTEL_EXPORTER_OTLP_HEADERS=authorization=canary"));

        Assert.Equal("http://c:4318", plan.Traces!.ToString());
    }

    [Theory]
    [InlineData("", "parent", SamplingDecision.RecordAndSample)]
    [InlineData("", "root", SamplingDecision.RecordAndSample)]
    [InlineData("", "unsampled", SamplingDecision.Drop)]
    [InlineData("OTEL_TRACES_SAMPLER=always_off", "parent", SamplingDecision.Drop)]
    [InlineData("OTEL_TRACES_SAMPLER=always_on", "unsampled", SamplingDecision.RecordAndSample)]
    [InlineData("OTEL_TRACES_SAMPLER=parentbased_always_off", "parent", SamplingDecision.RecordAndSample)]
    [InlineData("OTEL_TRACES_SAMPLER=parentbased_always_off", "root", SamplingDecision.Drop)]
    [InlineData("OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0", "root", SamplingDecision.Drop)]
    [InlineData("OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0", "parent", SamplingDecision.Drop)]
    [InlineData("OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1", "root", SamplingDecision.RecordAndSample)]
    public void Sampler_TreatsATraceThatBeginsHereAsARoot(string variables, string parent, SamplingDecision decision)
    {
        var trace = new TraceContext("0af7651916cd43dd8448eb211c80319c", parent == "root" ? null : "b7ad6b7169203331", parent != "unsampled", null).ToParent();
        var (sampler, problem) = TraceSampler.From(Variables(variables));

        var result = sampler.ShouldSample(new SamplingParameters(trace, trace.TraceId, "InvokeHarness", System.Diagnostics.ActivityKind.Server));

        Assert.Null(problem);
        Assert.Equal(decision, result.Decision);
    }

    [Theory]
    [InlineData("OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_TRACES_SAMPLER names \"jaeger_remote\", which is not known here; parentbased_always_on is used.")]
    [InlineData("OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is \"2\"; 1 is used.")]
    public void WrongSampler_IsSaid(string variables, string problem) => Assert.Equal(problem, TraceSampler.From(Variables(variables)).Problem);

    private static Dictionary<string, string> Variables(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
}
