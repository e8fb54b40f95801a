using System.Text.Json.Nodes;

namespace Belay.Testing.Providers;

/// <summary>What the loopback provider answers to one request. The set is closed.</summary>
public abstract record ChatReply
{
    private ChatReply()
    {
    }

    /// <summary>A stream of pieces.</summary>
    /// <param name="Pieces">What is sent, in order.</param>
    /// <param name="FinishReason">The finish reason after them; null sends none.</param>
    /// <param name="Usage">Tokens after the finish reason; null sends none.</param>
    /// <param name="Abort">Whether the connection breaks after the last piece, in place of an orderly end.</param>
    public sealed record Streamed(IReadOnlyList<ChatPiece> Pieces, string? FinishReason, ChatUsage? Usage = null, bool Abort = false) : ChatReply;

    /// <summary>An HTTP error in the provider's form.</summary>
    public sealed record Error(int Status, string Message) : ChatReply;

    /// <summary>A 200 whose event stream is this text as it stands.</summary>
    public sealed record Raw(string Body) : ChatReply;

    /// <summary>No answer: the connection is closed as soon as the request was read.</summary>
    public sealed record Disconnect : ChatReply;

    /// <summary>A text answer that ends normally.</summary>
    public static ChatReply Say(string text) => new Streamed([new ChatPiece.Text(text)], "stop", new ChatUsage(7, 3));

    /// <summary>One tool call.</summary>
    public static ChatReply Call(string tool, JsonObject arguments) => Calls((tool, arguments.ToJsonString()));

    /// <summary>Tool calls of one message, each with the text of its arguments.</summary>
    public static ChatReply Calls(params (string Tool, string Arguments)[] calls) =>
        new Streamed([.. calls.Select((call, index) => new ChatPiece.ToolCall(index, call.Tool, call.Arguments))], "tool_calls", new ChatUsage(7, 3));
}

/// <summary>A piece of a streamed reply. The set is closed.</summary>
public abstract record ChatPiece
{
    private ChatPiece()
    {
    }

    /// <summary>Text.</summary>
    public sealed record Text(string Value) : ChatPiece;

    /// <summary>A tool call, its arguments in two fragments. Ids are unique over the life of the server.</summary>
    public sealed record ToolCall(int Index, string Name, string Arguments) : ChatPiece;

    /// <summary>A pause: what was sent before is flushed, then this is awaited. It ends when the caller of the model leaves.</summary>
    public sealed record Pause(Func<CancellationToken, Task> Until) : ChatPiece;
}

/// <summary>Tokens as the provider reports them.</summary>
public sealed record ChatUsage(int Prompt, int Completion);
