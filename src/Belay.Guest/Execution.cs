using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>
/// A command that runs: passes its output on as far as the host's credit reaches, and ends when its leader has ended and what
/// the leader wrote has been passed on.
/// </summary>
internal sealed class Execution(uint stream, int leader, ProcessTree tree, int output, int error)
{
    // Processes that a command leaves behind may hold its outputs open for ever; what trails the leader this long is still its output.
    private const long TrailMilliseconds = 100;

    private readonly int[] _pipes = [output, error];
    private readonly long[] _owed = new long[2];
    private int? _exitCode;
    private long _trailUntil;
    private bool _killing;

    public uint Stream { get; } = stream;

    public int Leader { get; } = leader;

    /// <summary>Bytes that the host will still take.</summary>
    public long Credit { get; set; } = GuestProtocol.Window;

    /// <summary>Whether no other command ran at any time since this one started.</summary>
    public bool Alone { get; set; } = true;

    /// <summary>Milliseconds until something must be done without any descriptor saying so; -1 when nothing must.</summary>
    public int Wait(long now) =>
        _killing ? 2 : _exitCode is null || now >= _trailUntil ? -1 : (int)Math.Clamp(_trailUntil - now, 1, TrailMilliseconds);

    public void LeaderEnded(int status, long now)
    {
        _exitCode = (status & 0x7F) == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F);
        _trailUntil = now + TrailMilliseconds;
        for (var i = 0; i < 2; i++)
        {
            _owed[i] = _pipes[i] >= 0 ? Native.BytesReadable(_pipes[i]) : 0;
        }
    }

    public void Kill() => _killing = true;

    /// <summary>Adds the descriptors that it wants to read.</summary>
    public void Want(List<int> descriptors)
    {
        if (Credit > GuestProtocol.FrameCost)
        {
            foreach (var pipe in _pipes)
            {
                if (pipe >= 0)
                {
                    descriptors.Add(pipe);
                }
            }
        }
    }

    /// <summary>Passes on what is there. True when the command is over and its final frame has been sent.</summary>
    public bool Advance(Channel channel, long now, List<int> leftOpen)
    {
        for (var round = 0; _killing && round < 4; round++)
        {
            _killing = !tree.KillRound(Alone);
        }

        Pass(channel, 0, Opcode.Stdout);
        Pass(channel, 1, Opcode.Stderr);
        if (_exitCode is not { } code || _killing)
        {
            return false;
        }

        for (var i = 0; i < 2; i++)
        {
            // Past the trail, what is owed is waiting for credit, which wakes the guest by itself.
            if (_pipes[i] >= 0 && (_owed[i] > 0 || now < _trailUntil))
            {
                return false;
            }
        }

        // A writer that is still there must not be broken by its output going nowhere.
        leftOpen.AddRange(_pipes.Where(pipe => pipe >= 0));
        channel.Send(Opcode.Exited, Stream, new PayloadWriter().Int32(code));
        return true;
    }

    private unsafe void Pass(Channel channel, int index, Opcode opcode)
    {
        if (_pipes[index] < 0 || Credit <= GuestProtocol.FrameCost)
        {
            return;
        }

        var room = (int)Math.Min(GuestProtocol.MaxPayload, Credit - GuestProtocol.FrameCost);
        nint count;
        fixed (byte* start = channel.Outgoing)
        {
            count = Native.read(_pipes[index], start, room);
        }

        if (count > 0)
        {
            Credit -= count + GuestProtocol.FrameCost;
            _owed[index] -= count;
            channel.Send(opcode, Stream, (int)count);
        }
        else if (count == 0 || Native.LastError is not (Native.EAGAIN or Native.EINTR))
        {
            Native.close(_pipes[index]);
            _pipes[index] = -1;
        }
    }
}
