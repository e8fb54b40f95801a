using System.Globalization;

namespace Belay.EndToEnd.Soaking;

/// <summary>What a process holds.</summary>
/// <param name="ResidentMiB">Resident memory.</param>
/// <param name="Handles">Open files and sockets.</param>
/// <param name="Threads">Threads.</param>
internal sealed record ProcessFigures(double ResidentMiB, int Handles, int Threads)
{
    /// <summary>Reads them from /proc.</summary>
    public static ProcessFigures Of(int process)
    {
        var status = File.ReadLines($"/proc/{process}/status").Select(line => line.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts[1].Trim(), StringComparer.Ordinal);
        return new(
            long.Parse(status["VmRSS"].Split(' ')[0], CultureInfo.InvariantCulture) / 1024.0,
            Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Count(),
            int.Parse(status["Threads"], CultureInfo.InvariantCulture));
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{ResidentMiB:0} MiB resident, {Handles} handles, {Threads} threads");
}
