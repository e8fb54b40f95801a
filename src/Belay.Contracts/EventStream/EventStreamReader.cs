using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Belay.Contracts.EventStream;

/// <summary>
/// Decodes frames from bytes that arrive in any pieces. Both sums are checked before anything of a frame is shown, and lengths
/// before anything is kept, so a hostile peer can make it hold at most one frame of the largest size.
/// </summary>
public sealed class EventStreamReader
{
    /// <summary>Largest header block.</summary>
    public const int MaxHeaderBytes = 128 * 1024;

    /// <summary>Largest payload.</summary>
    public const int MaxPayloadBytes = 16 * 1024 * 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>Whether a frame has begun that has not ended; a stream that closes then was cut off.</summary>
    public bool InFrame => _end > _start;

    /// <summary>Takes bytes as they arrive. Take every complete frame with <see cref="TryRead"/> before the next call.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }

        if (_buffer.Length - _end < bytes.Length)
        {
            Grow(bytes.Length);
        }

        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>Gives the next frame when it is complete.</summary>
    /// <exception cref="EventStreamException">The bytes are no frame.</exception>
    public bool TryRead(out EventStreamMessage message)
    {
        message = null!;
        var bytes = _buffer.AsSpan(_start, _end - _start);
        if (bytes.Length < EventStreamWriter.PreludeBytes)
        {
            return false;
        }

        var headerBytes = CheckPrelude(bytes, out var total);
        if (bytes.Length < total)
        {
            return false;
        }

        var frame = bytes[..total];
        if (Crc32.Compute(frame[..^4]) != BinaryPrimitives.ReadUInt32BigEndian(frame[^4..]))
        {
            throw new EventStreamException("The frame's checksum does not match its content.");
        }

        var headers = ReadHeaders(frame.Slice(EventStreamWriter.PreludeBytes, headerBytes));
        message = new EventStreamMessage(headers, frame[(EventStreamWriter.PreludeBytes + headerBytes)..^4].ToArray());
        _start += total;
        return true;
    }

    /// <summary>Reads a stream to its end, frame by frame.</summary>
    /// <exception cref="EventStreamException">The bytes are no frames, or the stream ends inside one.</exception>
    public static async IAsyncEnumerable<EventStreamMessage> ReadAllAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = new EventStreamReader();
        var piece = new byte[16 * 1024];
        int count;
        while ((count = await stream.ReadAsync(piece, cancellationToken)) > 0)
        {
            reader.Append(piece.AsSpan(0, count));
            while (reader.TryRead(out var message))
            {
                yield return message;
            }
        }

        if (reader.InFrame)
        {
            throw new EventStreamException("The stream ended inside a frame.");
        }
    }

    private static int CheckPrelude(ReadOnlySpan<byte> bytes, out int total)
    {
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var headers = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        if (Crc32.Compute(bytes[..8]) != BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]))
        {
            throw new EventStreamException("The frame's prelude checksum does not match.");
        }

        if (headers > MaxHeaderBytes)
        {
            throw new EventStreamException($"The frame's headers have {headers} bytes; the limit is {MaxHeaderBytes}.");
        }

        var payload = (long)length - headers - EventStreamWriter.FrameBytes;
        if (payload is < 0 or > MaxPayloadBytes)
        {
            throw new EventStreamException($"The frame's lengths do not add up, or its payload exceeds {MaxPayloadBytes} bytes.");
        }

        total = (int)length;
        return (int)headers;
    }

    private static List<EventStreamHeader> ReadHeaders(ReadOnlySpan<byte> block)
    {
        var headers = new List<EventStreamHeader>(4);
        while (!block.IsEmpty)
        {
            var name = Text(Take(ref block, Take(ref block, 1)[0]));
            if (name.Length == 0)
            {
                throw new EventStreamException("A header of the frame has no name.");
            }

            headers.Add(new EventStreamHeader(name, ReadValue(ref block)));
        }

        return headers;
    }

    private static EventStreamValue ReadValue(ref ReadOnlySpan<byte> block)
    {
        var type = Take(ref block, 1)[0];
        return type switch
        {
            0 => new EventStreamValue.Bool(true),
            1 => new EventStreamValue.Bool(false),
            2 => new EventStreamValue.Number8((sbyte)Take(ref block, 1)[0]),
            3 => new EventStreamValue.Number16(BinaryPrimitives.ReadInt16BigEndian(Take(ref block, 2))),
            4 => new EventStreamValue.Number32(BinaryPrimitives.ReadInt32BigEndian(Take(ref block, 4))),
            5 => new EventStreamValue.Number64(BinaryPrimitives.ReadInt64BigEndian(Take(ref block, 8))),
            6 => new EventStreamValue.Binary(Counted(ref block).ToArray()),
            7 => new EventStreamValue.Text(Text(Counted(ref block))),
            8 => new EventStreamValue.Time(BinaryPrimitives.ReadInt64BigEndian(Take(ref block, 8))),
            9 => new EventStreamValue.Uuid(new Guid(Take(ref block, 16), bigEndian: true)),
            _ => throw new EventStreamException($"A header of the frame has the unknown type {type}."),
        };
    }

    private static ReadOnlySpan<byte> Counted(ref ReadOnlySpan<byte> block) => Take(ref block, BinaryPrimitives.ReadUInt16BigEndian(Take(ref block, 2)));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> block, int count)
    {
        if (block.Length < count)
        {
            throw new EventStreamException("A header of the frame is longer than its header block.");
        }

        var taken = block[..count];
        block = block[count..];
        return taken;
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new EventStreamException("A header of the frame is not valid UTF-8.");
        }
    }

    private void Grow(int more)
    {
        var held = _end - _start;
        var target = held + more <= _buffer.Length ? _buffer : new byte[Math.Max(checked(held + more), Math.Min(_buffer.Length * 2, 1 << 25))];
        _buffer.AsSpan(_start, held).CopyTo(target);
        _buffer = target;
        _start = 0;
        _end = held;
    }
}
