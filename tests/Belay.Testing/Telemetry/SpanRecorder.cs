using System.Diagnostics;
using Belay.Telemetry;

namespace Belay.Testing.Telemetry;

/// <summary>Records every span of one server, in the order in which they begin.</summary>
public sealed class SpanRecorder : IDisposable
{
    private readonly ActivityListener _listener;
    private readonly Lock _gate = new();
    private readonly List<Activity> _spans = [];
    private readonly List<string> _happened = [];

    public SpanRecorder(Instrumentation telemetry)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source == telemetry.Source,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = span => Add(span, "begins"),
            ActivityStopped = span => Add(null, $"{span.DisplayName} ends"),
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>Every span so far.</summary>
    public IReadOnlyList<Activity> Spans
    {
        get
        {
            lock (_gate)
            {
                return [.. _spans];
            }
        }
    }

    /// <summary>Beginnings and ends, in order.</summary>
    public IReadOnlyList<string> Happened
    {
        get
        {
            lock (_gate)
            {
                return [.. _happened];
            }
        }
    }

    /// <summary>The spans as a tree: a line for each name, two spaces deeper than its parent. One that has not ended says so.</summary>
    public IReadOnlyList<string> Tree()
    {
        var spans = Spans;
        var ids = spans.Select(span => span.SpanId).ToHashSet();
        var lines = new List<string>();
        void Draw(Activity span, int depth)
        {
            lines.Add($"{new string(' ', 2 * depth)}{span.DisplayName}{(span.Status == ActivityStatusCode.Error ? $" !{span.StatusDescription}" : "")}{(span.IsStopped ? "" : " (open)")}");
            foreach (var child in spans.Where(child => child.ParentSpanId == span.SpanId))
            {
                Draw(child, depth + 1);
            }
        }

        foreach (var root in spans.Where(span => !ids.Contains(span.ParentSpanId)))
        {
            Draw(root, 0);
        }

        return lines;
    }

    /// <summary>The only span of a name.</summary>
    public Activity Named(string name) => Spans.Single(span => span.DisplayName == name);

    /// <summary>Everything that the spans carry, as one text.</summary>
    public string Everything() => string.Join('\n', Spans.SelectMany(span =>
        span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}")
            .Concat(span.Events.SelectMany(one => one.Tags.Select(tag => $"{one.Name} {tag.Key}={tag.Value}")))
            .Append($"{span.DisplayName} {span.StatusDescription}")));

    public void Dispose() => _listener.Dispose();

    private void Add(Activity? span, string what)
    {
        lock (_gate)
        {
            if (span is not null)
            {
                _spans.Add(span);
            }

            _happened.Add(span is null ? what : $"{span.DisplayName} {what}");
        }
    }
}
