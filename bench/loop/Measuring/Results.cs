namespace Belay.Bench.Loop.Measuring;

/// <summary>What a figure is of.</summary>
/// <param name="Row">Row, as the command line names it.</param>
/// <param name="Title">What is measured.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record Metric(string Row, string Title, string Unit);

/// <summary>Every figure of a run, in the order in which they came.</summary>
internal sealed class Results
{
    private readonly List<Metric> _metrics = [];
    private readonly Dictionary<Metric, List<(string Subject, Sample Sample)>> _samples = [];
    private readonly List<(string Row, string Subject, string Reason)> _missing = [];

    /// <summary>Metrics in order.</summary>
    public IReadOnlyList<Metric> Metrics => _metrics;

    /// <summary>What was not run, or broke, with the reason.</summary>
    public IReadOnlyList<(string Row, string Subject, string Reason)> Missing => _missing;

    /// <summary>Adds the value of one round.</summary>
    public void Add(Metric metric, string subject, double value)
    {
        if (!_samples.TryGetValue(metric, out var samples))
        {
            _metrics.Add(metric);
            _samples[metric] = samples = [];
        }

        if (samples.Find(one => one.Subject == subject) is not { Sample: { } sample })
        {
            samples.Add((subject, sample = new()));
        }

        sample.Add(value);
    }

    /// <summary>Says why there is no figure, once.</summary>
    public void Miss(string row, string subject, string reason)
    {
        if (!_missing.Any(one => one.Row == row && one.Subject == subject))
        {
            _missing.Add((row, subject, reason));
        }
    }

    /// <summary>Whether a subject broke in a row: it is not measured there again.</summary>
    public bool IsMissing(string row, string subject) => _missing.Any(one => one.Row == row && one.Subject == subject);

    /// <summary>Subjects of a metric, in order.</summary>
    public IReadOnlyList<(string Subject, Sample Sample)> Of(Metric metric) => _samples[metric];

    /// <summary>Median of a subject; null when it was not measured.</summary>
    public double? Median(Metric metric, string subject) =>
        _samples.TryGetValue(metric, out var samples) && samples.Find(one => one.Subject == subject) is { Sample: { } sample } ? sample.Median : null;
}
