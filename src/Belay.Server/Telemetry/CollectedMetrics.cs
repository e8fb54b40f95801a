using System.Diagnostics.Metrics;
using System.Text;

namespace Belay.Server.Telemetry;

/// <summary>
/// Collects measurements for scraping. Each metric keeps a bounded number of series: what comes with further label values is counted into one
/// series that says so, because some values, such as a model's name, are the caller's to choose.
/// </summary>
public sealed class CollectedMetrics : IDisposable
{
    /// <summary>Series that one metric keeps apart.</summary>
    public const int MaxSeries = 200;

    private static readonly KeyValuePair<string, string>[] Overflow = [new("otel_metric_overflow", "true")];

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();

    /// <summary>Listens to the meters that are chosen, from now on.</summary>
    public CollectedMetrics(Func<Meter, bool> choose)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (choose(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument, Add(instrument));
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Record(family, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Record(family, value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Record(family, value, tags));
        _listener.Start();
    }

    /// <summary>Everything collected so far in Prometheus' text exposition format 0.0.4.</summary>
    public string ToText()
    {
        lock (_gate)
        {
            foreach (var family in _families.Values.Where(family => family.IsObserved))
            {
                family.Series.Clear();
            }

            _listener.RecordObservableInstruments();
            var text = new StringBuilder();
            foreach (var family in _families.Values.Where(family => family.Series.Count > 0))
            {
                PrometheusText.Write(text, family);
            }

            return text.ToString();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private Family Add(Instrument instrument)
    {
        var family = new Family(instrument);
        lock (_gate)
        {
            // The same name twice is the same metric.
            if (!_families.TryAdd(family.Name, family))
            {
                family = _families[family.Name];
            }
        }

        return family;
    }

    private void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var family = (Family)state!;
        var labels = PrometheusText.Labels(tags);
        lock (_gate)
        {
            family.Find(labels).Take(value, family);
        }
    }

    /// <summary>One metric.</summary>
    internal sealed class Family
    {
        private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

        public Family(Instrument instrument)
        {
            var type = instrument.GetType().GetGenericTypeDefinition();
            IsObserved = instrument.IsObservable;
            Kind = type == typeof(Histogram<>) ? "histogram" : type == typeof(Counter<>) || type == typeof(ObservableCounter<>) ? "counter" : "gauge";
            IsSet = type == typeof(Gauge<>);
            Name = PrometheusText.MetricName(instrument.Name, instrument.Unit, isCounter: Kind == "counter");
            Help = instrument.Description ?? instrument.Name;
            Bounds = Kind != "histogram" ? [] : instrument switch
            {
                Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
                Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
                _ => DefaultBounds,
            };
        }

        public string Name { get; }

        public string Kind { get; }

        public string Help { get; }

        public bool IsObserved { get; }

        public bool IsSet { get; }

        public double[] Bounds { get; }

        public SortedDictionary<string, Series> Series { get; } = new(StringComparer.Ordinal);

        public Series Find(string labels)
        {
            if (Series.TryGetValue(labels, out var known))
            {
                return known;
            }

            var key = Series.Count < MaxSeries ? labels : PrometheusText.Labels(Overflow);
            if (!Series.TryGetValue(key, out var series))
            {
                Series.Add(key, series = new Series(Bounds.Length));
            }

            return series;
        }
    }

    /// <summary>One metric with one set of label values.</summary>
    internal sealed class Series(int bounds)
    {
        /// <summary>Observations in each bucket, not yet summed up; those beyond the last bound are only in <see cref="Count"/>.</summary>
        public long[] Buckets { get; } = new long[bounds];

        public long Count { get; private set; }

        /// <summary>The value, or the sum of a histogram.</summary>
        public double Value { get; private set; }

        public void Take(double value, Family family)
        {
            Value = family.IsObserved || family.IsSet ? value : Value + value;
            Count++;
            var bucket = Array.FindIndex(family.Bounds, bound => value <= bound);
            if (bucket >= 0)
            {
                Buckets[bucket]++;
            }
        }
    }
}
