using System.Globalization;

namespace Belay.Sandboxes.Process;

/// <summary>
/// What a sandbox sees as its root: the host's programs and libraries read-only, the few files of /etc that programs need, its
/// own /tmp, /proc and /dev, and nothing of /home, /root or /var.
/// </summary>
internal static class RootView
{
    // Configuration of programs and of the C library. Nothing in which a password, a key or a proxy's address may stand.
    private static readonly string[] FromEtc =
    [
        "alternatives", "ca-certificates", "crypto-policies", "debian_version", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
        "ld.so.conf.d", "locale.alias", "localtime", "magic", "mime.types", "nsswitch.conf", "os-release", "perl", "pki/ca-trust", "pki/tls/certs",
        "protocols", "python3", "python3.11", "python3.12", "python3.13", "rpc", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
        "xml",
    ];

    // What a kernel shows of itself and the host without asking for a capability.
    private static readonly string[] Covered =
    [
        "config.gz", "kallsyms", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "latency_stats", "mtrr", "sched_debug",
        "sysrq-trigger", "timer_list", "timer_stats",
    ];

    // Settings of the machine. Their files belong to user 0, and where the server is root, user 0 inside is user 0 outside: no
    // capability is asked of it. Bubblewrap itself covers some of them only when the directory, not its files, looks writable.
    private static readonly string[] ReadOnly = ["acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "pressure", "scsi", "sys"];

    private static readonly (string Name, string Content)[] Made =
    [
        ("passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
        ("hostname", "sandbox\n"),
        ("resolv.conf", ""),
    ];

    // An empty file, read-only where it is mounted. A device would not do: it looks writable.
    private const string Nothing = ".nothing";

    /// <summary>Writes the files of /etc that are not the host's.</summary>
    /// <param name="directory">Where.</param>
    /// <param name="passing">Ending of files that are being written; nobody else's.</param>
    public static void Prepare(string directory, string passing)
    {
        Directory.CreateDirectory(directory);
        foreach (var (name, content) in Made.Append((Nothing, "")))
        {
            var path = Path.Join(directory, name);
            if (!File.Exists(path) || File.ReadAllText(path) != content)
            {
                File.WriteAllText(path + passing, content);
                File.Move(path + passing, path, overwrite: true);
            }
        }
    }

    /// <summary>The arguments for bubblewrap, in the order in which it is to do them.</summary>
    /// <param name="prepared">Directory that <see cref="Prepare"/> filled.</param>
    /// <param name="limits">What the sandbox may use; its memory bounds what it can put into /tmp.</param>
    public static IEnumerable<string> Arguments(string prepared, SandboxLimits limits)
    {
        List<string> arguments = ["--ro-bind", "/usr", "/usr"];
        foreach (var name in (ReadOnlySpan<string>)["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"])
        {
            var directory = new DirectoryInfo(name);
            if (directory.LinkTarget is { } target)
            {
                arguments.AddRange(["--symlink", target, name]);
            }
            else if (directory.Exists)
            {
                arguments.AddRange(["--ro-bind", name, name]);
            }
        }

        foreach (var name in FromEtc.Concat(JavaConfiguration()))
        {
            if (Path.Exists("/etc/" + name))
            {
                arguments.AddRange(["--ro-bind", "/etc/" + name, "/etc/" + name]);
            }
        }

        foreach (var (name, _) in Made)
        {
            arguments.AddRange(["--ro-bind", Path.Join(prepared, name), "/etc/" + name]);
        }

        arguments.AddRange(["--proc", "/proc", "--dev", "/dev"]);
        foreach (var name in Covered)
        {
            if (File.Exists("/proc/" + name))
            {
                arguments.AddRange(["--ro-bind", Path.Join(prepared, Nothing), "/proc/" + name]);
            }
        }

        foreach (var name in ReadOnly)
        {
            if (Directory.Exists("/proc/" + name))
            {
                arguments.AddRange(["--ro-bind", "/proc/" + name, "/proc/" + name]);
            }
        }

        var size = (limits.MemoryMiB * 1024L * 1024L / 2).ToString(CultureInfo.InvariantCulture);
        foreach (var (path, mode) in (ReadOnlySpan<(string, string)>)[("/tmp", "1777"), ("/var/tmp", "1777"), ("/dev/shm", "1777"), ("/run", "755"), ("/root", "700")])
        {
            arguments.AddRange(["--perms", mode, "--size", size, "--tmpfs", path]);
        }

        return arguments;
    }

    /// <summary>Java keeps its configuration in /etc, a directory for each release, and does not run without.</summary>
    private static IEnumerable<string> JavaConfiguration() =>
        Directory.Exists("/etc") ? Directory.EnumerateDirectories("/etc", "java-*").Select(Path.GetFileName).OfType<string>() : [];
}
