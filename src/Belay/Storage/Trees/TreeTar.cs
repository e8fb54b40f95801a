using System.Formats.Tar;
using Microsoft.Win32.SafeHandles;

namespace Belay.Storage.Trees;

/// <summary>Writes what a <see cref="TreeWalk"/> finds into a tar. Names and targets are escaped, holes are not stored.</summary>
internal static class TreeTar
{
    /// <summary>Adds one thing, and closes it.</summary>
    /// <param name="tar">Where to.</param>
    /// <param name="entry">The thing; a file is open.</param>
    /// <param name="path">Path that it has in the tar.</param>
    /// <param name="tally">Counts it.</param>
    /// <param name="cancellationToken">Ends it; the tar is none then.</param>
    public static async Task AddAsync(TarWriter tar, TreeEntry entry, string path, TreeTally tally, CancellationToken cancellationToken)
    {
        using var content = entry.Content;
        var name = TreeEntry.Escape(path);
        switch (entry.Kind)
        {
            case TreeEntryKind.File:
                await AddFileAsync(tar, content!, name, tally, cancellationToken); // Files come open.
                break;
            case TreeEntryKind.Directory:
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, name) { Mode = entry.Mode }, cancellationToken);
                break;
            case TreeEntryKind.Link:
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = TreeEntry.Escape(entry.Target!) }, cancellationToken); // Links have one.
                break;
            default:
                tally.Miss();
                break;
        }
    }

    /// <summary>Adds a file by its name in the tar. It may be written meanwhile.</summary>
    public static async Task AddFileAsync(TarWriter tar, SafeFileHandle handle, string name, TreeTally tally, CancellationToken cancellationToken)
    {
        if (Extents.Of(handle) is not { } extents)
        {
            tally.Miss();
            return;
        }

        var header = extents.HasHoles ? new[] { KeyValuePair.Create(Extents.Header, extents.ToString()) } : [];
        await using var parts = new ExtentStream(handle, extents);
        tally.Begin(name, extents.Stored);
        await using var content = new ExactStream(parts, extents.Stored, tally);
        await tar.WriteEntryAsync(
            new PaxTarEntry(TarEntryType.RegularFile, name, header)
            {
                Mode = File.GetUnixFileMode(handle) & TreeEntry.Permissions,
                ModificationTime = File.GetLastWriteTimeUtc(handle),
                DataStream = content,
            },
            cancellationToken);
    }
}
