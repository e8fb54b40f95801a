using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Belay.Identity;

/// <summary>Files that only the server's user may read.</summary>
internal static class PrivateFile
{
    /// <summary>Writes a file; it is on the disk when this returns.</summary>
    public static void Write(string path, FileMode mode, ReadOnlySpan<byte> content)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using var file = new FileStream(path, options);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Gives a file that is complete its name unless that is taken, and answers whether it got it; the name that it had is gone in both
    /// cases. Of many who try at once one gets it: moving without overwriting looks first and moves then, and two can see the name free.</summary>
    /// <exception cref="IOException">The file system refuses.</exception>
    public static bool TryPublish(string temporary, string path)
    {
        const int Exists = 17; // EEXIST
        var linked = Link(Encoding.UTF8.GetBytes(temporary + '\0'), Encoding.UTF8.GetBytes(path + '\0')) == 0;
        var error = linked ? 0 : Marshal.GetLastPInvokeError();
        File.Delete(temporary);
        if (!linked && error != Exists)
        {
            throw new IOException($"{path} cannot be made: {Marshal.GetPInvokeErrorMessage(error)}.");
        }

        return linked;
    }

    /// <summary>Makes the names in a directory safe from a power cut: a file that was made or replaced is found again after it.</summary>
    /// <exception cref="IOException">The directory cannot be opened or the disk refuses.</exception>
    public static void SyncDirectory(string path)
    {
        // The runtime opens no directories; 0x80000 is O_CLOEXEC, and O_RDONLY is 0.
        var descriptor = Open(Encoding.UTF8.GetBytes(path + '\0'), 0x80000);
        if (descriptor < 0)
        {
            throw Failed(path);
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Sync(handle) != 0)
        {
            throw Failed(path);
        }
    }

    private static IOException Failed(string path) => new($"The directory {path} cannot be synced: {Marshal.GetLastPInvokeErrorMessage()}.");

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    private static extern int Link(byte[] existing, byte[] path);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Sync(SafeFileHandle file);
}
