using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Belay.Storage.Trees;

/// <summary>
/// Lists a directory whose content others may write, and write just then: workspaces belong to code that nobody trusts. Each step of a path is
/// opened below the one before and never through a link, so nothing outside is read, listed or even opened.
/// </summary>
internal static class TreeWalk
{
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

    /// <summary>Everything below a directory, parents first, each name once.</summary>
    /// <param name="path">The directory; its own path is trusted, links in it included.</param>
    /// <param name="takes">Which names in the directory itself are taken; all when null.</param>
    /// <param name="open">Whether files come open, to be closed by whoever takes them. Otherwise they come with their size and time, and what is no
    /// regular file may come as one.</param>
    /// <param name="most">Things that are listed of one directory, so that nobody's memory is filled with names.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static IEnumerable<TreeEntry> Entries(string path, Func<string, bool>? takes = null, bool open = true, int most = int.MaxValue)
    {
        using var root = Opened(OpenFile(Terminated(Path.GetFullPath(path)), PathOnly | OnlyDirectory | CloseOnExec))
            ?? throw new DirectoryNotFoundException($"The directory {path} cannot be opened.");
        var waiting = new Stack<string>([""]);
        while (waiting.TryPop(out var name))
        {
            using var directory = OpenDirectory(root, name);
            if (directory is null || Children(directory, most) is not { } children)
            {
                // It was a directory when its parent was listed: its owner took it away, or closed it to the server too.
                yield return TreeEntry.Missing(name);
                continue;
            }

            foreach (var child in children)
            {
                if (name.Length == 0 && takes?.Invoke(child.Name) == false)
                {
                    continue;
                }

                var entry = Entry(directory, name.Length == 0 ? child.Name : $"{name}/{child.Name}", child, open);
                if (entry.Kind == TreeEntryKind.Directory)
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

    private static TreeEntry Entry(SafeFileHandle directory, string name, FileSystemInfo child, bool open)
    {
        if (!IsText(child.Name) || Encoding.UTF8.GetByteCount(name) > LongestName)
        {
            return TreeEntry.Missing(name);
        }

        try
        {
            if (child.LinkTarget is { } target)
            {
                return new(name, TreeEntryKind.Link) { Target = target };
            }

            if (child is DirectoryInfo)
            {
                return new(name, TreeEntryKind.Directory) { Mode = child.UnixFileMode & TreeEntry.Permissions };
            }

            if (!open)
            {
                return new(name, TreeEntryKind.File) { Mode = child.UnixFileMode & TreeEntry.Permissions, Length = ((FileInfo)child).Length, ModifiedAt = child.LastWriteTimeUtc };
            }

            return OpenChild(directory, child.Name) is { } content ? new(name, TreeEntryKind.File) { Content = content } : TreeEntry.Missing(name);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return TreeEntry.Missing(name);
        }
    }

    // Through the descriptor, which is the directory that was opened, wherever its path leads by now. A directory that changes while it is
    // listed may show a name twice.
    private static List<FileSystemInfo>? Children(SafeFileHandle directory, int most)
    {
        try
        {
            return
            [
                .. new DirectoryInfo($"/proc/self/fd/{directory.DangerousGetHandle()}").EnumerateFileSystemInfos().Take(most)
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
