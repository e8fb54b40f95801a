using System.Threading.Channels;
using Belay.Guest.Protocol;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// The host's end of one stream. What the guest sends waits here, bounded by the credit that it was given, so the connection's
/// reader never waits for a consumer.
/// </summary>
internal sealed class GuestStream(uint id)
{
    private readonly Channel<Frame> _frames = System.Threading.Channels.Channel.CreateUnbounded<Frame>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly Channel<bool> _sendable = System.Threading.Channels.Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private long _receivable = GuestProtocol.Window;
    private long _taken;
    private long _sendCredit = GuestProtocol.Window;

    public uint Id { get; } = id;

    /// <summary>Takes in a frame from the guest; throws when it was not paid for.</summary>
    public void Receive(Frame frame)
    {
        if (frame.Opcode is Opcode.Stdout or Opcode.Stderr or Opcode.Data)
        {
            if (frame.Payload.IsEmpty)
            {
                throw new ProtocolException("a data frame is empty");
            }

            if (Interlocked.Add(ref _receivable, -Cost(frame)) < 0)
            {
                throw new ProtocolException("the guest sent more than it had credit for");
            }
        }

        _frames.Writer.TryWrite(frame);
    }

    /// <summary>No more frames follow; readers learn why after what has arrived.</summary>
    public void Close(Exception? cause)
    {
        _frames.Writer.TryComplete(cause);
        _sendable.Writer.TryWrite(true);
    }

    /// <summary>The next frame. Throws what <see cref="Close"/> said when there is none.</summary>
    public async ValueTask<Frame> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _frames.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException closed) when (closed.InnerException is SandboxException cause)
        {
            // A fresh one for each reader: its stack belongs to the reader.
            throw new SandboxException(cause.Message, cause.InnerException);
        }
    }

    /// <summary>The consumer has taken a frame. Answers the credit that is to be given for it now, often 0: credit is given in large pieces.</summary>
    public int Consumed(Frame frame)
    {
        _taken += Cost(frame);
        if (_taken < GuestProtocol.Window / 2)
        {
            return 0;
        }

        var credit = (int)_taken;
        _taken = 0;
        Interlocked.Add(ref _receivable, credit);
        return credit;
    }

    /// <summary>The guest gives credit.</summary>
    public void Grant(int credit)
    {
        if (credit <= 0 || Interlocked.Add(ref _sendCredit, credit) > GuestProtocol.Window)
        {
            throw new ProtocolException("the guest gave credit for what it had not received");
        }

        _sendable.Writer.TryWrite(true);
    }

    /// <summary>Waits until the guest takes at least one byte more; answers how many, at most <paramref name="wanted"/>; 0 when the stream has ended.</summary>
    public async ValueTask<int> SpendAsync(int wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_frames.Reader.TryPeek(out _) || _frames.Reader.Completion.IsCompleted)
            {
                return 0;
            }

            var room = Interlocked.Read(ref _sendCredit) - GuestProtocol.FrameCost;
            if (room > 0)
            {
                var length = (int)Math.Min(Math.Min(wanted, room), GuestProtocol.MaxPayload);
                Interlocked.Add(ref _sendCredit, -(length + GuestProtocol.FrameCost));
                return length;
            }

            await _sendable.Reader.ReadAsync(cancellationToken);
        }
    }

    private static long Cost(Frame frame) => frame.Payload.Length + GuestProtocol.FrameCost;
}

/// <summary>A frame that the guest sent.</summary>
internal readonly record struct Frame(Opcode Opcode, ReadOnlyMemory<byte> Payload);
