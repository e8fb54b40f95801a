using System.Globalization;

namespace Belay.Sandboxes.Guest;

/// <summary>A process of this machine by number and start, so that one that took over the number is never meant.</summary>
/// <param name="Id">Its number.</param>
/// <param name="StartedAt">Ticks since boot at which it started.</param>
internal sealed record HostProcess(int Id, long StartedAt)
{
    /// <summary>The process that has a number now; null when there is none.</summary>
    public static HostProcess? Find(int id)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new HostProcess(id, long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Kills it, if it still is the one, with all its descendants.</summary>
    public void KillTree()
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(Id);
            if (Find(Id) == this)
            {
                process.Kill(entireProcessTree: true);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            // Gone in the meantime, which is what is wanted.
        }
    }

    /// <summary>Kills one process.</summary>
    public static void Kill(int id)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // Gone in the meantime, which is what is wanted.
        }
    }
}
