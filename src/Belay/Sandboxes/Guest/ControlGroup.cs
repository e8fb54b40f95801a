using System.Globalization;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// The kernel's limits of one sandbox: a control group below the server's own, in version 1 or 2 of that interface, whichever
/// holds the controller here. What cannot be limited is left out and said so.
/// </summary>
internal sealed class ControlGroup
{
    private const string Prefix = "belay-";
    private const int PeriodMicroseconds = 100_000;
    private readonly List<string> _directories;

    private ControlGroup(List<string> directories) => _directories = directories;

    /// <summary>Directories of the group, one for each hierarchy; a process joins by writing itself into each one's cgroup.procs.</summary>
    public IReadOnlyList<string> Directories => _directories;

    /// <summary>Whether memory is limited.</summary>
    public bool LimitsMemory { get; private set; }

    /// <summary>Whether the number of processes is limited.</summary>
    public bool LimitsProcesses { get; private set; }

    /// <summary>Whether processor time is limited.</summary>
    public bool LimitsCpu { get; private set; }

    /// <summary>
    /// Removes old groups without members. A server that was killed, and whose data directory is gone too, leaves such groups and
    /// nobody who knows of them.
    /// </summary>
    public static void SweepEmpty(TimeProvider time)
    {
        var before = time.GetUtcNow().UtcDateTime - TimeSpan.FromMinutes(10);
        foreach (var parent in Hierarchies().SelectMany(hierarchy => hierarchy.IsUnified ? hierarchy.Directories : [hierarchy.Directories[0]]))
        {
            foreach (var directory in Directory.GetDirectories(parent, Prefix + "*"))
            {
                // One that has members, or that another server has just made, is left alone: the kernel refuses the first.
                if (Directory.GetLastWriteTimeUtc(directory) < before)
                {
                    TryRemove(directory);
                }
            }
        }
    }

    /// <summary>Makes a group for a sandbox, as far as this machine lets us.</summary>
    public static ControlGroup Create(string id, SandboxLimits limits)
    {
        var name = Prefix + id;
        var group = new ControlGroup([]);
        var bytes = (limits.MemoryMiB * 1024L * 1024L).ToString(CultureInfo.InvariantCulture);
        var processes = limits.Processes.ToString(CultureInfo.InvariantCulture);
        var quota = ((long)(limits.Cpus * PeriodMicroseconds)).ToString(CultureInfo.InvariantCulture);
        var period = PeriodMicroseconds.ToString(CultureInfo.InvariantCulture);
        foreach (var hierarchy in Hierarchies())
        {
            if (hierarchy.IsUnified)
            {
                group.CreateUnified(hierarchy, name, bytes, processes, $"{quota} {period}");
            }
            else if (hierarchy.Controllers.Contains("memory") && group.TryMake(hierarchy.Directories[0], name) is { } memory)
            {
                group.LimitsMemory = TrySet(memory, "memory.limit_in_bytes", bytes);
                TrySet(memory, "memory.memsw.limit_in_bytes", bytes);
            }
            else if (hierarchy.Controllers.Contains("pids") && group.TryMake(hierarchy.Directories[0], name) is { } pids)
            {
                group.LimitsProcesses = TrySet(pids, "pids.max", processes);
            }
            else if (hierarchy.Controllers.Contains("cpu") && group.TryMake(hierarchy.Directories[0], name) is { } cpu)
            {
                group.LimitsCpu = TrySet(cpu, "cpu.cfs_period_us", period) && TrySet(cpu, "cpu.cfs_quota_us", quota);
            }
        }

        return group;
    }

    /// <summary>A group that an earlier server left.</summary>
    public static ControlGroup Leftover(IEnumerable<string> directories) => new([.. directories]);

    /// <summary>Removes a group that nothing has joined.</summary>
    public void RemoveEmpty() => _directories.RemoveAll(TryRemove);

    /// <summary>Whether the kernel killed something in the group because its memory was used up.</summary>
    public bool RanOutOfMemory() => _directories.Any(directory =>
        Counts(directory, "memory.oom_control") || Counts(directory, "memory.events"));

    /// <summary>Kills what is still in the group and removes it. Answers whether it is gone.</summary>
    public async Task<bool> RemoveAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            _directories.RemoveAll(TryRemove);
            if (_directories.Count == 0)
            {
                return true;
            }

