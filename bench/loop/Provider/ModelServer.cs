using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>
/// A provider that thinks for no time: streaming, in every wire format, in a process of its own, so that its garbage and its threads are
/// charged to nobody. It counts its calls; what it answers is made once and kept, save where it counts tokens.
/// </summary>
internal sealed class ModelServer
{
    private const int MaxBodyBytes = 64 * 1024 * 1024;
    private readonly ConcurrentDictionary<(WireFormat Format, Script Script, int Said, bool Call), Reply> _replies = new();
    private readonly PromptCache _cache = new();
    private long _calls;

    /// <summary>Serves until standard input ends.</summary>
    public static Task RunAsync() => Loopback.ServeAsync(new ModelServer().HandleAsync, MaxBodyBytes);

    private async Task HandleAsync(HttpContext http)
    {
        if (HttpMethods.IsGet(http.Request.Method))
        {
            await http.Response.WriteAsync(Interlocked.Read(ref _calls).ToString(CultureInfo.InvariantCulture), http.RequestAborted);
            return;
        }

        var format = WireFormat.All.First(format => format.Owns(http.Request.Path));
        using var body = await Loopback.ReadBodyAsync(http.Request);
        var reply = Answer(format, format.ModelIn(http.Request.Path), body.Memory.Span[..(int)http.Request.ContentLength!.Value]);
        Interlocked.Increment(ref _calls);
        http.Response.ContentType = format.ContentType;
        if (!reply.First.IsEmpty)
        {
            await http.Response.BodyWriter.WriteAsync(reply.First, http.RequestAborted);
        }

        await http.Response.BodyWriter.WriteAsync(reply.Rest, http.RequestAborted);
    }

    private Reply Answer(WireFormat format, string? model, ReadOnlySpan<byte> body)
    {
        var asked = Question.Read(format, model, body);
        var call = asked.Results < asked.Script.ToolCalls * (asked.Script.AtATime ?? 1);
        return asked.Script.AtATime is null
            ? _replies.GetOrAdd((format, asked.Script, asked.Messages, call), static key => Write(key.Format, key.Script, key.Said, key.Call, new(100, 16, 0, 0)))
            : Write(format, asked.Script, asked.Messages, call, _cache.Read(format, body, asked.Script.Tokens));
    }

    private static Reply Write(WireFormat format, Script script, int said, bool call, Tokens tokens)
    {
        var reply = new ArrayBufferWriter<byte>();
        format.Open(reply, tokens);
        var first = 0;
        if (call)
        {
            var (name, arguments) = script.Call;
            for (var i = 0; i < (script.AtATime ?? 1); i++)
            {
                // The number of messages before makes the calls' ids unique in their session.
                format.Call(reply, i, string.Create(CultureInfo.InvariantCulture, $"call_{said}{(i == 0 ? "" : $"_{i}")}"), name, arguments);
            }
        }
        else
        {
            format.Piece(reply, Script.Piece(0, said), 0);
            first = reply.WrittenCount;
            for (var i = 1; i < script.Tokens; i++)
            {
                format.Piece(reply, Script.Piece(i, said), i);
            }
        }

        format.Close(reply, call, tokens);
        return new(reply.WrittenMemory[..first], reply.WrittenMemory[first..]);
    }

    private sealed record Reply(ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Rest);
}
