using System.Globalization;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Provider;
using Belay.Bench.Loop.Rows;

namespace Belay.Bench.Loop.Measuring;

/// <summary>What a figure should be. Printed beside it; nothing fails when it is missed.</summary>
/// <param name="Metric">The metric that it stands below.</param>
/// <param name="Text">The target in words.</param>
/// <param name="Limit">Largest value that meets it; smallest where <paramref name="AtLeast"/>.</param>
/// <param name="Value">The value from a run; null when something is missing.</param>
/// <param name="AtLeast">Whether more is better.</param>
internal sealed record Target(Metric Metric, string Text, double Limit, Func<Results, double?> Value, bool AtLeast = false)
{
    private const int MostSessions = 256;
    private const int Longest = 1000;

    /// <summary>Every target.</summary>
    public static IReadOnlyList<Target> All { get; } =
    [
        Ratio(IterationRow.AtOnce, Names.Belay, Names.Strands, 1.0),
        Ratio(IterationRow.AtOnce, Names.MemoryJournal, Names.Strands, 0.5),
        new(FirstTokenRow.Median, "Belay at most 0.5 ms more than the raw client behind Kestrel", 0.5, results => results.Median(FirstTokenRow.Median, Names.Belay) - results.Median(FirstTokenRow.Median, Names.Floor)),
        Ratio(ThroughputRow.Calls(MostSessions), Names.Belay, Names.Strands, 5, atLeast: true),
        Absolute(ThroughputRow.P99(MostSessions), Names.Belay, 200),
        Absolute(ThroughputRow.Cpu(MostSessions), Names.Belay, 0.25),
        Ratio(HistoryRow.Iteration(Longest), Names.Belay, Names.Raw, 2),
        Ratio(HistoryRow.Iteration(Longest), Names.Cold, Names.Raw, 3),
        new(WakingRow.Turn, "waking adds at most 5 ms", 5, results => results.Median(WakingRow.Turn, Names.Cold) - results.Median(WakingRow.Turn, Names.Belay)),
        Absolute(MemoryRow.Each(5000), Names.Belay, 2),
        Absolute(MemoryRow.Whole(MemoryRow.Many), Names.Belay, 512),
        Absolute(StartRow.Empty, Names.Belay, 400),
        Absolute(StartRow.Many, Names.Belay, 1000),
        Absolute(SandboxRow.Command, SandboxRow.Fresh, 50),
        Absolute(RecoveryRow.Answer(1), Names.Belay, 500),
        Absolute(RecoveryRow.Answer(10_000), Names.Belay, 500),
        new(ProvidersRow.Call, "every wire format at most 2 x chat completions", 2, results => Most(results, ProvidersRow.Call) / results.Median(ProvidersRow.Call, ProvidersRow.Subject(WireFormat.ChatCompletions))),
        new(CachingRow.One, "every wire format at least 90 %", 90, results => Least(results, CachingRow.One), AtLeast: true),
        new(CachingRow.Many, "every wire format at least 90 %", 90, results => Least(results, CachingRow.Many), AtLeast: true),
    ];

    /// <summary>Whether a run meets it; null when it cannot be said.</summary>
    public bool? IsMet(Results results) => Value(results) is { } value ? (AtLeast ? value >= Limit : value <= Limit) : null;

    // Null where a format is missing: what was not measured has met nothing.
    private static double? Most(Results results, Metric metric) =>
        WireFormat.All.Select(format => results.Median(metric, ProvidersRow.Subject(format))).ToList() is var all && all.Contains(null) ? null : all.Max();

    private static double? Least(Results results, Metric metric) =>
        WireFormat.All.Select(format => results.Median(metric, CachingRow.Subject(format, on: true))).ToList() is var all && all.Contains(null) ? null : all.Min();

    private static Target Absolute(Metric metric, string subject, double limit) =>
        new(metric, string.Create(CultureInfo.InvariantCulture, $"{subject} at most {limit} {metric.Unit}"), limit, results => results.Median(metric, subject));

    private static Target Ratio(Metric metric, string subject, string other, double limit, bool atLeast = false) => new(
        metric,
        string.Create(CultureInfo.InvariantCulture, $"{subject} {(atLeast ? "at least" : "at most")} {limit} x {other}"),
        limit,
        results => results.Median(metric, subject) / results.Median(metric, other),
        atLeast);
}