            foreach (var directory in _directories)
            {
                KillMembers(directory);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(1 + attempt, 25)), time, cancellationToken);
        }

        return false;
    }

    private void CreateUnified(Hierarchy hierarchy, string name, string bytes, string processes, string cpu)
    {
        // A group that holds processes cannot hand controllers down, so the place is the server's own group or the nearest above
        // it that does.
        foreach (var parent in hierarchy.Directories)
        {
            TrySet(parent, "cgroup.subtree_control", "+memory +pids +cpu");
            if (TryMake(parent, name) is not { } directory)
            {
                continue;
            }

            if (!File.Exists(Path.Join(directory, "memory.max")) && !File.Exists(Path.Join(directory, "pids.max")))
            {
                _directories.Remove(directory);
                TryRemove(directory);
                continue;
            }

            LimitsMemory |= TrySet(directory, "memory.max", bytes);
            TrySet(directory, "memory.swap.max", "0");
            LimitsProcesses |= TrySet(directory, "pids.max", processes);
            LimitsCpu |= TrySet(directory, "cpu.max", cpu);
            return;
        }
    }

    private string? TryMake(string parent, string name)
    {
        var directory = Path.Join(parent, name);
        try
        {
            Directory.CreateDirectory(directory);
            if (!CanJoin(directory))
            {
                TryRemove(directory);
                return null;
            }

            _directories.Add(directory);
            return directory;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool CanJoin(string directory)
    {
        using var file = File.OpenHandle(Path.Join(directory, "cgroup.procs"), FileMode.Open, FileAccess.Write);
        return !file.IsInvalid;
    }

    private static bool TrySet(string directory, string file, string value)
    {
        var path = Path.Join(directory, file);
        try
        {
            if (!File.Exists(path))
            {
                return false;
            }

            File.WriteAllText(path, value);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool TryRemove(string directory)
    {
        try
        {
            // Its files belong to the kernel and go with it, which a recursive removal would not understand.
            Directory.Delete(directory, recursive: false);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void KillMembers(string directory)
    {
        if (TrySet(directory, "cgroup.kill", "1"))
        {
            return;
        }

        try
        {
            foreach (var line in File.ReadLines(Path.Join(directory, "cgroup.procs")))
            {
                HostProcess.Kill(int.Parse(line, CultureInfo.InvariantCulture));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone in the meantime, which is what is wanted.
        }
    }

    private static bool Counts(string directory, string file)
    {
        var path = Path.Join(directory, file);
        try
        {
            return File.Exists(path) && File.ReadLines(path).Any(line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static IEnumerable<Hierarchy> Hierarchies()
    {
        var own = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines("/proc/self/cgroup"))
        {
            var parts = line.Split(':', 3);
            foreach (var controller in parts[1].Split(','))
            {
                own[controller] = parts[2];
            }
        }

        // Fields: id parent device root mountpoint options … - type source superoptions
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            var halves = line.Split(" - ", 2);
            var (mount, system) = (halves[0].Split(' '), halves[^1].Split(' '));
            if (mount.Length < 5 || system.Length < 3 || system[0] is not ("cgroup" or "cgroup2"))
            {
                continue;
            }

            var controllers = system[0] == "cgroup2" ? [""] : system[2].Split(',').Where(own.ContainsKey).Where(name => name.Length > 0).ToArray();
            if (controllers.Length == 0 || !own.TryGetValue(controllers[0], out var path))
            {
                continue;
            }

            var (root, mountPoint) = (mount[3], mount[4]);
            var below = path.StartsWith(root, StringComparison.Ordinal) ? path[root.Length..].TrimStart('/') : "";
            var directory = Path.Join(mountPoint, below);
            directory = Directory.Exists(directory) ? directory.TrimEnd('/') : mountPoint;
            var upwards = new List<string>();
            for (var at = directory; at.Length >= mountPoint.Length; at = Path.GetDirectoryName(at)!)
            {
                upwards.Add(at);
            }

            yield return new Hierarchy(system[0] == "cgroup2", controllers, upwards);
        }
    }

    /// <summary>One mounted hierarchy: its controllers, and the server's own group with all above it.</summary>
    private sealed record Hierarchy(bool IsUnified, IReadOnlyList<string> Controllers, IReadOnlyList<string> Directories);
}
