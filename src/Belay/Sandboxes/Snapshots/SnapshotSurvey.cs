using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Belay.Storage.Trees;

namespace Belay.Sandboxes.Snapshots;

/// <summary>A directory of a session that is saved, and its name in the archive.</summary>
/// <param name="Name">Name in the archive.</param>
/// <param name="Path">Directory on the host.</param>
internal readonly record struct SnapshotPart(string Name, string Path);

/// <summary>What stands in the directories of a session, without opening a file.</summary>
/// <param name="Entries">Files, directories and links; one more than the most when there are too many.</param>
/// <param name="Files">Files.</param>
/// <param name="Bytes">Their sizes, holes included.</param>
/// <param name="Digest">Digest over names, sizes, times and modes.</param>
internal sealed record SnapshotSurvey(int Entries, int Files, long Bytes, string Digest)
{
    /// <summary>Looks at directories, as far as they hold no more than so many entries.</summary>
    public static SnapshotSurvey Of(IEnumerable<SnapshotPart> parts, int most, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (entries, files, bytes) = (0, 0, 0L);
        foreach (var part in parts)
        {
            foreach (var entry in TreeWalk.Entries(part.Path, open: false, most: most + 1))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (++entries > most)
                {
                    return new(entries, files, bytes, "");
                }

                if (entry.Kind == TreeEntryKind.File)
                {
                    files++;
                    bytes += entry.Length;
                }

                hash.AppendData(Encoding.UTF8.GetBytes(string.Create(
                    CultureInfo.InvariantCulture, $"{part.Name}/{entry.Name}\0{entry.Kind}\0{entry.Length}\0{entry.ModifiedAt.Ticks}\0{(int)entry.Mode}\0{entry.Target}\0")));
            }
        }

        return new(entries, files, bytes, Convert.ToHexStringLower(hash.GetCurrentHash()));
    }

    /// <summary>Bytes that an archive of the directories would store: files without their holes. It stops counting above a bound.</summary>
    public static long StoredBytes(IEnumerable<SnapshotPart> parts, long most, CancellationToken cancellationToken)
    {
        var bytes = 0L;
        foreach (var entry in parts.SelectMany(part => TreeWalk.Entries(part.Path)))
        {
            using var content = entry.Content;
            cancellationToken.ThrowIfCancellationRequested();
            bytes += content is null ? 0 : Extents.Of(content)?.Stored ?? 0;
            if (bytes > most)
            {
                break;
            }
        }

        return bytes;
    }
}
