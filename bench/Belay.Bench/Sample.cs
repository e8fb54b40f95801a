using System.Globalization;

namespace Belay.Bench;

/// <summary>Milliseconds of many runs, in rounds. The figure is the median of the rounds' medians; the range is theirs.</summary>
internal sealed class Sample
{
    private readonly List<double> _medians = [];
    private readonly List<double> _all = [];

    /// <summary>Median of the rounds' medians.</summary>
    public double Median => Middle(_medians);

    /// <summary>95th percentile of everything.</summary>
    public double P95 => _all.Order().ElementAt((int)(0.95 * (_all.Count - 1)));

    /// <summary>Runs.</summary>
    public int Count => _all.Count;

    /// <summary>Adds one round.</summary>
    public void Add(List<double> milliseconds)
    {
        _medians.Add(Middle(milliseconds));
        _all.AddRange(milliseconds);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Median,9:F3} ({_medians.Min():F3}-{_medians.Max():F3})");

    private static double Middle(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
