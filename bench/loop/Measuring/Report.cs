using System.Globalization;
using System.Text.Json;
using Belay.Bench.Loop.Driving;

namespace Belay.Bench.Loop.Measuring;

/// <summary>The figures of a run as a table, or as one JSON object.</summary>
internal static class Report
{
    // What fits a terminal and a page.
    private const int Width = 100;

    /// <summary>For people.</summary>
    public static void Write(TextWriter output, Results results, string footer)
    {
        foreach (var metric in results.Metrics)
        {
            var floor = FloorOf(results, metric);
            output.WriteLine();
            WriteWrapped(output, "", $"{metric.Title}, {metric.Unit}");
            output.WriteLine(Text($"  {"",-42}{"median",9}  {"least-most",-19}{(floor is null ? "" : floor == Names.Floor ? "x Kestrel" : "x raw"),10}{(Has(results, metric, Names.Strands) ? "x Strands" : ""),12}").TrimEnd());
            foreach (var (subject, sample) in results.Of(metric))
            {
                output.WriteLine(Text(
                    $"  {subject,-42}{sample.Median,9:G4}  {$"{sample.Least:G4}-{sample.Most:G4}",-19}{Beside(results, metric, subject, floor),10}{Beside(results, metric, subject, Names.Strands),12}").TrimEnd());
            }

            foreach (var target in Target.All.Where(target => target.Metric == metric))
            {
                var verdict = target.Value(results) is { } known ? Text($"{(target.IsMet(results) == true ? "met" : "missed")}, {known:G3}") : "cannot be said, a figure is missing";
                WriteWrapped(output, "  ", $"target: {target.Text}: {verdict}");
            }
        }

        output.WriteLine();
        foreach (var (row, subject, reason) in results.Missing)
        {
            WriteWrapped(output, "", $"{row}, {subject}: {reason}");
        }

        WriteWrapped(output, "", "x Kestrel, x raw, x Strands: the median beside that of the raw client behind Kestrel, the raw client, Strands behind http.");
        WriteWrapped(output, "", footer);
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

    // The floor that has the same hop where there is one, else the raw client.
    private static string? FloorOf(Results results, Metric metric) =>
        Has(results, metric, Names.Floor) ? Names.Floor : Has(results, metric, Names.Raw) ? Names.Raw : null;

    private static bool Has(Results results, Metric metric, string subject) => results.Median(metric, subject) is not null;

    private static string Beside(Results results, Metric metric, string subject, string? other) =>
        other is not null && other != subject && results.Median(metric, other) is { } value and > 0
            ? Text($"{results.Median(metric, subject)!.Value / value:F2}") // It is a subject of this metric.
            : "";

    private static void WriteWrapped(TextWriter output, string indent, string text)
    {
        var line = indent;
        foreach (var word in text.Split(' '))
        {
            if (line.Length > indent.Length && line.Length + word.Length >= Width)
            {
                output.WriteLine(line);
                line = indent + "  ";
            }

            line += line.Length > indent.Length && line[^1] != ' ' ? $" {word}" : word;
        }

        output.WriteLine(line);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
