using System.Formats.Tar;
using System.Text;

namespace Belay.Storage.Trees;

/// <summary>An archive holds what cannot be restored; the message says what, in words for its owner.</summary>
internal sealed class TreeException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>
/// Makes what an archive holds: files, directories and links, each below directories that were made here, without what runs as somebody else.
/// The directory itself must exist, and nobody else works in it.
/// </summary>
/// <param name="root">The directory.</param>
internal sealed class TreePlacement(string root)
{
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // Names that no file system takes.
    private const int LongestStep = 255;

    // Where every sandbox sees the host's programs, which it cannot change. Environments of languages link to them.
    private const string Programs = "/usr/";

    private readonly List<(string Path, UnixFileMode Mode)> _closed = [];

    /// <summary>The directory as those know it who follow links in it, ending in a slash. A link may lead anywhere when it is null; otherwise below the
    /// directory or to the programs that every sandbox sees.</summary>
    public string? Within { get; init; }

    /// <summary>Makes one thing.</summary>
    /// <param name="entry">What the archive says of it.</param>
    /// <param name="name">Its escaped path below the directory.</param>
    /// <param name="content">Its content, for files.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TreeException">The archive cannot be placed.</exception>
    public async Task PlaceAsync(TarEntry entry, string name, Stream? content, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            throw new TreeException($"The archive holds a name twice: {name}");
        }

        if (content is not null)
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            await using var file = new FileStream(path, options);
            await FillAsync(file, entry, content, cancellationToken);
            File.SetUnixFileMode(file.SafeFileHandle, entry.Mode & TreeEntry.Permissions);
            File.SetLastWriteTimeUtc(file.SafeFileHandle, entry.ModificationTime.UtcDateTime);
        }
        else if (entry.EntryType == TarEntryType.Directory)
        {
            Directory.CreateDirectory(path, OnlyOwner);
            var mode = entry.Mode & TreeEntry.Permissions;
            if (mode != OnlyOwner)
            {
                _closed.Add((path, mode));
            }
        }
        else if (entry.EntryType == TarEntryType.SymbolicLink)
        {
            var target = TreeEntry.Unescape(entry.LinkName);
            if (Within is not null && !StaysWithin(target, name.TrimEnd('/').Count('/')))
            {
                throw new TreeException($"The archive holds a link that leads elsewhere: {name} -> {entry.LinkName}");
            }

            File.CreateSymbolicLink(path, target);
        }
        else
        {
            throw new TreeException($"The archive holds something that is no file, directory or link: {name}");
        }
    }

    private static async Task FillAsync(FileStream file, TarEntry entry, Stream content, CancellationToken cancellationToken)
    {
        if ((entry as PaxTarEntry)?.ExtendedAttributes.GetValueOrDefault(Extents.Header) is not { } header)
        {
            await content.CopyToAsync(file, cancellationToken);
            return;
        }

        var extents = Extents.Parse(header, entry.Length) ?? throw new TreeException("The archive's content cannot be read.");
        file.SetLength(extents.Length);
        var buffer = new byte[64 * 1024];
        foreach (var (offset, length) in extents.Parts)
        {
            file.Position = offset;
            for (var left = length; left > 0;)
            {
                var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, left));
                await content.ReadExactlyAsync(part, cancellationToken);
                await file.WriteAsync(part, cancellationToken);
                left -= part.Length;
            }
        }
    }

    // Every parent is a directory that was made here: no name and no link leads out of it.
    private string PathOf(string name)
    {
        // Escaped slashes would make one step two.
        var parts = name.TrimEnd('/').Split('/').Select(TreeEntry.Unescape).ToArray();
        if (parts.Sum(part => Encoding.UTF8.GetByteCount(part) + 1) > TreeWalk.LongestName + 1)
        {
            throw new TreeException($"The archive holds a name of more than {TreeWalk.LongestName} bytes.");
        }

        var path = root;
        for (var at = 0; at < parts.Length; at++)
        {
            if (parts[at] is "" or "." or ".." || parts[at].AsSpan().ContainsAny('/', '\0') || Encoding.UTF8.GetByteCount(parts[at]) > LongestStep || (at > 0 && new DirectoryInfo(path) is not { Exists: true, LinkTarget: null }))
            {
                throw new TreeException($"The archive holds a name that leads elsewhere: {name}");
            }

            path = Path.Join(path, parts[at]);
        }

        return path;
    }

    // Steps up come first, and no more than there are directories above the link; each of those was made here and is no link. What follows leads down,
    // and links on its way keep to the same rule.
    private bool StaysWithin(string target, int depth)
    {
        var isWhole = target.StartsWith('/');
        if (target.Length is 0 or > TreeWalk.LongestName || target.Contains('\0', StringComparison.Ordinal)
            || (isWhole && !$"{target}/".StartsWith(Within!, StringComparison.Ordinal) && !target.StartsWith(Programs, StringComparison.Ordinal))) // Asked only where there is one.
        {
            return false;
        }

        var steps = target.Split('/').Where(step => step is not ("" or ".")).ToList();
        var up = steps.TakeWhile(step => step == "..").Count();
        return up <= (isWhole ? 0 : depth) && !steps.Skip(up).Contains("..");
    }

    /// <summary>Gives every directory the mode that the archive has for it. What is closed then could not be filled or removed any more.</summary>
    public void Close()
    {
        // The innermost first, or its parent would be closed before it.
        foreach (var (path, mode) in Enumerable.Reverse(_closed))
        {
            File.SetUnixFileMode(path, mode);
        }
    }
}
