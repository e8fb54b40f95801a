using System.Runtime.InteropServices;
using System.Text;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace Belay.Backups;

/// <summary>
/// What a backup takes from a data directory: everything, but for the database's live files, locks, and what belongs to running
/// sandboxes only. So what a later feature keeps there is not forgotten. Workspaces are written by code that nobody trusts, while they are
/// read: a link is taken as a link, and a file whose path led elsewhere when it was opened is left out.
/// </summary>
internal static class BackupSource
{
    /// <summary>Where a backup keeps its snapshot while it runs.</summary>
    public const string SnapshotPrefix = "backup-";

    private const int NoFollow = 0x20000;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

    // O_NOFOLLOW is the one flag that differs between the architectures that Belay runs on.
    private const int NoFollowArm = 0x8000;

    /// <summary>Paths below the directory, parents first, relative to it.</summary>
    public static IEnumerable<FileSystemInfo> Entries(string dataDirectory)
    {
        var top = new DirectoryInfo(dataDirectory).EnumerateFileSystemInfos().Where(entry => Taken(entry.Name)).OrderBy(entry => entry.Name, StringComparer.Ordinal);
        var waiting = new Stack<FileSystemInfo>(top.Reverse());
        while (waiting.TryPop(out var entry))
        {
            yield return entry;
            if (entry is DirectoryInfo { LinkTarget: null } directory)
            {
                foreach (var child in Children(directory))
                {
                    waiting.Push(child);
                }
            }
        }
    }

    /// <summary>Opens a regular file; null when it is none, has gone, or is not where its path says.</summary>
    public static SafeFileHandle? Open(string path)
    {
        // Non-blocking: a pipe that nobody writes to must not hold the backup.
        var noFollow = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? NoFollowArm : NoFollow;
        var handle = OpenFile(Encoding.UTF8.GetBytes(path + '\0'), NonBlocking | CloseOnExec | noFollow);
        if (handle < 0)
        {
            return null;
        }

        var file = new SafeFileHandle(handle, ownsHandle: true);
        try
        {
            // What cannot tell its length is a pipe or a device.
            _ = RandomAccess.GetLength(file);
            if (new FileInfo($"/proc/self/fd/{handle}").LinkTarget == path)
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

    private static bool Taken(string name) =>
        !name.StartsWith(SqliteDatabase.FileName, StringComparison.Ordinal)
        && !name.StartsWith(SnapshotPrefix, StringComparison.Ordinal)
        && !name.EndsWith(".lock", StringComparison.Ordinal)
        && !name.StartsWith(DataDirectoryLock.FileName, StringComparison.Ordinal)
        && name != "sandboxes";

    private static FileSystemInfo[] Children(DirectoryInfo directory)
    {
        try
        {
            return directory.GetFileSystemInfos();
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // Its owner took it away, or closed it to the server too.
            return [];
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int OpenFile(byte[] path, int flags);
}
