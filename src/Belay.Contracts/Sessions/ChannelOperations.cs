using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Sessions;

/// <summary>
/// Input of OpenChannel, a WebSocket handshake. The server then tells the session's events, each a text message that is a <see cref="SessionEvent"/>; a
/// client that writes sends <see cref="ChannelMessage"/>s, and each is answered by a <see cref="ChannelReply"/>.
/// </summary>
public sealed record OpenChannelRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string HarnessId { get; init; }

    /// <summary>The session; it need not exist yet.</summary>
    [BoundTo(Place.Label, "sessionId")]
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public required string SessionId { get; init; }

    /// <summary>Id of the event after which to begin; the beginning when left out.</summary>
    [BoundTo(Place.Query, "after")]
    [Bound(Min = 1, Max = 29, Pattern = Patterns.EventId)]
    public string? After { get; init; }

    /// <summary>Whether the client writes, which one at a time may; <c>write</c> when left out.</summary>
    [BoundTo(Place.Query, "mode")]
    public ChannelMode? Mode { get; init; }

    /// <summary>Endpoint that is invoked; <c>DEFAULT</c> when left out.</summary>
    [BoundTo(Place.Query, "qualifier")]
    [Bound(Pattern = Patterns.EndpointName)]
    public string? Qualifier { get; init; }
}

/// <summary>The same handshake by session alone; see <see cref="OpenChannelRequest"/>.</summary>
public sealed record OpenSessionChannelRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Query, "harness")]
    [Bound(Pattern = Patterns.HarnessId)]
    public required string Harness { get; init; }

    /// <summary>The session; it need not exist yet.</summary>
    [BoundTo(Place.Label, "sessionId")]
    [Bound(Min = 33, Max = 100, Pattern = Patterns.SessionId)]
    public required string SessionId { get; init; }

    /// <summary>Id of the event after which to begin; the beginning when left out.</summary>
    [BoundTo(Place.Query, "after")]
    [Bound(Min = 1, Max = 29, Pattern = Patterns.EventId)]
    public string? After { get; init; }

    /// <summary>Whether the client writes, which one at a time may; <c>write</c> when left out.</summary>
    [BoundTo(Place.Query, "mode")]
    public ChannelMode? Mode { get; init; }

    /// <summary>Endpoint that is invoked; <c>DEFAULT</c> when left out.</summary>
    [BoundTo(Place.Query, "qualifier")]
    [Bound(Pattern = Patterns.EndpointName)]
    public string? Qualifier { get; init; }
}

/// <summary>What a client does on a channel.</summary>
[JsonConverter(typeof(WireEnumConverter<ChannelMode>))]
public enum ChannelMode
{
    /// <summary>It hears and speaks.</summary>
    [JsonStringEnumMemberName("write")]
    Write,

    /// <summary>It hears.</summary>
    [JsonStringEnumMemberName("read")]
    Read,
}

/// <summary>What a client says on a channel.</summary>
public sealed record ChannelMessage
{
    /// <summary>Largest message, in bytes of JSON.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>What it is.</summary>
    public required ChannelMessageType Type { get; init; }

    /// <summary>Id that the client chooses and the reply names. A <c>send</c>, <c>answer</c> or <c>steer</c> that is repeated with it is not taken twice.</summary>
    [Bound(Min = 1, Max = 100, Pattern = "[a-zA-Z0-9_.-]+")]
    public required string Id { get; init; }

    /// <summary>What is said, of a <c>steer</c>, and of a <c>send</c> that has no <see cref="Messages"/>.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 100000)]
    public string? Text { get; init; }

    /// <summary>Of a <c>send</c>: messages as InvokeHarness takes them.</summary>
    public IReadOnlyList<HarnessMessage>? Messages { get; init; }

    /// <summary>Of an <c>answer</c>: results of the calls that wait.</summary>
    public IReadOnlyList<HarnessToolResultBlock>? Results { get; init; }

    /// <summary>Of a <c>send</c>: the model.</summary>
    public HarnessModelConfiguration? Model { get; init; }

    /// <summary>Of a <c>send</c>: instructions.</summary>
    public IReadOnlyList<HarnessSystemContentBlock>? SystemPrompt { get; init; }

    /// <summary>Of a <c>send</c>: tool entries.</summary>
    public IReadOnlyList<HarnessTool>? Tools { get; init; }

    /// <summary>Of a <c>send</c>: skills.</summary>
    public IReadOnlyList<HarnessSkill>? Skills { get; init; }

    /// <summary>Of a <c>send</c>: patterns of the tools that the model may see.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 64, Pattern = @"(\*|@?[^/]+(/[^/]+)?)")]
    public IReadOnlyList<string>? AllowedTools { get; init; }

    /// <summary>Of a <c>send</c>: largest number of model calls of one invocation.</summary>
    public int? MaxIterations { get; init; }

    /// <summary>Of a <c>send</c>: largest sum of output tokens of one invocation.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Of a <c>send</c>: longest run of one invocation, in seconds.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Of a <c>send</c>: actor whose conversation and memories are meant.</summary>
    public string? ActorId { get; init; }
}

/// <summary>What a message on a channel is.</summary>
[JsonConverter(typeof(WireEnumConverter<ChannelMessageType>))]
public enum ChannelMessageType
{
    /// <summary>Begins an invocation, which goes on without the client.</summary>
    [JsonStringEnumMemberName("send")]
    Send,

    /// <summary>Answers the calls that an invocation paused for.</summary>
    [JsonStringEnumMemberName("answer")]
    Answer,

    /// <summary>Hands a message to the running invocation.</summary>
    [JsonStringEnumMemberName("steer")]
    Steer,

    /// <summary>Cancels the running invocation.</summary>
    [JsonStringEnumMemberName("interrupt")]
    Interrupt,
}

/// <summary>What becomes of a message on a channel. It has no event id: a client that was cut off sends the message again.</summary>
public sealed record ChannelReply
{
    /// <summary><c>accepted</c> or <c>refused</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Id of the message; absent when it could not be read.</summary>
    public string? MessageId { get; init; }

    /// <summary>The invocation that it began or ended.</summary>
    public string? InvocationId { get; init; }

    /// <summary>Why it was refused, as a fault of the API.</summary>
    public JsonElement? Error { get; init; }
}
