using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>A wire format, as the provider speaks it and as the product is told to.</summary>
internal abstract class WireFormat
{
    /// <summary>OpenAI's chat completions.</summary>
    public static WireFormat ChatCompletions { get; } = new ChatCompletions();

    /// <summary>Every format.</summary>
    public static IReadOnlyList<WireFormat> All { get; } = [ChatCompletions, new Responses(), new Messages(), new GenerateContent(), new ConverseStream()];

    /// <summary>Name in the tables.</summary>
    public abstract string Name { get; }

    /// <summary>Content type of the stream.</summary>
    public virtual string ContentType => "text/event-stream";

    /// <summary>Whether the caller marks what the provider may keep; else the provider keeps what it likes.</summary>
    public virtual bool Marks => false;

    /// <summary>Whether tokens from the cache are counted among those of the input.</summary>
    public virtual bool CountsCacheWithin => true;

    /// <summary>Member of a request's body that has the messages.</summary>
    public virtual string MessagesMember => "messages";

    /// <summary>Model configuration with which the product reaches the provider, as JSON.</summary>
    public abstract string Configuration(Script script, Uri provider);

    /// <summary>Whether a call is in this format.</summary>
    public abstract bool Owns(PathString path);

    /// <summary>Name of the model where the path has it; null where the body does.</summary>
    public virtual string? ModelIn(PathString path) => null;

    /// <summary>Writes the beginning of a reply.</summary>
    public abstract void Open(IBufferWriter<byte> reply, Tokens tokens);

    /// <summary>Writes a piece of the answer.</summary>
    public abstract void Piece(IBufferWriter<byte> reply, string text, int index);

    /// <summary>Writes a whole call of a tool.</summary>
    /// <param name="reply">Where to.</param>
    /// <param name="index">Its place among the calls of the reply.</param>
    /// <param name="id">Its id.</param>
    /// <param name="name">Name of the tool.</param>
    /// <param name="arguments">Arguments as they stand inside a JSON string.</param>
    public abstract void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments);

    /// <summary>Writes the end of a reply.</summary>
    public abstract void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens);

    /// <summary>Writes an event of a stream of server-sent events.</summary>
    protected static void Send(IBufferWriter<byte> reply, string json) => Encoding.UTF8.GetBytes($"data: {json}\n\n", reply);
}

/// <summary>Tokens of a call as the provider counts them: what it read anew behind what is kept, what it wrote, what it had kept, what it keeps now.</summary>
internal readonly record struct Tokens(long Fresh, int Output, long Read, long Written)
{
    /// <summary>Everything that was read.</summary>
    public long Input => Fresh + Read + Written;
}
