using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Sessions;
using Belay.Models;
using Belay.Telemetry;

namespace Belay.Sessions;

/// <summary>A span while it is folded.</summary>
internal sealed class TraceStep(string spanId, int order, string operation, string name, DateTimeOffset startedAt, TraceStep? parent)
{
    private readonly Dictionary<string, JsonElement> _attributes = new(StringComparer.Ordinal);
    private bool _ended;
    private long? _durationMs;
    private string? _error;

    public int Order { get; } = order;

    public string Operation { get; } = operation;

    public DateTimeOffset StartedAt { get; } = startedAt;

    public TraceStep? Parent { get; } = parent;

    /// <summary>Arguments of a call whose work is one command; null for every other step.</summary>
    public JsonElement? Command { get; set; }

    /// <summary>When it ended; its beginning while nobody knows.</summary>
    public DateTimeOffset EndedAt => StartedAt + TimeSpan.FromMilliseconds(_durationMs ?? 0);

    public TokenUsage? Usage { get; set; }

    public long? InputBytes { get; set; }

    public long? OutputBytes { get; set; }

    public void Set(string attribute, string value) => _attributes[attribute] = JsonSerializer.SerializeToElement(value, BelayJson.Default.String);

    public void Set(string attribute, long value) => _attributes[attribute] = JsonSerializer.SerializeToElement(value, BelayJson.Default.Int64);

    public void SetList(string attribute, string only) => _attributes[attribute] = JsonSerializer.SerializeToElement([only], BelayJson.Default.IReadOnlyListString);

    /// <summary>It ended, well unless there is an error.</summary>
    public void End(long durationMs, string? error) => (_ended, _durationMs, _error) = (true, Math.Max(0, durationMs), error is null ? null : OneLine.Of(error));

    /// <summary>It ended badly, nobody knows when.</summary>
    public void Fail(string error) => (_ended, _durationMs, _error) = (true, null, OneLine.Of(error));

    /// <summary>A step that is nothing but its parts ends with the last of them, and fails with its model call.</summary>
    public void Close(IEnumerable<TraceStep> parts, bool runs)
    {
        _ended = !runs;
        foreach (var part in parts)
        {
            if (part is { _ended: true, _durationMs: { } duration })
            {
                _durationMs = Math.Max(_durationMs ?? 0, (long)(part.StartedAt - StartedAt).TotalMilliseconds + duration);
            }
            else if (!runs)
            {
                _error = TraceFold.CutOff;
            }

            // The last attempt counts: one that was too long is asked again.
            _error = part.Operation == TelemetryNames.Spans.Chat && part._ended ? part._error : _error;
        }

        _durationMs = _ended && _error != TraceFold.CutOff ? _durationMs : null;
    }

    /// <summary>The span.</summary>
    /// <param name="runs">Whether it can still end when it has not.</param>
    public Span ToSpan(bool runs) => new()
    {
        SpanId = Id,
        ParentSpanId = Parent?.Id,
        Name = name,
        Operation = Operation,
        StartedAt = StartedAt,
        DurationMs = _durationMs,
        Status = _error is not null ? SpanStatus.Error : _ended ? SpanStatus.Ok : runs ? SpanStatus.Running : SpanStatus.Error,
        Error = _error ?? (_ended || runs ? null : TraceFold.CutOff),
        Usage = Usage is { } usage ? new() { Input = usage.Input, Output = usage.Output, CacheRead = usage.CacheRead, CacheWrite = usage.CacheWrite } : null,
        InputBytes = InputBytes,
        OutputBytes = OutputBytes,
        Attributes = _attributes,
    };

    private string Id { get; } = spanId;
}
