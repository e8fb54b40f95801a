using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>A piece of a reply on the wire.</summary>
/// <param name="Bytes">Its bytes: one event, whole.</param>
/// <param name="Content">Whether it holds something that the model says.</param>
public sealed record ReplyPiece(byte[] Bytes, bool Content);

/// <summary>An HTTP error in a provider's own words.</summary>
/// <param name="Body">The body.</param>
/// <param name="Headers">Headers that belong to it.</param>
internal sealed record ReplyError(JsonObject Body, IReadOnlyDictionary<string, string> Headers)
{
    public ReplyError(JsonObject body)
        : this(body, new Dictionary<string, string>())
    {
    }
}

/// <summary>Writes what a model says in one wire format. One for each reply.</summary>
internal abstract class ReplyWriter
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Content type of the stream.</summary>
    public virtual string ContentType => "text/event-stream";

    /// <summary>A writer of a call's format.</summary>
    public static ReplyWriter For(ReceivedCall call) => call.Format switch
    {
        WireFormat.ChatCompletions => new ChatCompletionsWriter(call),
        WireFormat.Responses => new ResponsesWriter(call),
        WireFormat.Messages => new MessagesWriter(call),
        WireFormat.GenerateContent => new GenerateContentWriter(call),
        WireFormat.Converse => new ConverseWriter(call),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>What comes before everything else.</summary>
    public virtual IEnumerable<ReplyPiece> Begin() => [];

    /// <summary>Something that the model says.</summary>
    public abstract IEnumerable<ReplyPiece> Write(ModelEvent one);

    /// <summary>The end, with the tokens.</summary>
    public abstract IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage);

    /// <summary>An error inside a stream that began well; the last that is sent.</summary>
    public abstract IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message);

    /// <summary>An event of its own that says in mid-stream that the provider is overloaded.</summary>
    public virtual ReplyPiece Overloaded() => Fail(ModelFailure.Throttled, "Overloaded").Single();

    /// <summary>An event that no protocol allows.</summary>
    public virtual ReplyPiece Garbage() => new("data: {\"this is\": no JSON}\n\n"u8.ToArray(), Content: false);

    /// <summary>An answer in place of the stream.</summary>
    public abstract ReplyError Error(int status, ModelFailure failure, string message);

    /// <summary>The text of JSON, with characters as they are, so that bytes can be cut within one.</summary>
    protected static string Text(JsonObject json) => json.ToJsonString(Json);

    /// <summary>A server-sent event.</summary>
    protected static ReplyPiece Event(JsonObject json, bool content, string? name = null) =>
        new(Encoding.UTF8.GetBytes(name is null ? $"data: {Text(json)}\n\n" : $"event: {name}\ndata: {Text(json)}\n\n"), content);
}
