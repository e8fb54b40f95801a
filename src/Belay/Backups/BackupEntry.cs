using Microsoft.Win32.SafeHandles;

namespace Belay.Backups;

/// <summary>What stands below a data directory.</summary>
internal enum BackupEntryKind
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

/// <summary>One thing below a data directory, as it was when its directory was listed.</summary>
/// <param name="Name">Path below the directory.</param>
/// <param name="Kind">What it is.</param>
internal sealed record BackupEntry(string Name, BackupEntryKind Kind)
{
    /// <summary>Permissions of a directory.</summary>
    public UnixFileMode Mode { get; init; }

    /// <summary>Where a link points.</summary>
    public string? Target { get; init; }

    /// <summary>The file, open for reading.</summary>
    public SafeFileHandle? Content { get; init; }

    /// <summary>What is not taken.</summary>
    public static BackupEntry Missing(string name) => new(name, BackupEntryKind.LeftOut);

    /// <summary>
    /// A path or a link's target as it stands in the archive: everything but letters, digits and four signs is escaped, because those who
    /// choose names of files in workspaces could otherwise write lines of their own into the archive's headers.
    /// </summary>
    public static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    /// <summary>The path that was escaped.</summary>
    public static string Unescape(string text) => Uri.UnescapeDataString(text);
}
