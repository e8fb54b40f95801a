using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Replays;

/// <summary>
/// Input of ReplaySession. With <c>Accept: text/event-stream</c> the answer is a stream of server-sent events: one for each invocation as it is
/// replayed, and the verdict.
/// </summary>
public sealed record ReplaySessionRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The session.</summary>
    [BoundTo(Place.Label, "sessionId")]
    public required string SessionId { get; init; }

    /// <summary>Of a stream: whether each event of the replayed streams goes out too; false when left out.</summary>
    [BoundTo(Place.Query, "events")]
    public bool? Events { get; init; }
}

/// <summary>Output of ReplaySession.</summary>
public sealed record ReplaySessionResponse
{
    /// <summary>Whether the engine did what is recorded, byte for byte.</summary>
    public required bool Identical { get; init; }

    /// <summary>Entries of the journal that were replayed.</summary>
    public required long Entries { get; init; }

    /// <summary>Events that the replayed streams had.</summary>
    public required long Events { get; init; }

    /// <summary>How long the replay took, in milliseconds.</summary>
    public required long DurationMs { get; init; }

    /// <summary>The invocations, in order, up to the first that diverged.</summary>
    public required IReadOnlyList<ReplayedInvocationSummary> Invocations { get; init; }
}

/// <summary>One server-sent event of ReplaySession. Exactly one member is set.</summary>
[Union]
public sealed record ReplayProgress
{
    /// <summary>An event of the stream of the invocation that is being replayed.</summary>
    public ReplayedEvent? Shown { get; init; }

    /// <summary>An invocation that was replayed.</summary>
    public ReplayedInvocationSummary? Invocation { get; init; }

    /// <summary>The verdict; nothing follows.</summary>
    public ReplaySessionResponse? Verdict { get; init; }
}

/// <summary>An event as the stream of InvokeHarness showed it.</summary>
public sealed record ReplayedEvent
{
    /// <summary>The frame's event type, such as <c>contentBlockDelta</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The frame's payload.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    public required JsonElement Payload { get; init; }
}

/// <summary>How the replay of an invocation came out.</summary>
[JsonConverter(typeof(WireEnumConverter<ReplayOutcome>))]
public enum ReplayOutcome
{
    /// <summary>The engine wrote what is recorded, byte for byte, to its end.</summary>
    [JsonStringEnumMemberName("identical")]
    Identical,

    /// <summary>So it did as far as the journal goes, which has no end: the invocation runs, or its server died.</summary>
    [JsonStringEnumMemberName("unfinished")]
    Unfinished,

    /// <summary>It did something else.</summary>
    [JsonStringEnumMemberName("diverged")]
    Diverged,
}

/// <summary>One invocation, replayed.</summary>
public sealed record ReplayedInvocationSummary
{
    /// <summary>Its id.</summary>
    public required string InvocationId { get; init; }

    /// <summary>How it came out.</summary>
    public required ReplayOutcome Outcome { get; init; }

    /// <summary>Sequence of its first entry.</summary>
    public required long FirstSequence { get; init; }

    /// <summary>Sequence of its last entry; of the one that diverged when it did.</summary>
    public required long LastSequence { get; init; }

    /// <summary>Entries that were replayed.</summary>
    public required long Entries { get; init; }

    /// <summary>Events that its stream had.</summary>
    public required long Events { get; init; }

    /// <summary>Where the engine first did something else; absent when it did not.</summary>
    public ReplayDivergence? Divergence { get; init; }
}

/// <summary>Where a replay first did something else than the journal says.</summary>
public sealed record ReplayDivergence
{
    /// <summary>Sequence of the entry.</summary>
    public required long Sequence { get; init; }

    /// <summary>First member that differs, such as <c>result.content[0].value</c>; absent when the whole entry does.</summary>
    public string? Path { get; init; }

    /// <summary>What is recorded; absent when nothing more is.</summary>
    public ReplayedEntry? Expected { get; init; }

    /// <summary>What the engine wrote; absent when it ended instead.</summary>
    public ReplayedEntry? Got { get; init; }

    /// <summary>The recorded entry that is most like what the engine wrote; absent when there is no other of its kind.</summary>
    public ReplayedEntry? Nearest { get; init; }
}

/// <summary>An entry in a comparison.</summary>
public sealed record ReplayedEntry
{
    /// <summary>Its sequence; absent when it is in no journal.</summary>
    public long? Sequence { get; init; }

    /// <summary>What happened, such as <c>ModelOutcome</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Its members.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    public required JsonElement Body { get; init; }
}
