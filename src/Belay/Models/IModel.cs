using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Telemetry;
using Belay.Tools;

namespace Belay.Models;

/// <summary>A language model behind some provider. Streaming is the only form; whoever wants the whole answer folds it.</summary>
public interface IModel
{
    /// <summary>
    /// Provider name, such as <c>bedrock</c> or <c>groq</c>: whose prices and bills a call belongs to, and the owner of <see cref="ProviderState"/>.
    /// </summary>
    string Provider { get; }

    /// <summary>Model id as the provider knows it.</summary>
    string ModelId { get; }

    /// <summary>
    /// Makes one attempt at one call and streams the reply. A stream that ends normally has exactly one
    /// <see cref="ModelEvent.Stopped"/>, and nothing but <see cref="ModelEvent.Usage"/> after it. Every failure is a
    /// <see cref="ModelException"/>; a provider's stream that ends without its finish marker is one too. Retrying is the caller's.
    /// </summary>
    IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken);
}

/// <summary>One call of a model.</summary>
public sealed record ModelRequest
{
    /// <summary>Instructions, in order.</summary>
    public required IReadOnlyList<string> System { get; init; }

    /// <summary>The conversation. Neighbouring messages of one role are legal; an adapter merges them where its provider insists.</summary>
    public required IReadOnlyList<Message> Messages { get; init; }

    /// <summary>Tools that the model may ask for, in a stable order.</summary>
    public required IReadOnlyList<ToolSpec> Tools { get; init; }

    /// <summary>Sampling parameters.</summary>
    public required ModelParameters Parameters { get; init; }

    /// <summary>What an adapter may keep of the written messages for the session's next call; null when there is none.</summary>
    public WrittenMessages? Written { get; init; }

    /// <summary>The trace that the call belongs to; its headers go out with the call. The default names none.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>A <c>baggage</c> header that goes out with the call; null for none.</summary>
    public string? Baggage { get; init; }

    /// <summary>Who is told which endpoint the call is for, and may refuse it; null where nobody keeps count.</summary>
    public CircuitCall? Circuit { get; init; }
}

/// <summary>Sampling parameters; one that is null is not sent.</summary>
/// <param name="MaxTokens">Output tokens of this call.</param>
/// <param name="Temperature">Sampling temperature.</param>
/// <param name="TopP">Nucleus sampling.</param>
/// <param name="TopK">Sampling from the k most likely tokens.</param>
/// <param name="Additional">Members merged into the provider's request; our own <c>belay</c> member is already removed.</param>
public sealed record ModelParameters(int? MaxTokens, double? Temperature, double? TopP, int? TopK, JsonElement? Additional);

/// <summary>An event of a reply. Blocks are numbered from 0 in the order in which they open; their events may interleave.</summary>
public abstract record ModelEvent
{
    private ModelEvent()
    {
    }

    /// <summary>Text of a block; never empty.</summary>
    public sealed record Text(int Block, string Value) : ModelEvent;

    /// <summary>Readable reasoning of a block; never empty.</summary>
    public sealed record Reasoning(int Block, string Value) : ModelEvent;

    /// <summary>The provider's signature over a reasoning block.</summary>
    public sealed record Signature(int Block, string Value) : ModelEvent;

    /// <summary>Reasoning that only the provider can read.</summary>
    public sealed record Redacted(int Block, ReadOnlyMemory<byte> Value) : ModelEvent;

    /// <summary>A tool call opens. <paramref name="Id"/> is empty when the provider gave none; the caller mints one.</summary>
    public sealed record ToolOpened(int Block, string Id, string Name) : ModelEvent;

    /// <summary>A fragment of a tool call's arguments; never empty.</summary>
    public sealed record ToolInput(int Block, string Fragment) : ModelEvent;

    /// <summary>A call of a tool that the provider itself executes, complete.</summary>
    public sealed record ServerTool(int Block, string Id, string Name, JsonElement Input) : ModelEvent;

    /// <summary>A source that is cited.</summary>
    public sealed record Citation(int Block, string Source, string? Title, string? Quote) : ModelEvent;

    /// <summary>An image, complete.</summary>
    public sealed record Image(int Block, string MediaType, ReadOnlyMemory<byte> Bytes) : ModelEvent;

