namespace Belay.Bench.Loop.Measuring;

/// <summary>One figure of one subject: a value from each round.</summary>
internal sealed class Sample
{
    private readonly List<double> _values = [];

    /// <summary>Median of the rounds.</summary>
    public double Median => Quantile(_values, 0.5);

    /// <summary>Smallest round.</summary>
    public double Least => _values.Min();

    /// <summary>Largest round.</summary>
    public double Most => _values.Max();

    /// <summary>Rounds.</summary>
    public int Rounds => _values.Count;

    /// <summary>Adds a round.</summary>
    public void Add(double value) => _values.Add(value);

    /// <summary>A quantile of values; between two of them, their mean.</summary>
    public static double Quantile(IReadOnlyCollection<double> values, double quantile)
    {
        var sorted = values.Order().ToList();
        var at = quantile * (sorted.Count - 1);
        return (sorted[(int)Math.Floor(at)] + sorted[(int)Math.Ceiling(at)]) / 2;
    }
}
