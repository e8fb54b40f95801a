using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Belay.Testing.Clients;

/// <summary>A frame of an AWS event stream.</summary>
/// <param name="MessageType"><c>event</c>, <c>exception</c> or <c>error</c>.</param>
/// <param name="Type">Name of the event or of the exception.</param>
/// <param name="Payload">Its JSON.</param>
public sealed record WireFrame(string MessageType, string Type, JsonObject Payload)
{
    /// <summary>The payload as it came.</summary>
    public string Raw { get; init; } = "";
}

/// <summary>
/// Reads frames and checks both checksums. Written apart from the server's framing on purpose, so that a shared mistake cannot hide.
/// </summary>
public static class EventStreamFrames
{
    private const byte StringHeader = 7;
    private const int MaxFrame = 16 << 20;
    private static readonly uint[] Table = MakeTable();

    /// <summary>Yields the frames of a stream until it ends between two of them.</summary>
    public static async IAsyncEnumerable<WireFrame> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var prelude = new byte[12];
        while (true)
        {
            var read = await stream.ReadAtLeastAsync(prelude, prelude.Length, throwOnEndOfStream: false, cancellationToken);
            if (read == 0)
            {
                yield break;
            }

            if (read < prelude.Length)
            {
                throw new InvalidDataException("The stream ends inside a frame.");
            }

            var length = BinaryPrimitives.ReadInt32BigEndian(prelude);
            if (length is < 16 or > MaxFrame || Crc(prelude.AsSpan(0, 8)) != BinaryPrimitives.ReadUInt32BigEndian(prelude.AsSpan(8)))
            {
                throw new InvalidDataException("A frame's prelude is damaged.");
            }

            var frame = new byte[length];
            prelude.CopyTo(frame, 0);
            await stream.ReadExactlyAsync(frame.AsMemory(prelude.Length), cancellationToken);
            yield return Parse(frame);
        }
    }

    private static WireFrame Parse(ReadOnlySpan<byte> frame)
    {
        if (Crc(frame[..^4]) != BinaryPrimitives.ReadUInt32BigEndian(frame[^4..]))
        {
            throw new InvalidDataException("A frame is damaged.");
        }

        var headersLength = BinaryPrimitives.ReadInt32BigEndian(frame[4..]);
        var headers = new Dictionary<string, string>();
        for (var rest = frame.Slice(12, headersLength); !rest.IsEmpty;)
        {
            var nameLength = rest[0];
            var name = Encoding.ASCII.GetString(rest.Slice(1, nameLength));
            if (rest[1 + nameLength] != StringHeader)
            {
                throw new InvalidDataException($"Header {name} is no string.");
            }

            var valueLength = BinaryPrimitives.ReadUInt16BigEndian(rest[(2 + nameLength)..]);
            headers[name] = Encoding.UTF8.GetString(rest.Slice(4 + nameLength, valueLength));
            rest = rest[(4 + nameLength + valueLength)..];
        }

        var payload = frame[(12 + headersLength)..^4];
        var type = headers.GetValueOrDefault(":event-type") ?? headers.GetValueOrDefault(":exception-type") ?? headers[":error-code"];
        return new WireFrame(headers[":message-type"], type, payload.IsEmpty ? [] : JsonNode.Parse(payload)!.AsObject()) { Raw = Encoding.UTF8.GetString(payload) };
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc = Table[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static uint[] MakeTable()
    {
        const uint Polynomial = 0xEDB88320;
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) == 0 ? value >> 1 : (value >> 1) ^ Polynomial;
            }

            table[i] = value;
        }

        return table;
    }
}
