using System.Globalization;

namespace Belay.Server.Wire;

/// <summary>How many files this process may have open: every connection is one. The runtime raises the soft limit to the hard one at its start.</summary>
public static class OpenFiles
{
    private const string Row = "Max open files";

    /// <summary>The limit in force; null where the system does not say.</summary>
    public static int? Limit { get; } = Read("/proc/self/limits");

    /// <summary>Connections for which <paramref name="files"/> suffice, when a quarter of them, and at least 128, is kept for databases, sandboxes
    /// and models.</summary>
    public static int Connections(int wanted, int? files) =>
        files is { } limit ? Math.Clamp(limit - Math.Max(128, limit / 4), 1, wanted) : wanted;

    private static int? Read(string path)
    {
        if (!File.Exists(path) || File.ReadLines(path).FirstOrDefault(line => line.StartsWith(Row, StringComparison.Ordinal)) is not { } line)
        {
            return null;
        }

        var soft = line[Row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
    }
}
