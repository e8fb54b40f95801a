using System.Globalization;
using System.Text;

namespace Belay.Tests.Telemetry;

/// <summary>Reads Prometheus' text format 0.0.4, strictly: what a scraper would refuse throws.</summary>
internal sealed class Exposition
{
    private readonly Dictionary<string, string> _types = [];

    private Exposition()
    {
    }

    /// <summary>Type of each metric.</summary>
    public IReadOnlyDictionary<string, string> Types => _types;

    /// <summary>Every sample by name and labels.</summary>
    public Dictionary<string, double> Samples { get; } = [];

    /// <summary>Value of one label, by sample.</summary>
    public Dictionary<string, Dictionary<string, string>> Labels { get; } = [];

    public static Exposition Parse(string text)
    {
        var read = new Exposition();
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        foreach (var line in text[..^1].Split('\n'))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                var parts = line.Split(' ');
                Assert.Matches("^(counter|gauge|histogram)$", parts[3]);
                read._types.Add(parts[2], parts[3]);
            }
            else if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                Assert.Matches("^# HELP [a-zA-Z_:][a-zA-Z0-9_:]* ", line);
            }
            else
            {
                read.Sample(line);
            }
        }

        return read;
    }

    private void Sample(string line)
    {
        var name = System.Text.RegularExpressions.Regex.Match(line, "^[a-zA-Z_:][a-zA-Z0-9_:]*").Value;
        Assert.NotEqual("", name);
        var labels = new Dictionary<string, string>();
        var at = name.Length;
        if (line[at] == '{')
        {
            at++;
            while (line[at] != '}')
            {
                var equals = line.IndexOf('=', at);
                var key = line[at..equals];
                Assert.Matches("^[a-zA-Z_][a-zA-Z0-9_]*$", key);
                Assert.Equal('"', line[equals + 1]);
                var value = new StringBuilder();
                for (at = equals + 2; line[at] != '"'; at++)
                {
                    value.Append(line[at] != '\\' ? line[at] : line[++at] switch { 'n' => '\n', '\\' => '\\', '"' => '"', var other => throw new FormatException($"\\{other}") });
                }

                labels.Add(key, value.ToString());
                at += line[at + 1] == ',' ? 2 : 1;
            }

            at++;
        }

        Assert.Equal(' ', line[at]);
        var number = line[(at + 1)..];
        var family = _types.Keys.Where(known => name == known || (_types[known] == "histogram" && (name == known + "_bucket" || name == known + "_sum" || name == known + "_count")));
        Assert.Single(family);
        var id = line[..at];
        Samples.Add(id, number == "+Inf" ? double.PositiveInfinity : double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture));
        Labels.Add(id, labels);
    }
}
