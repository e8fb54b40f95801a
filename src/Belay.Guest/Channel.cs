using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>
/// Frames over the two descriptors that lead to the host. Reading never waits for more than there is; writing waits until the
/// host takes it, which it always does: its reader waits for nothing.
/// </summary>
internal sealed unsafe class Channel(int input, int output)
{
    private readonly byte[] _received = new byte[2 * (FrameHeader.Size + GuestProtocol.MaxPayload)];
    private readonly byte[] _sending = new byte[FrameHeader.Size + GuestProtocol.MaxPayload];
    private int _start;
    private int _end;

    /// <summary>Descriptor to wait on.</summary>
    public int Input { get; } = input;

    /// <summary>Whether the host is gone.</summary>
    public bool Closed { get; private set; }

    /// <summary>Where <see cref="Send(Opcode, uint, int)"/> takes its payload from.</summary>
    public Span<byte> Outgoing => _sending.AsSpan(FrameHeader.Size);

    /// <summary>Takes in what has arrived; blocks when nothing has.</summary>
    public void Receive()
    {
        if (_start > 0)
        {
            Buffer.BlockCopy(_received, _start, _received, 0, _end - _start);
            (_start, _end) = (0, _end - _start);
        }

        nint count;
        fixed (byte* start = _received)
        {
            do
            {
                count = Native.read(Input, start + _end, _received.Length - _end);
            }
            while (count < 0 && Native.LastError == Native.EINTR);
        }

        Closed |= count <= 0;
        _end += (int)Math.Max(count, 0);
    }

    /// <summary>The next whole frame that has arrived. The payload is valid until <see cref="Receive"/>.</summary>
    public bool TryNext(out FrameHeader header, out ReadOnlySpan<byte> payload)
    {
        header = default;
        payload = default;
        if (_end - _start < FrameHeader.Size)
        {
            return false;
        }

        header = FrameHeader.Read(_received.AsSpan(_start));
        if (_end - _start - FrameHeader.Size < header.Length)
        {
            return false;
        }

        payload = _received.AsSpan(_start + FrameHeader.Size, header.Length);
        _start += FrameHeader.Size + header.Length;
        return true;
    }

    /// <summary>Sends a frame whose payload is the first bytes of <see cref="Outgoing"/>.</summary>
    public void Send(Opcode opcode, uint stream, int length)
    {
        new FrameHeader(length, stream, opcode, 0).Write(_sending);
        fixed (byte* start = _sending)
        {
            nint sent = 0;
            while (sent < FrameHeader.Size + length)
            {
                var count = Native.write(output, start + sent, FrameHeader.Size + length - sent);
                if (count < 0 && Native.LastError != Native.EINTR)
                {
                    Closed = true;
                    return;
                }

                sent += Math.Max(count, 0);
            }
        }
    }

    public void Send(Opcode opcode, uint stream, ReadOnlySpan<byte> payload)
    {
        payload.CopyTo(Outgoing);
        Send(opcode, stream, payload.Length);
    }

    public void Send(Opcode opcode, uint stream, PayloadWriter payload) => Send(opcode, stream, payload.Written.Span);

    /// <summary>Ends a stream with an error.</summary>
    public void Fail(uint stream, GuestError error, string message) =>
        Send(Opcode.Error, stream, new PayloadWriter().UInt16((ushort)error).String(message.Length > 4096 ? message[..4096] : message));
}
