using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Contracts.Replays;
using Belay.Replays;
using Belay.Server.Wire;
using Belay.Sessions;

namespace Belay.Server.Replays;

/// <summary>What a replay found, as the native API says it.</summary>
public static class ReplayWire
{
    // Far above what may enter, as in the journal itself.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

    /// <summary>The verdict over invocations that were replayed.</summary>
    public static ReplaySessionResponse Verdict(IReadOnlyList<ReplayedInvocationSummary> invocations, TimeSpan took) => new()
    {
        Identical = invocations.All(invocation => invocation.Outcome != ReplayOutcome.Diverged),
        Entries = invocations.Sum(invocation => invocation.Entries),
        Events = invocations.Sum(invocation => invocation.Events),
        DurationMs = (long)took.TotalMilliseconds,
        Invocations = invocations,
    };

    /// <summary>One invocation.</summary>
    public static ReplayedInvocationSummary Summary(ReplayedInvocation replayed) => new()
    {
        InvocationId = replayed.InvocationId,
        Outcome = replayed.Result switch
        {
            ReplayResult.Identical => ReplayOutcome.Identical,
            ReplayResult.Unfinished => ReplayOutcome.Unfinished,
            ReplayResult.Diverged => ReplayOutcome.Diverged,
            _ => throw new UnreachableException(),
        },
        FirstSequence = replayed.First,
        LastSequence = replayed.Last,
        Entries = replayed.Entries,
        Events = replayed.Events.Count,
        Divergence = replayed.Divergence is not { } divergence ? null : new()
        {
            Sequence = divergence.Sequence,
            Path = divergence.Path.Length == 0 ? null : divergence.Path,
            Expected = Entry(divergence.Expected is null ? null : divergence.Sequence, divergence.ExpectedKind, divergence.Expected),
            Got = Entry(null, divergence.GotKind, divergence.Got),
            Nearest = divergence.Nearest is { } near ? new() { Sequence = near.Sequence, Kind = JournalJson.KindOf(near.Body).ToString(), Body = JsonElement.Parse(near.Json.Span, Deep) } : null,
        },
    };

    /// <summary>One event, with the payload that its frame had.</summary>
    public static ReplayedEvent Event(InvocationEvent shown)
    {
        var payload = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(payload, OperationCall.WriterOptions))
        {
            JsonSerializer.Serialize(json, shown, BelayJson.Default.GetTypeInfo(shown.GetType())!);
        }

        return new() { Type = shown.EventType, Payload = JsonElement.Parse(payload.WrittenSpan, Deep) };
    }

    private static ReplayedEntry? Entry(long? sequence, EntryKind? kind, string? json) =>
        kind is null || json is null ? null : new() { Sequence = sequence, Kind = kind.ToString()!, Body = JsonElement.Parse(json, Deep) };
}
