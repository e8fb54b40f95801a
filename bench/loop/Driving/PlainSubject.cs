using System.Text;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Driving;

/// <summary>A peer or the floor behind a plain HTTP server: server-sent events, no signature.</summary>
internal sealed class PlainSubject(string name, ChildProcess process) : HttpSubject(name, process)
{
    /// <inheritdoc/>
    protected override HttpRequestMessage Request(string session, Script script, Input input)
    {
        var head = Encoding.UTF8.GetBytes($$"""{"model":"{{script.Name}}","messages":""");
        var request = new HttpRequestMessage(HttpMethod.Post, Address) { Content = new ByteArrayContent([.. head, .. input.Json, (byte)'}']) };
        request.Headers.TryAddWithoutValidation("x-session", session);
        return request;
    }

    /// <inheritdoc/>
    protected override int Take(ReadOnlySpan<byte> bytes, Answer answer)
    {
        var taken = 0;
        while (bytes[taken..].IndexOf("\n\n"u8) is var end and >= 0)
        {
            var data = bytes.Slice(taken, end);
            taken += end + 2;
            answer.Begun |= data.IndexOf("\"first\":true"u8) >= 0;
            if (answer.AddText(data, "\"text\":\""u8))
            {
                answer.Stop = Encoding.UTF8.GetString(Answer.Between(data, "\"stopReason\":\""u8));
            }
            else if (data.IndexOf("\"error\""u8) >= 0)
            {
                answer.Fault = Encoding.UTF8.GetString(data);
            }
        }

        return taken;
    }
}
