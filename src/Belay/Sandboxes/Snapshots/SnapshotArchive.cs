using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Belay.Storage.Trees;

namespace Belay.Sandboxes.Snapshots;

/// <summary>
/// A snapshot as a file: a compressed tar whose first entry is <see cref="SnapshotHead"/>, and then, for each directory of the session, the directory
/// by its name and everything in it.
/// </summary>
internal static class SnapshotArchive
{
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int LargestHead = 4096;

    // The workspace as programs in the sandbox know it. Where storage is depends on the harness, so no link of an import leads there by its whole path.
    private const string Workspace = "/workspace/";

    /// <summary>Writes an archive that is on the disk when this completes. Answers false when it would hold more than it may; what was written is none then.</summary>
    public static async Task<bool> WriteAsync(string path, SnapshotHead head, IEnumerable<SnapshotPart> parts, SnapshotSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, UnixCreateMode = OnlyOwner });
            await using (var compressed = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
            await using (var tar = new TarWriter(compressed, TarEntryFormat.Pax, leaveOpen: true))
            {
                await AddHeadAsync(tar, head, cancellationToken);
                var tally = new TreeTally(new Bound(settings.MaxBytes));
                var entries = 0;
                foreach (var part in parts)
                {
                    await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, part.Name) { Mode = File.GetUnixFileMode(part.Path) & TreeEntry.Permissions }, cancellationToken);
                    foreach (var entry in TreeWalk.Entries(part.Path, most: settings.MaxEntries + 1))
                    {
                        using var content = entry.Content;
                        cancellationToken.ThrowIfCancellationRequested();
                        if (++entries > settings.MaxEntries)
                        {
                            return false;
                        }

                        await TreeTar.AddAsync(tar, entry, $"{part.Name}/{entry.Name}", tally, cancellationToken);
                    }
                }
            }

            file.Flush(flushToDisk: true);
            return true;
        }
        catch (TooLargeException)
        {
            return false;
        }
    }

    /// <summary>The head of an archive; null when it has none that is known here.</summary>
    public static async Task<SnapshotHead?> HeadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = File.OpenRead(path);
            await using var content = new GZipStream(file, CompressionMode.Decompress);
            await using var tar = new TarReader(content);
            return await HeadAsync(tar, cancellationToken);
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or FormatException or JsonException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>Restores an archive into directories by their names in it, which exist and are empty. Answers the modes that they had.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="parts">The directories.</param>
    /// <param name="bounds">What an archive that comes from anywhere may hold; null for one that was written here.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TreeException">It cannot be restored.</exception>
    public static async Task<IReadOnlyDictionary<string, UnixFileMode>> ExtractAsync(
        string path, IReadOnlyList<SnapshotPart> parts, SnapshotSettings? bounds, CancellationToken cancellationToken)
    {
        var modes = new Dictionary<string, UnixFileMode>(StringComparer.Ordinal);
        var places = parts.ToDictionary(part => part.Name, part => new TreePlacement(part.Path) { Within = bounds is null ? null : Workspace }, StringComparer.Ordinal);
        try
        {
            await using var file = File.OpenRead(path);
            await using var content = new GZipStream(file, CompressionMode.Decompress);
            await using var tar = new TarReader(bounds is null ? content : new BoundedStream(content, MostBytes(bounds)));
            _ = await HeadAsync(tar, cancellationToken) ?? throw new TreeException("The snapshot was written by another version of Belay.");
            var tally = new TreeTally(bounds is null ? null : new Bound(bounds.MaxBytes));
            var entries = 0;
            while (await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
            {
                if (++entries > (bounds?.MaxEntries + parts.Count ?? int.MaxValue))
                {
                    throw new TooLargeException();
                }

                var slash = entry.Name.IndexOf('/', StringComparison.Ordinal);
                var name = slash < 0 ? entry.Name : entry.Name[..slash];
                if (!places.TryGetValue(name, out var place))
                {
                    throw new TreeException($"The snapshot holds a name that leads elsewhere: {entry.Name}");
                }

                if (slash < 0 || slash == entry.Name.Length - 1)
                {
                    modes[name] = entry.Mode & TreeEntry.Permissions;
                }
                else if (entry.EntryType == TarEntryType.RegularFile)
                {
                    tally.Begin(entry.Name, entry.Length);
                    await using var data = new ExactStream(entry.DataStream ?? Stream.Null, entry.Length, tally);
                    await place.PlaceAsync(entry, entry.Name[(slash + 1)..], data, cancellationToken);
                }
                else
                {
                    await place.PlaceAsync(entry, entry.Name[(slash + 1)..], null, cancellationToken);
                }
            }
        }
        catch (TooLargeException)
        {
            throw new TreeException($"They are more than {bounds!.MaxMiB} MiB (Snapshots:MaxMiB) or {bounds.MaxEntries} entries."); // Nothing is too large without bounds.
        }
        catch (Exception cause) when (cause is InvalidDataException or FormatException or JsonException or EndOfStreamException
            || (bounds is not null && cause is ArgumentException or InvalidOperationException or OverflowException or NotSupportedException))
        {
            throw new TreeException("The snapshot cannot be read.", cause);
        }

        foreach (var place in places.Values)
        {
            place.Close();
        }

        return modes;
    }

    // What a good archive of that much takes at most: the headers of an entry, with names and holes, beside its content.
    private static long MostBytes(SnapshotSettings bounds) => bounds.MaxBytes + ((bounds.MaxEntries + 100L) * 16 * 1024);

    private static async Task AddHeadAsync(TarWriter tar, SnapshotHead head, CancellationToken cancellationToken)
    {
        using var data = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(head, SnapshotJson.Default.SnapshotHead));
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, SnapshotHead.Name) { DataStream = data }, cancellationToken);
    }

    private static async Task<SnapshotHead?> HeadAsync(TarReader tar, CancellationToken cancellationToken) =>
        await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { Name: SnapshotHead.Name, Length: <= LargestHead, DataStream: { } data }
        && await JsonSerializer.DeserializeAsync(data, SnapshotJson.Default.SnapshotHead, cancellationToken) is { Form: SnapshotHead.Current } head
            ? head
            : null;

    private sealed class Bound(long most) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value > most)
            {
                throw new TooLargeException();
            }
        }
    }
}
