using System.Globalization;

namespace Belay.Bench.Loop.Processes;

/// <summary>What a process and everything that it started has used.</summary>
/// <param name="CpuSeconds">Processor time, user and system.</param>
/// <param name="ResidentKiB">Resident memory.</param>
internal readonly record struct ProcessTree(double CpuSeconds, long ResidentKiB)
{
    private const double TicksPerSecond = 100;

    /// <summary>Reads it from /proc.</summary>
    public static ProcessTree Read(int root)
    {
        var all = new Dictionary<int, (int Parent, double Cpu, long Pages)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Stat(folder) is { } stat)
            {
                all[id] = stat;
            }
        }

        var (cpu, pages) = (0.0, 0L);
        foreach (var (id, stat) in all)
        {
            if (IsBelow(id))
            {
                cpu += stat.Cpu;
                pages += stat.Pages;
            }
        }

        return new(cpu, pages * Environment.SystemPageSize / 1024);

        bool IsBelow(int id)
        {
            while (id != root)
            {
                if (!all.TryGetValue(id, out var stat) || stat.Parent == 0)
                {
                    return false;
                }

                id = stat.Parent;
            }

            return true;
        }
    }

    // The name of the program stands in brackets and may hold anything; what follows the last one is numbers. Time of children that
    // ended counts as well.
    private static (int Parent, double Cpu, long Pages)? Stat(string folder)
    {
        try
        {
            var text = File.ReadAllText(Path.Combine(folder, "stat"));
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            var ticks = fields[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
            return (int.Parse(fields[1], CultureInfo.InvariantCulture), ticks / TicksPerSecond, long.Parse(fields[21], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
