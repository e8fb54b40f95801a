using System.Runtime.InteropServices;
using System.Text;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Verification;
using Microsoft.Win32.SafeHandles;

namespace Belay.Backups;

/// <summary>
/// What a backup takes from a data directory: everything, but for the database's live files and the signed heads, which are copied apart, locks, and what belongs to running
/// sandboxes only. So what a later feature keeps there is not forgotten. Workspaces are written by code that nobody trusts, while they are
/// read: each step of a path is opened below the one before and never through a link, so nothing outside is read, listed or even opened.
/// </summary>
internal static class BackupSource
{
    /// <summary>Where a backup keeps its snapshot while it runs.</summary>
    public const string SnapshotPrefix = "backup-";

    /// <summary>Bytes of the longest path below the directory. The kernel's own limit is 4,096, and it is restored below some other directory.</summary>
    public const int LongestName = 3000;

    // What a name that is not UTF-8 reads as. Two such names may read the same, and neither could be opened or restored by what is read.
    private const char Unreadable = '\uFFFD';

    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int PathOnly = 0x200000;

    // These two differ between the architectures that Belay runs on.
    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
    private static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;
    private static readonly int OnlyDirectory = IsArm ? 0x4000 : 0x10000;

    /// <summary>Everything below the directory, parents first, each name once. Files are open; whoever takes one closes it.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static IEnumerable<BackupEntry> Entries(string dataDirectory)
    {
        // Its own path is the operator's, links in it included.
        using var root = Opened(OpenFile(Terminated(Path.GetFullPath(dataDirectory)), PathOnly | OnlyDirectory | CloseOnExec))
            ?? throw new DirectoryNotFoundException($"The directory {dataDirectory} cannot be opened.");
        var waiting = new Stack<string>([""]);
        while (waiting.TryPop(out var name))
        {
            using var directory = OpenDirectory(root, name);
            if (directory is null || Children(directory) is not { } children)
            {
                // It was a directory when its parent was listed: its owner took it away, or closed it to the server too.
                yield return BackupEntry.Missing(name);
                continue;
            }

            foreach (var child in children)
            {
                if (name.Length == 0 && !Taken(child.Name))
                {
                    continue;
                }

                var entry = Entry(directory, name.Length == 0 ? child.Name : $"{name}/{child.Name}", child);
                if (entry.Kind == BackupEntryKind.Directory)
                {
                    waiting.Push(entry.Name);
                }

                yield return entry;
            }
        }
    }

    /// <summary>Opens a regular file below an open directory; null when it is none or has gone.</summary>
    private static SafeFileHandle? OpenChild(SafeFileHandle directory, string name)
    {
        // Non-blocking: a pipe that nobody writes to must not hold the backup.
        if (Opened(OpenBelow(directory, Terminated(name), NonBlocking | CloseOnExec | NoFollow)) is not { } file)
        {
            return null;
        }

        try
        {
            // What cannot tell its length is a pipe or a device. A directory opens, too.
            if (RandomAccess.GetLength(file) >= 0 && !File.GetAttributes(file).HasFlag(FileAttributes.Directory))
            {
                return file;
            }
        }
        catch (Exception other) when (other is IOException or NotSupportedException or UnauthorizedAccessException)
        {
        }

        file.Dispose();
        return null;
    }

    private static SafeFileHandle? OpenDirectory(SafeFileHandle root, string name)
    {
        var steps = name.Split('/');
        var at = Opened(OpenBelow(root, Terminated("."), PathOnly | OnlyDirectory | CloseOnExec));
        foreach (var step in name.Length == 0 ? [] : steps)
        {
            if (at is null)
            {
                break;
            }

            using var parent = at;
            at = Opened(OpenBelow(parent, Terminated(step), PathOnly | OnlyDirectory | CloseOnExec | NoFollow));
        }

        return at;
    }

    private static BackupEntry Entry(SafeFileHandle directory, string name, FileSystemInfo child)
    {
        if (!IsText(child.Name) || Encoding.UTF8.GetByteCount(name) > LongestName)
        {
            return BackupEntry.Missing(name);
        }

        try
        {
            if (child.LinkTarget is { } target)
            {
                return new(name, BackupEntryKind.Link) { Target = target };
            }

            return child is DirectoryInfo
                ? new(name, BackupEntryKind.Directory) { Mode = child.UnixFileMode & BackupManifest.Permissions }
                : OpenChild(directory, child.Name) is { } content ? new(name, BackupEntryKind.File) { Content = content } : BackupEntry.Missing(name);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return BackupEntry.Missing(name);
        }
    }

    private static bool Taken(string name) =>
        !name.StartsWith(SqliteDatabase.FileName, StringComparison.Ordinal)
        && !name.StartsWith(HeadsFile.FileName, StringComparison.Ordinal)
        && !name.StartsWith(SnapshotPrefix, StringComparison.Ordinal)
        && !name.EndsWith(".lock", StringComparison.Ordinal)
        && !name.StartsWith(DataDirectoryLock.FileName, StringComparison.Ordinal)
        && name != "sandboxes";

    // Through the descriptor, which is the directory that was opened, wherever its path leads by now. A directory that changes while it is
    // listed may show a name twice.
    private static List<FileSystemInfo>? Children(SafeFileHandle directory)
    {
        try
        {
            return
            [
                .. new DirectoryInfo($"/proc/self/fd/{directory.DangerousGetHandle()}").EnumerateFileSystemInfos()
                    .DistinctBy(child => IsText(child.Name) ? child.Name : (object)child).OrderBy(child => child.Name, StringComparer.Ordinal),
            ];
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsText(string name) => !name.Contains(Unreadable, StringComparison.Ordinal);

    private static byte[] Terminated(string path) => Encoding.UTF8.GetBytes(path + '\0');

    private static SafeFileHandle? Opened(int descriptor) => descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int OpenFile(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static extern int OpenBelow(SafeFileHandle directory, byte[] path, int flags);
}
