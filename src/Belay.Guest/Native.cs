using System.Runtime.InteropServices;
using System.Text;

namespace Belay.Guest;

/// <summary>The system calls that the guest needs, in the C library's words. Errors are values: nothing here throws.</summary>
internal static unsafe partial class Native
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;

    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int E2BIG = 7;
    public const int EAGAIN = 11;
    public const int EACCES = 13;
    public const int EEXIST = 17;
    public const int ENOTDIR = 20;
    public const int EISDIR = 21;
    public const int ENOSPC = 28;
    public const int EPERM = 1;
    public const int ELOOP = 40;
    public const int ENAMETOOLONG = 36;
    public const int EDQUOT = 122;
    public const int EROFS = 30;

    public const int SIGINT = 2;
    public const int SIGHUP = 1;
    public const int SIGQUIT = 3;
    public const int SIGKILL = 9;
    public const int SIGPIPE = 13;
    public const int SIGTERM = 15;
    public const int SIGSTOP = 19;

    public const short PollIn = 1;

    private const int FcntlDuplicateCloseOnExec = 1030;
    private const int FcntlSetStatus = 4;
    private const int IoctlBytesReadable = 0x541B;
    private const int SetChildSubreaper = 36;
    private const int SetDumpable = 4;
    private const int LimitFiles = 7;
    private const int LimitProcesses = 6;
    private const int LimitCore = 4;
    private const int SyscallPidfdSendSignal = 424;
    private const int SyscallPidfdOpen = 434;
    private const int CurrentDirectory = -100;
    private const uint StatxBasic = 0x7FF;

    public static int LastError => Marshal.GetLastPInvokeError();

    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollEntry* entries, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int waitpid(int pid, out int status, int options);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rename(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rmdir(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mkdir(string path, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int access(string path, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fchmod(int fd, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getpid();

    /// <summary>A pipe whose ends do not pass to children; the reading end does not block.</summary>
    public static bool TryPipe(out int readEnd, out int writeEnd)
    {
        var ends = stackalloc int[2];
        if (pipe2(ends, CloseOnExec) != 0)
        {
            readEnd = writeEnd = -1;
            return false;
        }

        (readEnd, writeEnd) = (ends[0], ends[1]);
        fcntl(readEnd, FcntlSetStatus, NonBlocking);
        return true;
    }

    public static void NonBlock(int fd) => fcntl(fd, FcntlSetStatus, NonBlocking);

    /// <summary>A copy of a descriptor, numbered 10 or above, that does not pass to children.</summary>
    public static int DuplicatePrivately(int fd) => fcntl(fd, FcntlDuplicateCloseOnExec, 10);

    /// <summary>Makes <paramref name="target"/> mean what <paramref name="fd"/> means.</summary>
    public static void Replace(int fd, int target) => dup2(fd, target);

    /// <summary>
    /// Closes this process's memory, descriptors and environment in /proc to all others of the same user. Programs that it starts are
    /// as open as any.
    /// </summary>
    public static void KeepToItself() => prctl(SetDumpable, 0, 0, 0, 0);

    /// <summary>Keeps every descriptor above the standard ones from children, also those that the guest itself was given.</summary>
    public static void KeepDescriptorsPrivate()
    {
        const int closeRange = 436;
        const int closeOnExec = 4;
        if (syscall(closeRange, 3, int.MaxValue, closeOnExec, 0) == 0)
        {
            return;
        }

        // A kernel before 5.11.
        const int setDescriptorFlags = 2;
        for (var fd = 3; fd < 1024; fd++)
        {
            fcntl(fd, setDescriptorFlags, 1);
        }
    }

    public static int BytesReadable(int fd) => ioctl(fd, IoctlBytesReadable, out var count) == 0 ? count : 0;

    public static void BecomeSubreaper() => prctl(SetChildSubreaper, 1, 0, 0, 0);

    public static void Ignore(int number) => signal(number, 1);

    /// <summary>Limits of everything that runs from here on; a second line behind the control group.</summary>
    public static void Limit(int processes, int files)
    {
        SetLimit(LimitCore, 0);
        if (processes > 0)
        {
            SetLimit(LimitProcesses, (ulong)processes);
        }

        if (files > 0)
        {
            SetLimit(LimitFiles, (ulong)files);
        }
    }

    /// <summary>A handle that names one process for good, so that a signal cannot reach another that took its number; -1 when it is gone.</summary>
    public static int OpenProcess(int pid) => (int)syscall(SyscallPidfdOpen, pid, 0, 0, 0);

    public static void SignalProcess(int handle, int signal) => syscall(SyscallPidfdSendSignal, handle, signal, 0, 0);

    /// <summary>Random letters and digits for names that nobody else has. The C library's source: the framework's would need OpenSSL.</summary>
    public static string RandomName()
    {
        var bytes = stackalloc byte[16];
        for (var have = 0; have < 16;)
        {
            have += (int)Math.Max(getrandom(bytes + have, (nuint)(16 - have), 0), 0);
        }

        return Convert.ToHexStringLower(new ReadOnlySpan<byte>(bytes, 16));
    }

    /// <summary>Now, in the ticks since boot in which /proc says when a process started.</summary>
    public static long BootTicks()
    {
        const int sinceBoot = 7;
        var time = stackalloc long[2];
        clock_gettime(sinceBoot, time);
        return (time[0] * 100) + (time[1] / 10_000_000);
    }

    /// <summary>Type, permissions and size of what a path names; false with <see cref="LastError"/> when it names nothing.</summary>
    public static bool TryStat(string path, bool follow, out FileState state)
    {
        const int doNotFollow = 0x100;
        // The layout of statx is the same on every architecture, unlike that of stat.
        var buffer = stackalloc byte[256];
        if (statx(CurrentDirectory, path, follow ? 0 : doNotFollow, StatxBasic, buffer) != 0)
        {
            state = default;
            return false;
        }

        state = new FileState(*(ushort*)(buffer + 28), *(long*)(buffer + 40));
        return true;
    }

    /// <summary>Reads a file of /proc into a buffer; the number of bytes, 0 when it cannot be read.</summary>
    public static int ReadInto(string path, byte[] buffer)
    {
        var fd = open(path, ReadOnly | CloseOnExec, 0);
        if (fd < 0)
        {
            return 0;
        }

        var total = 0;
        fixed (byte* start = buffer)
        {
            while (total < buffer.Length)
            {
                var count = read(fd, start + total, buffer.Length - total);
                if (count <= 0)
                {
                    break;
                }

                total += (int)count;
            }
        }

        close(fd);
        return total;
    }

    /// <summary>Writes a short text to a file that exists; says nothing when it cannot.</summary>
    public static void WriteText(string path, ReadOnlySpan<byte> text)
    {
        var fd = open(path, WriteOnly | CloseOnExec, 0);
        if (fd < 0)
        {
            return;
        }

        fixed (byte* start = text)
        {
            write(fd, start, text.Length);
        }

        close(fd);
    }

    /// <summary>
    /// Starts a program in its own session, with nothing as its input, the two descriptors as its outputs, default signals and
    /// nothing else of the guest. posix_spawn and not fork: managed code cannot run between fork and exec.
    /// </summary>
    /// <returns>0 and the process, or an error number.</returns>
    public static int Spawn(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, string directory, int output, int error, out int pid)
    {
        const short setSignalMask = 0x08;
        const short setSignalDefaults = 0x04;
        const short setSession = 0x80;
        // Larger than the types of any C library.
        const int opaque = 1024;
        pid = 0;
        using var memory = new Strings();
        var actions = memory.Allocate(opaque);
        var attributes = memory.Allocate(opaque);
        var signals = memory.Allocate(opaque);
        var result = posix_spawn_file_actions_init(actions);
        if (result != 0)
        {
            return result;
        }

        result = posix_spawnattr_init(attributes);
        if (result != 0)
        {
            posix_spawn_file_actions_destroy(actions);
            return result;
        }

        result = posix_spawn_file_actions_addopen(actions, 0, memory.Add("/dev/null"), ReadOnly, 0);
        result = result != 0 ? result : posix_spawn_file_actions_adddup2(actions, output, 1);
        result = result != 0 ? result : posix_spawn_file_actions_adddup2(actions, error, 2);
        result = result != 0 ? result : posix_spawn_file_actions_addchdir_np(actions, memory.Add(directory));
        sigemptyset(signals);
        result = result != 0 ? result : posix_spawnattr_setsigmask(attributes, signals);
        sigfillset(signals);
        sigdelset(signals, SIGKILL);
        sigdelset(signals, SIGSTOP);
        result = result != 0 ? result : posix_spawnattr_setsigdefault(attributes, signals);
        result = result != 0 ? result : posix_spawnattr_setflags(attributes, setSignalMask | setSignalDefaults | setSession);
        result = result != 0 ? result : posix_spawn(out pid, memory.Add(path), actions, attributes, memory.Add(arguments), memory.Add(environment));
        posix_spawnattr_destroy(attributes);
        posix_spawn_file_actions_destroy(actions);
        return result;
    }

    private static void SetLimit(int resource, ulong value)
    {
        var limits = stackalloc ulong[2];
        if (getrlimit(resource, limits) == 0)
        {
            limits[1] = Math.Min(limits[1], value);
            limits[0] = limits[1];
            setrlimit(resource, limits);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup2(int fd, int target);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, out int value);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint signal(int number, nint handler);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getrlimit(int resource, ulong* limits);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setrlimit(int resource, ulong* limits);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc")]
    private static partial nint getrandom(byte* buffer, nuint length, uint flags);

    [LibraryImport("libc")]
    private static partial void clock_gettime(int clock, long* time);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc")]
    private static partial int posix_spawn(out int pid, byte* path, byte* actions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial void posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_addopen(byte* actions, int fd, byte* path, int flags, uint mode);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int fd, int target);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_addchdir_np(byte* actions, byte* path);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static partial void posix_spawnattr_destroy(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial void sigemptyset(byte* signals);

    [LibraryImport("libc")]
    private static partial void sigfillset(byte* signals);

    [LibraryImport("libc")]
    private static partial void sigdelset(byte* signals, int signal);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollEntry
    {
        public int Descriptor;
        public short Wanted;
        public short Found;
    }

    /// <summary>What a path names.</summary>
    public readonly record struct FileState(int Mode, long Size)
    {
        public bool IsDirectory => (Mode & 0xF000) == 0x4000;

        public bool IsRegular => (Mode & 0xF000) == 0x8000;

        public bool IsLink => (Mode & 0xF000) == 0xA000;

        public int Permissions => Mode & 0xFFF;
    }

    /// <summary>C strings and blocks that live until they are disposed of together.</summary>
    private sealed class Strings : IDisposable
    {
        private readonly List<nint> _blocks = [];

        public byte* Allocate(int size)
        {
            var block = (byte*)NativeMemory.AllocZeroed((nuint)size);
            _blocks.Add((nint)block);
            return block;
        }

        public byte* Add(string value)
        {
            var length = Encoding.UTF8.GetByteCount(value);
            var block = Allocate(length + 1);
            Encoding.UTF8.GetBytes(value, new Span<byte>(block, length));
            return block;
        }

        public byte** Add(IReadOnlyList<string> values)
        {
            var block = (byte**)Allocate((values.Count + 1) * sizeof(byte*));
            for (var i = 0; i < values.Count; i++)
            {
                block[i] = Add(values[i]);
            }

            return block;
        }

        public void Dispose()
        {
            foreach (var block in _blocks)
            {
                NativeMemory.Free((void*)block);
            }
        }
    }
}
