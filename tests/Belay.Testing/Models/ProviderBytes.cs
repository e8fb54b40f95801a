using System.Buffers.Binary;
using System.Text;

namespace Belay.Testing.Models;

/// <summary>Bytes as providers send them.</summary>
public static class ProviderBytes
{
    /// <summary>Server-sent events with these data.</summary>
    public static byte[] Events(params IEnumerable<string> data) =>
        Encoding.UTF8.GetBytes(string.Concat(data.Select(one => $"data: {one}\n\n")));

    /// <summary>A chunk of a chat completion with one choice.</summary>
    public static string Chunk(string delta, string? finish = null) =>
        $$"""{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{{delta}},"finish_reason":{{(finish is null ? "null" : $"\"{finish}\"")}}}]}""";

    /// <summary>A chunk of generated content with one candidate.</summary>
    public static string Candidate(string parts, string? finish = null, string more = "") =>
        $$"""{"candidates":[{"content":{"parts":[{{parts}}],"role":"model"}{{(finish is null ? "" : $",\"finishReason\":\"{finish}\"")}},"index":0}]{{more}}}""";

    /// <summary>Frames of an event stream, one for each event.</summary>
    public static byte[] Frames(params IEnumerable<(string Type, string Json)> events) =>
        [.. events.SelectMany(one => Frame("event", ":event-type", one.Type, one.Json))];

    /// <summary>A frame that carries an exception.</summary>
    public static byte[] ExceptionFrame(string type, string json) => Frame("exception", ":exception-type", type, json);

    /// <summary>One frame.</summary>
    public static byte[] Frame(string messageType, string typeHeader, string type, string json)
    {
        var headers = new MemoryStream();
        foreach (var (name, value) in new[] { (":message-type", messageType), (typeHeader, type), (":content-type", "application/json") })
        {
            headers.WriteByte((byte)name.Length);
            headers.Write(Encoding.ASCII.GetBytes(name));
            headers.WriteByte(7);
            headers.WriteByte((byte)(value.Length >> 8));
            headers.WriteByte((byte)value.Length);
            headers.Write(Encoding.ASCII.GetBytes(value));
        }

        var payload = Encoding.UTF8.GetBytes(json);
        var frame = new byte[16 + headers.Length + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), (int)headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), Sum(frame.AsSpan(0, 8)));
        headers.ToArray().CopyTo(frame, 12);
        payload.CopyTo(frame, 12 + (int)headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(frame.Length - 4), Sum(frame.AsSpan(0, frame.Length - 4)));
        return frame;
    }

    /// <summary>CRC-32 bit by bit: slow, and independent of the one under test.</summary>
    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var one in bytes)
        {
            sum ^= one;
            for (var bit = 0; bit < 8; bit++)
            {
                sum = (sum & 1) == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB88320;
            }
        }

        return ~sum;
    }
}
