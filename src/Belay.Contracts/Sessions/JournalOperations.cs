using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>
/// Input of ReadJournal. With <c>Accept: text/event-stream</c> the answer is a stream of server-sent events, one for each entry, whose id is the
/// entry's sequence; <c>Last-Event-ID</c> then wins over <see cref="After"/>.
/// </summary>
public sealed record ReadJournalRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Sequence after which to begin; 0, the beginning, when left out.</summary>
    [BoundTo(Place.Query, "after")]
    [Bound(Min = 0)]
    public long? After { get; init; }

    /// <summary>Sequence of the last event that a reader of the stream has; it wins over <see cref="After"/>.</summary>
    [BoundTo(Place.Header, "Last-Event-ID")]
    [Bound(Min = 0)]
    public long? LastEventId { get; init; }

    /// <summary>Largest number of entries on the page; 100 when left out. A page of large entries has fewer.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 1000)]
    public int? MaxResults { get; init; }

    /// <summary>Of a stream: whether it goes on with what happens next; true when left out.</summary>
    [BoundTo(Place.Query, "follow")]
    public bool? Follow { get; init; }
}

/// <summary>Output of ReadJournal.</summary>
public sealed record ReadJournalResponse
{
    /// <summary>One page, in order.</summary>
    public required IReadOnlyList<JournalEntry> Entries { get; init; }

    /// <summary>Value of <c>after</c> for the next page; absent when the page reaches the end.</summary>
    public long? NextAfter { get; init; }
}

/// <summary>One entry of a journal, opened.</summary>
public sealed record JournalEntry
{
    /// <summary>From 1, without gaps.</summary>
    public required long Sequence { get; init; }

    /// <summary>When it was appended.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>What happened, such as <c>ModelOutcome</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Hash of header and stored body, in lower-case hex; the chain can be checked with it.</summary>
    public required string Hash { get; init; }

    /// <summary>The entry's members, as the journal keeps them.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    public required JsonElement Body { get; init; }
}
