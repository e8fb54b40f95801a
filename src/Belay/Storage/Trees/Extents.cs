using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Belay.Storage.Trees;

/// <summary>
/// Where a file has content; the rest of it is holes, which read as zeros and are neither stored nor written. Whoever works in a sandbox can make
/// a file of a terabyte that takes nothing on the disk; in an archive it shall take nothing either.
/// </summary>
/// <param name="Length">Bytes of the file, holes included.</param>
/// <param name="Parts">Offset and length of each part that has content, ascending.</param>
internal sealed record Extents(long Length, IReadOnlyList<(long Offset, long Length)> Parts)
{
    /// <summary>Key of the header that has them, in an archive's entry of a file with holes.</summary>
    public const string Header = "BELAY.extents";

    // A longer file with holes may not fit any file system that it is restored to.
    private const long Longest = 1L << 40;
    private const int MostParts = 4096;
    private const long SmallestHole = 64 * 1024;

    // Zeros that may be stored for holes between too many parts, beside as many as there is content.
    private const long MostZeros = 1L << 30;
    private const int SeekData = 3;
    private const int SeekHole = 4;

    // ENXIO: nothing but a hole is left.
    private const int NoMoreData = 6;

    /// <summary>Bytes of content.</summary>
    public long Stored => Parts.Sum(part => part.Length);

    /// <summary>Whether there is anything that need not be stored.</summary>
    public bool HasHoles => Stored < Length;

    /// <summary>Those of an open file; null when it has holes that cannot be stored.</summary>
    public static Extents? Of(SafeFileHandle file)
    {
        var length = RandomAccess.GetLength(file);
        var parts = new List<(long Offset, long Length)>();
        var (hole, content) = (SmallestHole, 0L);
        for (var at = 0L; at < length;)
        {
            var start = Seek(file, at, SeekData);
            if (start < 0 && Marshal.GetLastPInvokeError() == NoMoreData)
            {
                break;
            }

            // A file system that knows no holes has content everywhere.
            var end = start < 0 ? length : Math.Min(length, Seek(file, start, SeekHole));
            start = start < 0 ? at : start;
            if (end <= start)
            {
                break;
            }

            content += end - start;
            Add(parts, start, end, hole);
            if (parts.Count > MostParts)
            {
                hole *= 2;
                parts = Merge(parts, hole);
            }

            at = end;
        }

        var extents = new Extents(length, parts);
        return extents.HasHoles && (length > Longest || extents.Stored - content > content + MostZeros) ? null : extents;
    }

    /// <summary>Reads the header; null when it is none that can be for a file of so many stored bytes.</summary>
    public static Extents? Parse(string text, long stored)
    {
        var words = text.Split(' ');
        var numbers = new long[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            if (!long.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] > Longest)
            {
                return null;
            }
        }

        var parts = new List<(long Offset, long Length)>();
        var end = 0L;
        for (var i = 1; i + 1 < numbers.Length; i += 2)
        {
            if (numbers[i] < end)
            {
                return null;
            }

            parts.Add((numbers[i], numbers[i + 1]));
            end = numbers[i] + numbers[i + 1];
        }

        var extents = new Extents(numbers[0], parts);
        return numbers.Length % 2 == 1 && end <= extents.Length && extents.Stored == stored ? extents : null;
    }

    /// <summary>As the header's text.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Length}") + string.Concat(Parts.Select(part => string.Create(CultureInfo.InvariantCulture, $" {part.Offset} {part.Length}")));

    private static void Add(List<(long Offset, long Length)> parts, long start, long end, long hole)
    {
        if (parts.Count > 0 && parts[^1] is var last && start - (last.Offset + last.Length) < hole)
        {
            parts[^1] = (last.Offset, end - last.Offset);
        }
        else
        {
            parts.Add((start, end - start));
        }
    }

    private static List<(long Offset, long Length)> Merge(List<(long Offset, long Length)> parts, long hole)
    {
        var merged = new List<(long Offset, long Length)>();
        foreach (var (offset, length) in parts)
        {
            Add(merged, offset, offset + length, hole);
        }

        return merged;
    }

    [DllImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static extern long Seek(SafeFileHandle file, long offset, int whence);
}
