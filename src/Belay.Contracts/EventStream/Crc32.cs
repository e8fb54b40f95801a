using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Belay.Contracts.EventStream;

/// <summary>
/// CRC-32 as zlib computes it (IEEE 802.3, reflected). Not the Castagnoli polynomial of the processor's instruction: that one is
/// fast and gives other sums. Sixteen tables take sixteen bytes a step.
/// </summary>
public static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const int Slices = 16;
    private static readonly uint[] Tables = BuildTables();

    /// <summary>Sum of a span.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Sum of everything summed before and a further span; begin with 0.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        ref var tables = ref MemoryMarshal.GetArrayDataReference(Tables);
        var sum = ~crc;
        while (bytes.Length >= Slices)
        {
            var a = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ sum;
            var b = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            var c = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
            var d = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
            sum = Four(ref tables, 12, a) ^ Four(ref tables, 8, b) ^ Four(ref tables, 4, c) ^ Four(ref tables, 0, d);
            bytes = bytes[Slices..];
        }

        foreach (var one in bytes)
        {
            sum = Unsafe.Add(ref tables, (byte)(sum ^ one)) ^ (sum >> 8);
        }

        return ~sum;
    }

    // The indices cannot leave the tables: a slice below sixteen, a byte. Saying so spares a check for every byte.
    private static uint Four(ref uint tables, int slice, uint word) =>
        Unsafe.Add(ref tables, ((slice + 3) << 8) + (byte)word)
        ^ Unsafe.Add(ref tables, ((slice + 2) << 8) + (byte)(word >> 8))
        ^ Unsafe.Add(ref tables, ((slice + 1) << 8) + (byte)(word >> 16))
        ^ Unsafe.Add(ref tables, (slice << 8) + (int)(word >> 24));

    private static uint[] BuildTables()
    {
        var tables = new uint[Slices * 256];
        for (var value = 0u; value < 256; value++)
        {
            var sum = value;
            for (var bit = 0; bit < 8; bit++)
            {
                sum = (sum & 1) == 0 ? sum >> 1 : (sum >> 1) ^ Polynomial;
            }

            tables[value] = sum;
        }

        for (var i = 256; i < tables.Length; i++)
        {
            var sum = tables[i - 256];
            tables[i] = tables[(byte)sum] ^ (sum >> 8);
        }

        return tables;
    }
}