    /// <summary>State that the provider wants back with this block.</summary>
    public sealed record State(int Block, JsonElement Value) : ModelEvent;

    /// <summary>A block is complete.</summary>
    public sealed record BlockClosed(int Block) : ModelEvent;

    /// <summary>Tokens; the last one counts.</summary>
    public sealed record Usage(TokenUsage Tokens) : ModelEvent;

    /// <summary>The reply is complete.</summary>
    public sealed record Stopped(HarnessStopReason Reason) : ModelEvent;
}

/// <summary>Tokens of one or more model calls.</summary>
/// <param name="Input">Tokens that the model read, cached ones included as the provider counts them.</param>
/// <param name="Output">Tokens that the model wrote.</param>
/// <param name="CacheRead">Tokens read from the provider's cache.</param>
/// <param name="CacheWrite">Tokens written to the provider's cache.</param>
/// <param name="CacheWithin">
/// Whether the wire format says that the cached tokens are among <paramref name="Input"/>. Where it does not say, the provider decides.
/// </param>
public readonly record struct TokenUsage(
    int Input,
    int Output,
    int CacheRead = 0,
    int CacheWrite = 0,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool CacheWithin = false)
{
    /// <summary>Tokens that were read without the cache's help, as a bill counts them.</summary>
    /// <param name="provider">Who counted.</param>
    public int Fresh(string provider)
    {
        // Bedrock's and Anthropic's own formats count cached tokens beside the input, everybody else's among it.
        var within = CacheWithin || provider is not (BedrockModel.ProviderName or AnthropicModel.ProviderName);
        return within ? (int)Math.Max(0, (long)Input - CacheRead - CacheWrite) : Input;
    }

    /// <summary>The sum, saturating.</summary>
    public static TokenUsage operator +(TokenUsage a, TokenUsage b) => new(
        Saturate(a.Input, b.Input),
        Saturate(a.Output, b.Output),
        Saturate(a.CacheRead, b.CacheRead),
        Saturate(a.CacheWrite, b.CacheWrite),
        a.CacheWithin || b.CacheWithin);

    /// <summary>Same as the operator.</summary>
    public static TokenUsage Add(TokenUsage left, TokenUsage right) => left + right;

    private static int Saturate(int a, int b) => (int)Math.Min(int.MaxValue, (long)a + b);
}

/// <summary>A model call failed.</summary>
public sealed class ModelException(ModelFailure failure, string message, TimeSpan? retryAfter = null, Exception? cause = null)
    : Exception(message, cause)
{
    /// <summary>What kind of failure; it decides about retrying.</summary>
    public ModelFailure Failure { get; } = failure;

    /// <summary>How long the provider asks us to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>Whether it was the provider that failed and not the request, so that another provider may do what this one did not.</summary>
    public bool IsProviders => Failure is ModelFailure.Throttled or ModelFailure.Unreachable or ModelFailure.Broken
        or ModelFailure.Malformed or ModelFailure.Unavailable or ModelFailure.CircuitOpen;
}

/// <summary>What kind of failure a model call met.</summary>
[JsonConverter(typeof(WireEnumConverter<ModelFailure>))]
public enum ModelFailure
{
    /// <summary>Throttled or overloaded: 408, 409, 429, 500, 502, 503, 504, 529 and provider codes for it. Retried with back-off.</summary>
    Throttled,

    /// <summary>The connection failed before the first byte. Retried quickly.</summary>
    Unreachable,

    /// <summary>The stream broke, stalled or ended without its finish marker. Retried only before the first delta.</summary>
    Broken,

    /// <summary>The provider's stream violates its protocol.</summary>
    Malformed,

    /// <summary>The conversation is too long for the model.</summary>
    ContextTooLong,

    /// <summary>The provider refuses the request: 400, 401, 403, 404, 422. Never retried.</summary>
    Refused,

    /// <summary>The provider cannot serve and will not soon: a quota that is used up, a status of 5xx that is not passing. Never retried.</summary>
    Unavailable,

    /// <summary>The provider was not asked, because its last calls failed. Never retried.</summary>
    CircuitOpen,
}
