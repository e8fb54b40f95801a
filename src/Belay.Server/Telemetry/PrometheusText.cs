using System.Globalization;
using System.Text;

namespace Belay.Server.Telemetry;

/// <summary>Prometheus' text exposition format 0.0.4: names, labels, escapes, numbers. Pure.</summary>
internal static class PrometheusText
{
    /// <summary>Media type of an exposition.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const int MaxValueCharacters = 256;

    /// <summary>A metric's name: dots become underscores; base units and the counter's ending are appended, as scrapers expect.</summary>
    public static string MetricName(string name, string? unit, bool isCounter)
    {
        var suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        var text = Clean(name, colon: true);
        text = text.EndsWith(suffix, StringComparison.Ordinal) ? text : text + suffix;
        return isCounter && !text.EndsWith("_total", StringComparison.Ordinal) ? text + "_total" : text;
    }

    /// <summary>Labels as they stand between braces, sorted by name; empty for none.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            labels[Clean(tag.Key, colon: false)] = Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "";
        }

        return Labels(labels);
    }

    /// <summary>Labels as they stand between braces, in the order given.</summary>
    public static string Labels(IEnumerable<KeyValuePair<string, string>> labels) =>
        string.Join(',', labels.Select(label => $"{label.Key}=\"{EscapeValue(label.Value)}\""));

    /// <summary>Writes one metric with all its series.</summary>
    public static void Write(StringBuilder text, CollectedMetrics.Family family)
    {
        text.Append("# HELP ").Append(family.Name).Append(' ').Append(family.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
        text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Kind).Append('\n');
        foreach (var (labels, series) in family.Series)
        {
            if (family.Kind != "histogram")
            {
                Sample(text, family.Name, labels, series.Value);
                continue;
            }

            var sum = 0L;
            for (var i = 0; i < family.Bounds.Length; i++)
            {
                sum += series.Buckets[i];
                Sample(text, family.Name + "_bucket", With(labels, Number(family.Bounds[i])), sum);
            }

            Sample(text, family.Name + "_bucket", With(labels, "+Inf"), series.Count);
            Sample(text, family.Name + "_sum", labels, series.Value);
            Sample(text, family.Name + "_count", labels, series.Count);
        }
    }

    private static string With(string labels, string bound) => labels.Length == 0 ? $"le=\"{bound}\"" : $"{labels},le=\"{bound}\"";

    private static void Sample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string EscapeValue(string value) => (value.Length > MaxValueCharacters ? Cut(value) : value)
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    // Half a surrogate pair cannot be written as UTF-8.
    private static string Cut(string value) => value[..(char.IsHighSurrogate(value[MaxValueCharacters - 1]) ? MaxValueCharacters - 1 : MaxValueCharacters)];

    private static string Clean(string name, bool colon)
    {
        var clean = string.Create(name.Length, (name, colon), static (characters, state) =>
        {
            for (var i = 0; i < characters.Length; i++)
            {
                var one = state.name[i];
                characters[i] = char.IsAsciiLetterOrDigit(one) || one == '_' || (one == ':' && state.colon) ? one : '_';
            }
        });
        return clean.Length == 0 || char.IsAsciiDigit(clean[0]) ? "_" + clean : clean;
    }
}
