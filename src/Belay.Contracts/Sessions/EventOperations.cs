using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>
/// Input of ReadEvents. With <c>Accept: text/event-stream</c> the answer is a stream of server-sent events that can be left and taken up again
/// at any event: each has an id, which comes back as <c>Last-Event-ID</c> and then wins over <see cref="After"/>.
/// </summary>
public sealed record ReadEventsRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Id of the event after which to begin; the beginning when left out. A number alone stands for the end of that entry.</summary>
    [BoundTo(Place.Query, "after")]
    [Bound(Min = 1, Max = 29, Pattern = Patterns.EventId)]
    public string? After { get; init; }

    /// <summary>Id of the last event that a reader of the stream has; it wins over <see cref="After"/>.</summary>
    [BoundTo(Place.Header, "Last-Event-ID")]
    [Bound(Min = 1, Max = 29, Pattern = Patterns.EventId)]
    public string? LastEventId { get; init; }

    /// <summary>Largest number of events on the page; 100 when left out. A page of large events has fewer.</summary>
    [BoundTo(Place.Query, "maxResults")]
    [Bound(Min = 1, Max = 1000)]
    public int? MaxResults { get; init; }

    /// <summary>Of a stream: whether it goes on with what happens next; true when left out.</summary>
    [BoundTo(Place.Query, "follow")]
    public bool? Follow { get; init; }
}

/// <summary>Output of ReadEvents.</summary>
public sealed record ReadEventsResponse
{
    /// <summary>One page, in order.</summary>
    public required IReadOnlyList<SessionEvent> Events { get; init; }

    /// <summary>Value of <c>after</c> for the next page; absent when the page reaches what has happened so far.</summary>
    public string? NextAfter { get; init; }
}

/// <summary>One event of a session.</summary>
public sealed record SessionEvent
{
    /// <summary>Where it stands: the journal entry that it tells of, a dot, and its number among the events of that entry, from 0. The events of a
    /// model call name the entry of its intent. Absent in <c>commandOutput</c>, which is not stored.</summary>
    public string? Id { get; init; }

    /// <summary>What it is: an event type of InvokeHarness, such as <c>contentBlockDelta</c>, or <c>invocationStarted</c>, <c>invocationPaused</c>,
    /// <c>invocationEnded</c>, <c>modelVoided</c>, <c>modelSwitched</c>, <c>steered</c>, or of the session's sandbox and commands <c>sandboxStarted</c>, <c>sandboxEnded</c>,
    /// <c>commandStarted</c>, <c>commandOutput</c>, <c>commandEnded</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The invocation that it belongs to; absent in events of the sandbox and of commands, which belong to the session.</summary>
    public string? InvocationId { get; init; }

    /// <summary>The event's members, as InvokeHarness sends them.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    public required JsonElement Data { get; init; }
}
