using System.Diagnostics;
using System.Globalization;
using OpenTelemetry.Trace;

namespace Belay.Server.Telemetry;

/// <summary>
/// The sampler that <c>OTEL_TRACES_SAMPLER</c> names. A trace that begins here already has its id, which the journal keeps; to a sampler that
/// looks at parents it must look like the root that it is.
/// </summary>
internal sealed class TraceSampler(Sampler inner) : Sampler
{
    /// <summary>The sampler that the variables ask for; the default when they ask for none, or for one that does not exist, with a word about it.</summary>
    public static (Sampler Sampler, string? Problem) From(IReadOnlyDictionary<string, string> variables)
    {
        var name = variables.GetValueOrDefault("OTEL_TRACES_SAMPLER", "").Trim();
        var argument = variables.GetValueOrDefault("OTEL_TRACES_SAMPLER_ARG", "").Trim();
        var ratio = 1.0;
        var wrong = argument.Length > 0 && !(double.TryParse(argument, NumberStyles.Float, CultureInfo.InvariantCulture, out ratio) && ratio is >= 0 and <= 1);
        if (wrong)
        {
            ratio = 1;
        }

        Sampler? sampler = name switch
        {
            "" or "parentbased_always_on" => new ParentBasedSampler(new AlwaysOnSampler()),
            "parentbased_always_off" => new ParentBasedSampler(new AlwaysOffSampler()),
            "parentbased_traceidratio" => new ParentBasedSampler(new TraceIdRatioBasedSampler(ratio)),
            "always_on" => new AlwaysOnSampler(),
            "always_off" => new AlwaysOffSampler(),
            "traceidratio" => new TraceIdRatioBasedSampler(ratio),
            _ => null,
        };
        var problem = sampler is null ? $"OTEL_TRACES_SAMPLER names \"{name}\", which is not known here; parentbased_always_on is used."
            : wrong && name.EndsWith("traceidratio", StringComparison.Ordinal) ? $"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is \"{argument}\"; 1 is used."
            : null;
        return (new TraceSampler(sampler ?? new ParentBasedSampler(new AlwaysOnSampler())), problem);
    }

    /// <inheritdoc/>
    public override SamplingResult ShouldSample(in SamplingParameters parameters)
    {
        if (parameters.ParentContext.SpanId != default)
        {
            return inner.ShouldSample(parameters);
        }

        var root = new SamplingParameters(default(ActivityContext), parameters.TraceId, parameters.Name, parameters.Kind, parameters.Tags, parameters.Links);
        return inner.ShouldSample(root);
    }
}
