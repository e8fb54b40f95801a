using System.Buffers.Binary;

namespace Belay.Backups;

/// <summary>
/// One chunk of an archive: four bytes with its length and whether it is the last, the ciphertext, the tag. Its number and whether it is the
/// last are in the nonce, so that a chunk that is moved, doubled or cut off does not open.
/// </summary>
internal static class ArchiveChunk
{
    /// <summary>Plain bytes of a full chunk.</summary>
    public const int MaxPlain = 64 * 1024;

    /// <summary>Bytes before the ciphertext.</summary>
    public const int PrefixBytes = 4;

    /// <summary>Bytes after it.</summary>
    public const int TagBytes = 16;

    private const uint LastFlag = 0x8000_0000;

    /// <summary>Writes what stands before the ciphertext.</summary>
    public static void WritePrefix(Span<byte> into, int length, bool last) => BinaryPrimitives.WriteUInt32BigEndian(into, (uint)length | (last ? LastFlag : 0));

    /// <summary>Reads it; null when it is none.</summary>
    public static (int Length, bool Last)? ReadPrefix(ReadOnlySpan<byte> from)
    {
        var word = BinaryPrimitives.ReadUInt32BigEndian(from);
        var length = word & ~LastFlag;
        return length <= MaxPlain ? ((int)length, (word & LastFlag) != 0) : null;
    }

    /// <summary>The nonce of a chunk.</summary>
    public static byte[] Nonce(long number, bool last)
    {
        var nonce = new byte[12];
        BinaryPrimitives.WriteInt64BigEndian(nonce.AsSpan(3), number);
        nonce[^1] = last ? (byte)1 : (byte)0;
        return nonce;
    }
}
