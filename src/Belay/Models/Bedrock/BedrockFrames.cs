using System.Buffers.Binary;
using System.Text;

namespace Belay.Models.Bedrock;

/// <summary>One frame: what kind it is, and its payload, valid until the next call of the reader.</summary>
internal readonly ref struct BedrockFrame(string messageType, string type, string message, ReadOnlySpan<byte> payload)
{
    /// <summary><c>event</c>, <c>exception</c> or <c>error</c>.</summary>
    public string MessageType { get; } = messageType;

    /// <summary>The event's, exception's or error's name.</summary>
    public string Type { get; } = type;

    /// <summary>An error's text; errors have no payload.</summary>
    public string Message { get; } = message;

    /// <summary>The payload.</summary>
    public ReadOnlySpan<byte> Payload { get; } = payload;
}

/// <summary>
/// Splits event-stream bytes into frames wherever they are cut. Lengths are checked before anything is kept and both checksums
/// before anything is shown. The SDK's own decoder is not used: it copies every message and hands on parts of hostile ones.
/// </summary>
internal sealed class BedrockFrames
{
    private const int PreludeBytes = 12;
    private const int SumBytes = 4;
    private const int MaxHeaderBytes = 128 * 1024;
    private const int MaxPayloadBytes = 16 * 1024 * 1024;
    private static readonly uint[] Sums = BuildSums();
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>Whether a frame has begun that has not ended.</summary>
    public bool InFrame => _end > _start;

    /// <summary>Bytes that are held.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>Takes bytes as they arrive.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        var held = _end - _start;
        if (_buffer.Length - _end < bytes.Length)
        {
            var target = held + bytes.Length <= _buffer.Length ? _buffer : new byte[Math.Max(held + bytes.Length, _buffer.Length * 2)];
            _buffer.AsSpan(_start, held).CopyTo(target);
            (_buffer, _start, _end) = (target, 0, held);
        }

        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>Gives the next frame when it is complete.</summary>
    public bool TryRead(out BedrockFrame frame)
    {
        frame = default;
        var bytes = _buffer.AsSpan(_start, _end - _start);
        if (bytes.Length < PreludeBytes)
        {
            return false;
        }

        var total = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var headers = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        if (Sum(bytes[..8]) != BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]))
        {
            throw Malformed("a frame's prelude checksum does not match");
        }

        if (headers > MaxHeaderBytes || (long)total - headers - PreludeBytes - SumBytes is < 0 or > MaxPayloadBytes)
        {
            throw Malformed("a frame's lengths are out of bounds");
        }

        if (bytes.Length < total)
        {
            return false;
        }

        var whole = bytes[..(int)total];
        if (Sum(whole[..^SumBytes]) != BinaryPrimitives.ReadUInt32BigEndian(whole[^SumBytes..]))
        {
            throw Malformed("a frame's checksum does not match");
        }

        frame = Read(whole.Slice(PreludeBytes, (int)headers), whole[(PreludeBytes + (int)headers)..^SumBytes]);
        _start += (int)total;
        if (_start == _end)
        {
            _start = _end = 0;
        }

        return true;
    }

    private static BedrockFrame Read(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> payload)
    {
        string messageType = "event", type = "", message = "";
        while (!headers.IsEmpty)
        {
            var name = Take(ref headers, Take(ref headers, 1)[0]);
            var kind = Take(ref headers, 1)[0];
            var value = Take(ref headers, kind switch
            {
                0 or 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 or 8 => 8,
                6 or 7 => BinaryPrimitives.ReadUInt16BigEndian(Take(ref headers, 2)),
                9 => 16,
                _ => throw Malformed("a frame has a header of an unknown type"),
            });
            if (kind != 7)
            {
                continue;
            }

            if (name.SequenceEqual(":message-type"u8))
            {
                messageType = Text(value);
            }
            else if (name.SequenceEqual(":event-type"u8) || name.SequenceEqual(":exception-type"u8) || name.SequenceEqual(":error-code"u8))
            {
                type = Text(value);
            }
            else if (name.SequenceEqual(":error-message"u8))
            {
                message = Text(value);
            }
        }

        return new BedrockFrame(messageType, type, message, payload);
    }

    /// <summary>The names that every delta brings are not allocated anew each time.</summary>
    private static string Text(ReadOnlySpan<byte> value) =>
        value.SequenceEqual("event"u8) ? "event"
        : value.SequenceEqual("contentBlockDelta"u8) ? "contentBlockDelta"
        : Encoding.UTF8.GetString(value);

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int count)
    {
        if (bytes.Length < count)
        {
            throw Malformed("a frame's headers do not add up");
        }

        var taken = bytes[..count];
        bytes = bytes[count..];
        return taken;
    }

    private static ModelException Malformed(string what) => new(ModelFailure.Malformed, $"{BedrockModel.ProviderName}: {what}");

    /// <summary>CRC-32 as zlib computes it.</summary>
    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var one in bytes)
        {
            sum = Sums[(byte)(sum ^ one)] ^ (sum >> 8);
        }

        return ~sum;
    }

    private static uint[] BuildSums()
    {
        var sums = new uint[256];
        for (var i = 0u; i < sums.Length; i++)
        {
            var sum = i;
            for (var bit = 0; bit < 8; bit++)
            {
                sum = (sum & 1) == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB88320;
            }

            sums[i] = sum;
        }

        return sums;
    }
}
