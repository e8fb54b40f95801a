using System.Globalization;
using System.Text.Json;
using Belay.Bench.Loop.Driving;

namespace Belay.Bench.Loop.Measuring;

/// <summary>The figures of a run as a table, or as one JSON object.</summary>
internal static class Report
{
    /// <summary>For people.</summary>
    public static void Write(TextWriter output, Results results, string footer)
    {
        foreach (var metric in results.Metrics)
        {
            output.WriteLine();
            output.WriteLine(Text($"{metric.Title}, {metric.Unit}"));
            foreach (var (subject, sample) in results.Of(metric))
            {
                var beside = string.Join(", ", Beside(results, metric, subject).Select(one => Text($"{one.Ratio:F2} x {one.Other}")));
                output.WriteLine(Text($"  {subject,-40}{sample.Median,10:G4}  {$"({sample.Least:G4}-{sample.Most:G4})",-22}{beside}"));
            }

            foreach (var target in Target.All.Where(target => target.Metric == metric))
            {
                var value = target.Value(results) is { } known ? Text($"{known:G3}, {(target.IsMet(results) == true ? "met" : "missed")}") : "cannot be said, a figure is missing";
                output.WriteLine($"  target: {target.Text}: {value}");
            }
        }

        output.WriteLine();
        foreach (var (row, subject, reason) in results.Missing)
        {
            output.WriteLine($"{row}, {subject}: {reason}");
        }

        output.WriteLine(footer);
    }

    /// <summary>For programs.</summary>
    public static void WriteJson(Stream output, Results results, string footer)
    {
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("figures");
        foreach (var metric in results.Metrics)
        {
            foreach (var (subject, sample) in results.Of(metric))
            {
                json.WriteStartObject();
                json.WriteString("row", metric.Row);
                json.WriteString("metric", metric.Title);
                json.WriteString("unit", metric.Unit);
                json.WriteString("subject", subject);
                json.WriteNumber("median", sample.Median);
                json.WriteNumber("least", sample.Least);
                json.WriteNumber("most", sample.Most);
                json.WriteNumber("rounds", sample.Rounds);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
        json.WriteStartArray("targets");
        foreach (var target in Target.All.Where(target => results.Metrics.Contains(target.Metric)))
        {
            json.WriteStartObject();
            json.WriteString("metric", target.Metric.Title);
            json.WriteString("target", target.Text);
            if (target.Value(results) is { } value)
            {
                json.WriteNumber("value", value);
                json.WriteBoolean("met", target.IsMet(results) == true);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("missing");
        foreach (var (row, subject, reason) in results.Missing)
        {
            json.WriteStartObject();
            json.WriteString("row", row);
            json.WriteString("subject", subject);
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("run", footer);
        json.WriteEndObject();
    }

    // Beside the floor that has the same hop where there is one, else the raw client; and beside the peer.
    private static IEnumerable<(double Ratio, string Other)> Beside(Results results, Metric metric, string subject)
    {
        string?[] others = [results.Median(metric, Names.Floor) is null ? Names.Raw : Names.Floor, Names.Strands];
        foreach (var other in others.Where(other => other != subject))
        {
            if (results.Median(metric, other!) is { } value and > 0)
            {
                yield return (results.Median(metric, subject)!.Value / value, other!);
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
