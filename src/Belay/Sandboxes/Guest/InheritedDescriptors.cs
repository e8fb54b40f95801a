using System.Globalization;
using System.Runtime.InteropServices;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// Whatever the server's own parent left open in it: a shell's <c>3&lt;secret</c>, a supervisor's pipes, a lock. .NET opens nothing
/// that children inherit, but these it does not know, and bubblewrap hands them through. Inside, <c>/proc/1/fd</c> would be a door
/// to the host, all of it when one is a directory.
/// </summary>
internal static class InheritedDescriptors
{
    private const int FirstBeyondStandard = 3;

    /// <summary>Keeps every descriptor from what is started from now on.</summary>
    public static void KeepPrivate()
    {
        const nint closeRange = 436;
        const int closeOnExec = 4;
        if (Call(closeRange, FirstBeyondStandard, uint.MaxValue, closeOnExec) == 0)
        {
            return;
        }

        // A kernel before 5.11.
        const int setFlags = 2;
        foreach (var path in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            if (int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture) is >= FirstBeyondStandard and var descriptor)
            {
                _ = Control(descriptor, setFlags, 1);
            }
        }
    }

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern nint Call(nint number, nuint first, nuint last, nint flags);

    [DllImport("libc", EntryPoint = "fcntl")]
    private static extern int Control(int descriptor, int command, nint argument);
}
