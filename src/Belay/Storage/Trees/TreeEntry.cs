using Microsoft.Win32.SafeHandles;

namespace Belay.Storage.Trees;

/// <summary>What stands below a directory.</summary>
internal enum TreeEntryKind
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>Something else, or something that cannot be read or restored.</summary>
    LeftOut,
}

/// <summary>One thing below a directory, as it was when its directory was listed.</summary>
/// <param name="Name">Path below the directory.</param>
/// <param name="Kind">What it is.</param>
internal sealed record TreeEntry(string Name, TreeEntryKind Kind)
{
    /// <summary>The bits of a mode that are kept: nothing that runs as somebody else.</summary>
    public const UnixFileMode Permissions = (UnixFileMode)0x1FF;

    /// <summary>Permissions of a directory, and of a file that is not open.</summary>
    public UnixFileMode Mode { get; init; }

    /// <summary>Bytes of a file that is not open.</summary>
    public long Length { get; init; }

    /// <summary>When a file that is not open was last written.</summary>
    public DateTime ModifiedAt { get; init; }

    /// <summary>Where a link points.</summary>
    public string? Target { get; init; }

    /// <summary>The file, open for reading.</summary>
    public SafeFileHandle? Content { get; init; }

    /// <summary>What is not taken.</summary>
    public static TreeEntry Missing(string name) => new(name, TreeEntryKind.LeftOut);

    /// <summary>
    /// A path or a link's target as it stands in the archive: everything but letters, digits and four signs is escaped, because those who
    /// choose names of files in workspaces could otherwise write lines of their own into the archive's headers.
    /// </summary>
    public static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    /// <summary>The path that was escaped.</summary>
    public static string Unescape(string text) => Uri.UnescapeDataString(text);
}
