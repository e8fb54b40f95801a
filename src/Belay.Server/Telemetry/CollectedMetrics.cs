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

    private const int MaxRecent = 16;

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
        // One text at a time: what is observed is counted anew for each.
        lock (_gate)
        {
            foreach (var family in _families.Values.Where(family => family.IsObserved))
            {
                family.Clear();
            }

            _listener.RecordObservableInstruments();
            var text = new StringBuilder();
            foreach (var family in _families.Values)
            {
                family.Write(text);
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

    private static void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => ((Family)state!).Record(value, tags);

    /// <summary>One metric.</summary>
    internal sealed class Family
    {
        private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

        private readonly Lock _lock = new();

        // What was measured last is found by its tags, without a text being made of them; the rest is found by text.
        private readonly List<(KeyValuePair<string, object?>[] Tags, Series Series)> _recent = [];

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

        /// <summary>Takes a measurement.</summary>
        public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (_lock)
            {
                Find(tags).Take(value, this);
            }
        }

        /// <summary>Forgets what was observed.</summary>
        public void Clear()
        {
            lock (_lock)
            {
                Series.Clear();
                _recent.Clear();
            }
        }

        /// <summary>Writes what was measured, when anything was.</summary>
        public void Write(StringBuilder text)
        {
            lock (_lock)
            {
                if (Series.Count > 0)
                {
                    PrometheusText.Write(text, this);
                }
            }
        }

        private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (known, series) in _recent)
            {
                if (Same(known, tags))
                {
                    return series;
                }
            }

            var found = Find(PrometheusText.Labels(tags));
            if (_recent.Count == MaxRecent)
            {
                _recent.RemoveAt(0);
            }

            _recent.Add((tags.ToArray(), found));
            return found;
        }

        private static bool Same(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (known.Length != tags.Length)
            {
                return false;
            }

            for (var i = 0; i < known.Length; i++)
            {
                if (!ReferenceEquals(known[i].Key, tags[i].Key) || !Equals(known[i].Value, tags[i].Value))
                {
                    return false;
                }
            }

            return true;
        }

        private Series Find(string labels)
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
            var bounds = family.Bounds;
            for (var bucket = 0; bucket < bounds.Length; bucket++)
            {
                if (value <= bounds[bucket])
                {
                    Buckets[bucket]++;
                    return;
                }
            }
        }
    }
}
