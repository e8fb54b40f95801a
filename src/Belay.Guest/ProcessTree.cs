using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>
/// Finds and kills all processes of a command: its session, its descendants, and whatever carries its marker in the
/// environment after leaving both by setsid and a double fork. First all are stopped, so that none can fork away from the
/// killing, then killed, and the search is repeated until it finds nothing.
/// </summary>
/// <param name="leader">First process, which leads the session.</param>
/// <param name="marker">Value of the marker.</param>
/// <param name="startedAt">Ticks since boot before which none of them started.</param>
internal sealed class ProcessTree(int leader, string marker, long startedAt)
{
    private const int MaxEnvironment = 2 * 1024 * 1024;
    private static readonly byte[] AnyMarker = Encoding.ASCII.GetBytes(GuestProtocol.Marker + "=");
    private static readonly byte[] Stat = new byte[4096];
    private static byte[] _environment = new byte[256 * 1024];

    private readonly byte[] _marker = Encoding.ASCII.GetBytes(GuestProtocol.Marker + "=" + marker);
    private readonly HashSet<int> _stopped = [];
    private bool _killing;

    /// <summary>
    /// One round. True when nothing is left. <paramref name="claimOrphans"/> also takes orphans without any marker that started
    /// after the leader: right when no other command ran meanwhile.
    /// </summary>
    public bool KillRound(bool claimOrphans)
    {
        var own = Native.getpid();
        var found = Close(Snapshot(), process => process.Pid != own && Belongs(process, own, claimOrphans));
        if (found.Count == 0)
        {
            return true;
        }

        if (!_killing)
        {
            var fresh = false;
            foreach (var process in found.Values)
            {
                if (_stopped.Add(process.Pid))
                {
                    Signal(process, Native.SIGSTOP);
                    fresh = true;
                }
            }

            if (fresh && _stopped.Count < 4096)
            {
                return false;
            }

            _killing = true;
        }

        foreach (var process in found.Values)
        {
            Signal(process, Native.SIGKILL);
        }

        return false;
    }

    /// <summary>One round of killing every descendant of this process. True when nothing is left.</summary>
    public static bool KillDescendants()
    {
        var own = Native.getpid();
        var found = Close(Snapshot(), process => process.Parent == own);
        foreach (var process in found.Values)
        {
            Signal(process, Native.SIGKILL);
        }

        return found.Count == 0;
    }

    private bool Belongs(ProcessState process, int own, bool claimOrphans)
    {
        if (process.StartedAt < startedAt)
        {
            return false;
        }

        if (process.Pid == leader || process.Session == leader)
        {
            return true;
        }

        var block = Environment(process.Pid);
        return Carries(block, _marker, whole: true) ||
            (claimOrphans && process.Parent == own && !Carries(block, AnyMarker, whole: false));
    }

    private static void Signal(ProcessState process, int signal)
    {
        var handle = Native.OpenProcess(process.Pid);
        if (handle < 0)
        {
            return;
        }

        // Looked at again behind the handle: the number may belong to someone else by now.
        if (Read(process.Pid)?.StartedAt == process.StartedAt)
        {
            Native.SignalProcess(handle, signal);
        }

        Native.close(handle);
    }

    private static Dictionary<int, ProcessState> Close(List<ProcessState> all, Predicate<ProcessState> root)
    {
        var tree = new Dictionary<int, ProcessState>();
        foreach (var process in all)
        {
            if (root(process))
            {
                tree.Add(process.Pid, process);
            }
        }

        for (var grown = tree.Count > 0; grown;)
        {
            grown = false;
            foreach (var process in all)
            {
                grown |= tree.ContainsKey(process.Parent) && tree.TryAdd(process.Pid, process);
            }
        }

        return tree;
    }

    private static List<ProcessState> Snapshot()
    {
        var all = new List<ProcessState>();
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(entry.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && Read(pid) is { } process)
            {
                all.Add(process);
            }
        }

        return all;
    }

    /// <summary>A process that runs; null when it is gone or only waits to be reaped.</summary>
    private static ProcessState? Read(int pid)
    {
        var length = Native.ReadInto(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"), Stat);
        // The name stands in parentheses and may hold anything, so fields count from the last one.
        var rest = Stat.AsSpan(0, length);
        var name = rest.LastIndexOf((byte)')');
        if (name < 0 || rest.Length < name + 4)
        {
            return null;
        }

        rest = rest[(name + 2)..];
        if (rest[0] is (byte)'Z' or (byte)'X')
        {
            return null;
        }

        Span<long> fields = stackalloc long[20];
        rest = rest[2..];
        for (var i = 0; i < fields.Length; i++)
        {
            if (!Utf8Parser.TryParse(rest, out fields[i], out var consumed))
            {
                // A counter that does not fit a signed number; none of those that are used.
                consumed = rest.IndexOf((byte)' ');
            }

            if (consumed < 0 || consumed >= rest.Length)
            {
                return null;
            }

            rest = rest[(consumed + 1)..];
        }

        return new ProcessState(pid, (int)fields[0], (int)fields[2], fields[18]);
    }

    private static ReadOnlySpan<byte> Environment(int pid)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/environ");
        var length = Native.ReadInto(path, _environment);
        if (length == _environment.Length && length < MaxEnvironment)
        {
            _environment = new byte[MaxEnvironment];
            length = Native.ReadInto(path, _environment);
        }

        return _environment.AsSpan(0, length);
    }

    private static bool Carries(ReadOnlySpan<byte> block, ReadOnlySpan<byte> text, bool whole)
    {
        while (true)
        {
            var at = block.IndexOf(text);
            if (at < 0)
            {
                return false;
            }

            var end = at + text.Length;
            if ((at == 0 || block[at - 1] == 0) && (!whole || end == block.Length || block[end] == 0))
            {
                return true;
            }

            block = block[end..];
        }
    }

    private readonly record struct ProcessState(int Pid, int Parent, int Session, long StartedAt);
}
