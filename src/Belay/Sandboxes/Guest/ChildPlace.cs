using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Belay.Sandboxes.Guest;

/// <summary>A place that is a child process of the server, with the channel on its standard input and output.</summary>
internal sealed class ChildPlace : GuestPlace
{
    private const int LongestComplaint = 4096;

    // Joins the control groups before anything else runs, then becomes the program. Descriptor 9 is the system call filter,
    // which a .NET process cannot hand to a child in any other way.
    private const string Script =
        """
        n=$1; shift
        while [ "$n" -gt 0 ]; do echo $$ > "$1/cgroup.procs" || exit 97; shift; n=$((n-1)); done
        f=$1; shift
        exec "$@" 9<"$f"
        """;

    private readonly System.Diagnostics.Process _process;
    private readonly ControlGroup _group;
    private readonly SandboxRecord _record;
    private readonly SandboxLimits _limits;
    private readonly TimeProvider _time;
    private readonly Task<string> _complaint;
    private readonly Task _exited;

    private ChildPlace(System.Diagnostics.Process process, ControlGroup group, SandboxRecord record, SandboxLimits limits, TimeProvider time)
    {
        (_process, _group, _record, _limits, _time) = (process, group, record, limits, time);
        _complaint = ReadComplaintAsync();
        _exited = process.WaitForExitAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public override Stream FromGuest => _process.StandardOutput.BaseStream;

    /// <inheritdoc/>
    public override Stream ToGuest => _process.StandardInput.BaseStream;

    /// <summary>The limits that hold.</summary>
    public ControlGroup Group => _group;

    /// <summary>Starts a program in its own control group, with an environment of which nothing is the server's.</summary>
    /// <param name="id">Id of the sandbox.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="filter">File that it finds open as descriptor 9.</param>
    /// <param name="limits">What it may use.</param>
    /// <param name="records">Directory for notes about running sandboxes.</param>
    /// <param name="time">Clock.</param>
    public static async Task<ChildPlace> StartAsync(
        string id, IReadOnlyList<string> command, string filter, SandboxLimits limits, string records, TimeProvider time)
    {
        var group = ControlGroup.Create(id, limits);
        SandboxRecord? record = null;
        System.Diagnostics.Process? process = null;
        try
        {
            record = SandboxRecord.Create(records, id, group.Directories);
            var start = new ProcessStartInfo("/bin/sh")
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = "/",
            };
            start.Environment.Clear();
            foreach (var (name, value) in GuestProgram.Environment)
            {
                start.Environment[name] = value;
            }

            var groups = group.Directories.Count.ToString(CultureInfo.InvariantCulture);
            foreach (var argument in (IEnumerable<string>)["-c", Script, "sh", groups, .. group.Directories, filter, .. command])
            {
                start.ArgumentList.Add(argument);
            }

            InheritedDescriptors.KeepPrivate();
            process = await Launcher.StartAsync(start);
            if (HostProcess.Find(process.Id) is { } first)
            {
                record.Add(first);
            }

            return new ChildPlace(process, group, record, limits, time);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException("The sandbox could not be noted in the data directory. The server's log says why.", exception);
        }
        finally
        {
            if (process is null)
            {
                await group.RemoveAsync(time, CancellationToken.None);
                record?.Remove();
            }
        }
    }

    /// <inheritdoc/>
    public override async Task<string?> DescribeEndAsync()
    {
        if (_group.RanOutOfMemory())
        {
            return $"it ran out of memory (its limit is {_limits.MemoryMiB} MiB)";
        }

        try
        {
            await _exited.WaitAsync(TimeSpan.FromSeconds(2), _time);
            var complaint = (await _complaint.WaitAsync(TimeSpan.FromSeconds(2), _time)).Trim();
            return complaint.Length > 0 ? complaint.TrimEnd('.') : null;
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        // 1. The end of its input tells the guest to take everything along.
        await ToGuest.DisposeAsync();
        try
        {
            await _exited.WaitAsync(TimeSpan.FromSeconds(1), _time);
        }
        catch (TimeoutException)
        {
            // 2. What does not obey is killed: its namespace dies with it, and the group's members one by one.
            HostProcess.Find(_process.Id)?.KillTree();
        }

        // 3. Nothing is left in the group once it can be removed.
        await _group.RemoveAsync(_time, CancellationToken.None);
        await _exited;
        await FromGuest.DisposeAsync();
        await _complaint;
        _record.Remove();
        _process.Dispose();
    }

    /// <summary>The first of what the place says on standard error. The rest is read too, so that nothing waits for a reader.</summary>
    private async Task<string> ReadComplaintAsync()
    {
        var text = new StringBuilder();
        var buffer = new char[1024];
        try
        {
            for (int count; (count = await _process.StandardError.ReadAsync(buffer.AsMemory(), CancellationToken.None)) > 0;)
            {
                text.Append(buffer, 0, Math.Min(count, LongestComplaint - text.Length));
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The place is gone; what it said so far is what it said.
        }

        return string.Concat(text.ToString().Select(c => char.IsControl(c) ? ' ' : c));
    }
}
