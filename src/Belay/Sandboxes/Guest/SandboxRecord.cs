using System.Globalization;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// What a server notes of a running sandbox on disk, so that the next server on the same data directory can end and remove what a
/// crash left behind: the control groups, and the first process.
/// </summary>
internal sealed class SandboxRecord
{
    private readonly string _path;

    private SandboxRecord(string path) => _path = path;

    /// <summary>Notes a sandbox before anything of it exists.</summary>
    public static SandboxRecord Create(string directory, string id, IEnumerable<string> controlGroups)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var record = new SandboxRecord(Path.Join(directory, id));
        File.WriteAllLines(record._path, controlGroups.Select(group => "group " + group));
        return record;
    }

    /// <summary>Notes its first process.</summary>
    public void Add(HostProcess process) =>
        File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture, $"process {process.Id} {process.StartedAt}\n"));

    /// <summary>Forgets it.</summary>
    public void Remove() => File.Delete(_path);

    /// <summary>Ends and removes everything that is noted in a directory; the number of sandboxes.</summary>
    public static async Task<int> ReapAsync(string directory, TimeProvider time, CancellationToken cancellationToken)
    {
        ControlGroup.SweepEmpty(time);
        if (!Directory.Exists(directory))
        {
            return 0;
        }

        var reaped = 0;
        foreach (var path in Directory.GetFiles(directory))
        {
            var groups = new List<string>();
            foreach (var line in await File.ReadAllLinesAsync(path, cancellationToken))
            {
                var parts = line.Split(' ');
                if (parts is ["group", var group])
                {
                    groups.Add(group);
                }
                else if (parts is ["process", var id, var started] &&
                    int.TryParse(id, CultureInfo.InvariantCulture, out var number) && long.TryParse(started, CultureInfo.InvariantCulture, out var at))
                {
                    new HostProcess(number, at).KillTree();
                }
            }

            await ControlGroup.Leftover(groups).RemoveAsync(time, cancellationToken);
            File.Delete(path);
            reaped++;
        }

        return reaped;
    }
}
