using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>A file or a listing on its way to the host.</summary>
internal sealed unsafe class Download(uint stream, int file, ReadOnlyMemory<byte> content, long limit)
{
    private ReadOnlyMemory<byte> _content = content;
    private long _sent;

    public uint Stream { get; } = stream;

    public long Credit { get; set; } = GuestProtocol.Window;

    /// <summary>Whether it can go on now.</summary>
    public bool Ready => Credit > GuestProtocol.FrameCost;

    /// <summary>Sends one frame. True when the final one has been sent.</summary>
    public bool Advance(Channel channel)
    {
        var room = (int)Math.Min(GuestProtocol.MaxPayload, Credit - GuestProtocol.FrameCost);
        nint count;
        if (file < 0)
        {
            count = Math.Min(room, _content.Length);
            _content.Span[..(int)count].CopyTo(channel.Outgoing);
            _content = _content[(int)count..];
        }
        else
        {
            fixed (byte* start = channel.Outgoing)
            {
                count = Native.read(file, start, room);
            }
        }

        if (count < 0)
        {
            channel.Fail(Stream, GuestError.Failed, Native.Describe(Native.LastError));
            return true;
        }

        if (_sent + count > limit)
        {
            channel.Fail(Stream, GuestError.TooLarge, $"it is larger than {limit} bytes");
            return true;
        }

        if (count == 0)
        {
            channel.Send(Opcode.Done, Stream, new PayloadWriter().Int64(_sent));
            return true;
        }

        _sent += count;
        Credit -= count + GuestProtocol.FrameCost;
        channel.Send(Opcode.Data, Stream, (int)count);
        return false;
    }

    public void Close()
    {
        if (file >= 0)
        {
            Native.close(file);
        }
    }
}

/// <summary>A file on its way from the host: written beside its place and put there when it is whole.</summary>
internal sealed unsafe class Upload(uint stream, int file, string temporary, string path)
{
    private long _written;
    private long _consumed;

    public uint Stream { get; } = stream;

    /// <summary>Takes a piece. False when the stream has ended with an error.</summary>
    public bool Take(Channel channel, ReadOnlySpan<byte> piece)
    {
        fixed (byte* start = piece)
        {
            for (nint at = 0; at < piece.Length;)
            {
                var count = Native.write(file, start + at, piece.Length - at);
                if (count < 0)
                {
                    Abandon();
                    Paths.Fail(channel, Stream, Native.LastError);
                    return false;
                }

                at += count;
            }
        }

        _written += piece.Length;
        _consumed += piece.Length + GuestProtocol.FrameCost;
        if (_consumed >= GuestProtocol.Window / 2)
        {
            channel.Send(Opcode.Credit, Stream, new PayloadWriter().Int32((int)_consumed));
            _consumed = 0;
        }

        return true;
    }

    public void Complete(Channel channel)
    {
        // Mode of the file that is replaced, else what everything new gets.
        Native.fchmod(file, Native.TryStat(path, follow: true, out var old) && old.IsRegular ? old.Permissions : 0x1A4);
        Native.close(file);
        if (Native.rename(temporary, path) == 0)
        {
            channel.Send(Opcode.Done, Stream, new PayloadWriter().Int64(_written));
        }
        else
        {
            var error = Native.LastError;
            Native.unlink(temporary);
            Paths.Fail(channel, Stream, error);
        }
    }

    public void Abandon()
    {
        Native.close(file);
        Native.unlink(temporary);
    }
}
