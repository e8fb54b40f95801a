using System.Buffers.Binary;

namespace Belay.Guest.Protocol;

/// <summary>
/// Twelve bytes before every payload: length (4), stream (4), opcode (1), flags (1), zero (2); little-endian. Stream 0 is the
/// connection itself.
/// </summary>
internal readonly record struct FrameHeader(int Length, uint Stream, Opcode Opcode, byte Flags)
{
    public const int Size = 12;

    /// <summary>Flag of a request that continues in the next frame of the same stream and opcode.</summary>
    public const byte More = 1;

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target, Length);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Stream);
        target[8] = (byte)Opcode;
        target[9] = Flags;
        target[10] = 0;
        target[11] = 0;
    }

    /// <summary>Reads a header; throws <see cref="ProtocolException"/> when its fixed parts are wrong.</summary>
    public static FrameHeader Read(ReadOnlySpan<byte> source)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(source);
        if (length is < 0 or > GuestProtocol.MaxPayload)
        {
            throw new ProtocolException("a frame is longer than 64 KiB");
        }

        if (source[9] > More || source[10] != 0 || source[11] != 0)
        {
            throw new ProtocolException("a frame's reserved bits are set");
        }

        return new FrameHeader(length, BinaryPrimitives.ReadUInt32LittleEndian(source[4..]), (Opcode)source[8], source[9]);
    }
}

/// <summary>The peer broke the protocol; the connection cannot go on.</summary>
internal sealed class ProtocolException(string message) : Exception(message);
