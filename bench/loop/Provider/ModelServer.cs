using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>
/// A provider that thinks for no time: OpenAI-compatible, streaming, in a process of its own, so that its garbage and its threads are
/// charged to nobody. It counts its calls; what it answers is made once and kept.
/// </summary>
internal sealed class ModelServer
{
    private const int MaxBodyBytes = 64 * 1024 * 1024;
    private readonly ConcurrentDictionary<(Script Script, int Said, bool Call), Reply> _replies = new();
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

        using var body = await Loopback.ReadBodyAsync(http.Request);
        var asked = Question.Read(body.Memory.Span[..(int)http.Request.ContentLength!.Value]);
        Interlocked.Increment(ref _calls);
        var call = asked.ToolsSinceUser < asked.Script.ToolCalls;
        var reply = _replies.GetOrAdd((asked.Script, asked.Messages, call), static key => key.Call ? ToolCall(key.Script, key.Said) : Text(key.Script, key.Said));

        http.Response.ContentType = "text/event-stream";
        if (!reply.First.IsEmpty)
        {
            await http.Response.BodyWriter.WriteAsync(reply.First, http.RequestAborted);
        }

        await http.Response.BodyWriter.WriteAsync(reply.Rest, http.RequestAborted);
    }

    // The number of messages before makes the call's id unique in its session.
    private static Reply ToolCall(Script script, int said)
    {
        var (name, arguments) = script.Call;
        var reply = new StringBuilder();
        Append(reply, """{"role":"assistant","content":""}""", "null");
        Append(
            reply,
            string.Create(
                CultureInfo.InvariantCulture,
                $$$"""{"tool_calls":[{"index":0,"id":"call_{{{said}}}","type":"function","function":{"name":"{{{name}}}","arguments":""}}]}"""),
            "null");
        Append(reply, $$$"""{"tool_calls":[{"index":0,"function":{"arguments":"{{{arguments}}}"}}]}""", "null");
        return new(default, End(reply, "tool_calls"));
    }

    private static Reply Text(Script script, int said)
    {
        var reply = new StringBuilder();
        Append(reply, """{"role":"assistant","content":""}""", "null");
        AppendPiece(reply, 0, said);
        var first = Encoding.UTF8.GetBytes(reply.ToString());
        reply.Clear();
        for (var i = 1; i < script.Tokens; i++)
        {
            AppendPiece(reply, i, said);
        }

        return new(first, End(reply, "stop"));
    }

    private static void AppendPiece(StringBuilder reply, int index, int said) =>
        Append(reply, $$"""{"content":"{{Script.Piece(index, said)}}"}""", "null");

    private static void Append(StringBuilder reply, string delta, string finishReason) =>
        reply.Append("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":")
            .Append(delta).Append(",\"finish_reason\":").Append(finishReason).Append("}]}\n\n");

    private static byte[] End(StringBuilder reply, string finishReason)
    {
        Append(reply, "{}", $"\"{finishReason}\"");
        reply.Append("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[],")
            .Append("\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":16,\"total_tokens\":116}}\n\ndata: [DONE]\n\n");
        return Encoding.UTF8.GetBytes(reply.ToString());
    }

    private sealed record Reply(ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Rest);

    private readonly record struct Question(Script Script, int Messages, int ToolsSinceUser)
    {
        public static Question Read(ReadOnlySpan<byte> body)
        {
            var reader = new Utf8JsonReader(body);
            Script? script = null;
            var (messages, tools, inMessages) = (0, 0, false);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (reader.CurrentDepth == 1)
                {
                    inMessages = reader.ValueTextEquals("messages"u8);
                    if (reader.ValueTextEquals("model"u8))
                    {
                        reader.Read();
                        script = Script.Parse(reader.GetString()!);
                    }
                }
                else if (inMessages && reader.CurrentDepth == 3 && reader.ValueTextEquals("role"u8))
                {
                    reader.Read();
                    tools = reader.ValueTextEquals("user"u8) ? 0 : reader.ValueTextEquals("tool"u8) ? tools + 1 : tools;
                    messages += reader.ValueTextEquals("system"u8) ? 0 : 1;
                }
            }

            return new(script!, messages, tools);
        }
    }
}
