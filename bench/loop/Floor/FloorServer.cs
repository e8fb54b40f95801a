using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Floor;

/// <summary>
/// The floor behind Kestrel, so that it pays for the same hop as the product. Sessions live in memory; it says when the first token came and,
/// at the end, the whole answer.
/// </summary>
internal sealed class FloorServer(RawLoop loop)
{
    private const int MaxBodyBytes = 64 * 1024 * 1024;
    private static readonly byte[] First = "data: {\"first\":true}\n\n"u8.ToArray();
    private readonly ConcurrentDictionary<string, List<byte[]>> _sessions = new(StringComparer.Ordinal);

    /// <summary>Serves until standard input ends.</summary>
    public static async Task RunAsync(Uri provider)
    {
        using var loop = new RawLoop(provider);
        await Loopback.ServeAsync(new FloorServer(loop).HandleAsync, MaxBodyBytes);
    }

    private async Task HandleAsync(HttpContext http)
    {
        var session = _sessions.GetOrAdd(http.Request.Headers["x-session"].ToString(), static _ => []);
        using var body = await Loopback.ReadBodyAsync(http.Request);
        using var request = JsonDocument.Parse(body.Memory[..(int)http.Request.ContentLength!.Value]);
        foreach (var message in request.RootElement.GetProperty("messages").EnumerateArray())
        {
            session.Add(RawLoop.Message(message.GetProperty("role").GetString()!, message.GetProperty("content")[0].GetProperty("text").GetString()!));
        }

        http.Response.ContentType = "text/event-stream";
        var flushed = ValueTask.CompletedTask;
        var text = await loop.TurnAsync(
            request.RootElement.GetProperty("model").GetString()!,
            session,
            () => flushed = new ValueTask(http.Response.BodyWriter.WriteAsync(First, http.RequestAborted).AsTask()),
            http.RequestAborted);
        await flushed;
        await http.Response.WriteAsync($$"""data: {"stopReason":"end_turn","text":"{{Encoding.UTF8.GetString(text)}}"}""" + "\n\n", http.RequestAborted);
    }
}
