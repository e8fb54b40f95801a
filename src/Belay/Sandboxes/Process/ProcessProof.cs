using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Belay.Sandboxes.Guest;

namespace Belay.Sandboxes.Process;

/// <summary>
/// A note in the data directory that the walls held when they were last tried, with a digest of everything that they stand on. A
/// restart on the same boot of the same machine believes it and spares itself the trial; whatever differs, and the first sandbox that
/// does not start, makes it worthless.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class ProcessProof(string path)
{
    // What the kernel says of itself and of what it forbids to user namespaces.
    private static readonly string[] Kernel =
    [
        "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/version", "/proc/cmdline",
        "/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/yama/ptrace_scope",
        "/proc/sys/user/max_user_namespaces", "/proc/sys/user/max_mnt_namespaces", "/proc/sys/user/max_pid_namespaces", "/proc/sys/user/max_net_namespaces",
    ];

    // What the server itself is: its users, and the group in which it runs.
    private static readonly string[] Own = ["/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/cgroup"];

    // Its profile, which can only be read where a security module has one.
    private const string Profile = "/proc/self/attr/current";

    private static readonly string[] OwnStatus = ["Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"];

    /// <summary>Whether what was proved is what a digest stands for.</summary>
    public bool Holds(string digest)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path) == digest;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Nothing that can be read proves nothing.
            return false;
        }
    }

    /// <summary>Notes that it was proved.</summary>
    public void Write(string digest)
    {
        try
        {
            File.WriteAllText(path + ".new", digest);
            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next start tries again, which costs time and nothing else.
        }
    }

    /// <summary>Forgets it.</summary>
    public void Void()
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What cannot be removed is of a directory in which no sandbox starts either.
        }
    }

    /// <summary>Digest of everything that the walls stand on.</summary>
    /// <param name="arguments">What bubblewrap is told to do, and the command of the guest.</param>
    /// <param name="filter">The system call filter.</param>
    /// <param name="programs">The files that are run to make a sandbox, links followed.</param>
    /// <param name="guest">Directory of the guest.</param>
    public static string Digest(IEnumerable<string> arguments, byte[] filter, IEnumerable<string> programs, string guest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(ReadOnlySpan<byte> part)
        {
            hash.AppendData(BitConverter.GetBytes(part.Length));
            hash.AppendData(part);
        }

        void Say(string part) => Add(Encoding.UTF8.GetBytes(part));

        // 1. This program: what it tries, and how it sets sandboxes up.
        Say(Assembly.GetExecutingAssembly().ManifestModule.ModuleVersionId.ToString());

        // 2. The kernel, the server's own rights, and what is mounted over the kernel's files.
        foreach (var file in Kernel.Concat(Own).Concat(HasProfile() ? [Profile] : []))
        {
            Say(file);
            Add(Content(file));
        }

        foreach (var line in Lines("/proc/self/status").Where(line => OwnStatus.Any(name => line.StartsWith(name, StringComparison.Ordinal))))
        {
            Say(line);
        }

        foreach (var line in Lines("/proc/self/mountinfo"))
        {
            // Fields: id parent device root mountpoint options …; the first two differ from one start to the next.
            var fields = line.Split(' ', 7);
            if (fields.Length == 7 && IsKernels(fields[4]))
            {
                Say(string.Join(' ', fields[2..]));
            }
        }

        // 3. What is run, and how.
        foreach (var argument in arguments)
        {
            Say(argument);
        }

        Add(filter);
        foreach (var program in programs)
        {
            var file = new FileInfo(program);
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            Say($"{program} {file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks} {file.UnixFileMode}");
        }

        foreach (var file in Directory.GetFiles(guest).Order(StringComparer.Ordinal))
        {
            Say(Path.GetFileName(file));
            Add(File.ReadAllBytes(file));
        }

        // 4. Whether limits can be set, by doing it.
        var group = ControlGroup.Create("proof-" + Environment.ProcessId, new SandboxLimits());
        Say($"{group.LimitsMemory} {group.LimitsProcesses} {group.LimitsCpu}");
        group.RemoveEmpty();
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static bool HasProfile() =>
        Directory.Exists("/sys/fs/selinux") || Content("/sys/module/apparmor/parameters/enabled") is [(byte)'Y', ..];

    private static bool IsKernels(string mountPoint) =>
        mountPoint is "/" or "/proc" or "/sys" or "/usr" || mountPoint.StartsWith("/proc/", StringComparison.Ordinal) || mountPoint.StartsWith("/sys/", StringComparison.Ordinal);

    private static byte[] Content(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllBytes(file) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static string[] Lines(string file) => Encoding.UTF8.GetString(Content(file)).Split('\n');
}
