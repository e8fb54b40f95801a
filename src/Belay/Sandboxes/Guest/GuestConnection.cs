using System.Collections.Concurrent;
using Belay.Guest.Protocol;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// The host's side of the channel to a guest. The guest may lie, flood or stall: whatever breaks the protocol, or takes too long,
/// ends this one connection and with it its sandbox. Memory is bounded by streams times their windows.
/// </summary>
internal sealed class GuestConnection : IAsyncDisposable
{
    /// <summary>What <see cref="Ended"/> says when the guest left without a word.</summary>
    public const string Gone = "its guest is gone";

    private readonly Stream _from;
    private readonly Stream _to;
    private readonly GuestSettings _settings;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<uint, GuestStream> _streams = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _header = new byte[FrameHeader.Size];
    private readonly byte[] _outgoing = new byte[FrameHeader.Size + GuestProtocol.MaxPayload];
    private Task _reading = Task.CompletedTask;
    private uint _lastStream;

    private GuestConnection(Stream from, Stream to, GuestSettings settings, TimeProvider time) =>
        (_from, _to, _settings, _time) = (from, to, settings, time);

    /// <summary>Completes when the connection can no longer be used; the text says why.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>What the guest says it can do.</summary>
    public GuestCapabilities Capabilities { get; private set; }

    /// <summary>Shakes hands. Throws <see cref="SandboxException"/> when the guest does not, in time and properly.</summary>
    public static async Task<GuestConnection> OpenAsync(Stream from, Stream to, GuestSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        var connection = new GuestConnection(from, to, settings, time);
        using var deadline = new CancellationTokenSource(settings.Handshake, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            await using var late = either.Token.Register(() => connection.End("it did not answer"));
            await connection.ShakeHandsAsync(either.Token);
        }
        catch (Exception exception) when (exception is IOException or ProtocolException or SandboxException or ObjectDisposedException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new SandboxException(
                deadline.IsCancellationRequested
                    ? $"The sandbox did not answer within {settings.Handshake.TotalSeconds:0} seconds of its start."
                    : $"The sandbox could not be reached: {exception.Message.TrimEnd('.')}.",
                exception);
        }

        connection._reading = connection.ReadAsync();
        return connection;
    }

    /// <summary>Opens a stream with a request.</summary>
    public async Task<GuestStream> OpenStreamAsync(Opcode opcode, PayloadWriter request, CancellationToken cancellationToken)
    {
        if (request.Written.Length > GuestProtocol.MaxRequest)
        {
            throw new SandboxFileException("The request is longer than 4 MiB.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (_streams.Count >= GuestProtocol.MaxStreams)
        {
            throw new SandboxException($"More than {GuestProtocol.MaxStreams} operations run in the sandbox at once.");
        }

        var stream = new GuestStream(Interlocked.Increment(ref _lastStream));
        _streams[stream.Id] = stream;
        if (_ended.Task.IsCompleted)
        {
            _streams.TryRemove(stream.Id, out _);
            throw await GoneAsync();
        }

        // From here on the guest may know the stream, so it is only forgotten when the guest has ended it: sending is not cancelled.
        await SendAsync(opcode, stream.Id, request.Written);
        return stream;
    }

    /// <summary>Sends a payload, in pieces when it is long. Throws <see cref="SandboxException"/> when the guest does not take it.</summary>
    public async Task SendAsync(Opcode opcode, uint stream, ReadOnlyMemory<byte> payload)
    {
        using var deadline = new CancellationTokenSource(_settings.Answer, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, deadline.Token);
        try
        {
            await _writing.WaitAsync(either.Token);
            try
            {
                do
                {
                    var piece = payload[..Math.Min(payload.Length, GuestProtocol.MaxPayload)];
                    payload = payload[piece.Length..];
                    new FrameHeader(piece.Length, stream, opcode, payload.IsEmpty ? (byte)0 : FrameHeader.More).Write(_outgoing);
                    piece.CopyTo(_outgoing.AsMemory(FrameHeader.Size));
                    await _to.WriteAsync(_outgoing.AsMemory(0, FrameHeader.Size + piece.Length), either.Token);
                }
                while (!payload.IsEmpty);
                await _to.FlushAsync(either.Token);
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // Half a frame may be out: nothing that follows would make sense.
            End(deadline.IsCancellationRequested ? "it stopped listening" : Gone);
            throw await GoneAsync();
        }
    }

    public Task SendAsync(Opcode opcode, uint stream, PayloadWriter payload) => SendAsync(opcode, stream, payload.Written);

    /// <summary>Gives the connection up.</summary>
    public void End(string reason)
    {
        if (!_ended.TrySetResult(reason))
        {
            return;
        }

        _closing.Cancel();
        var cause = new SandboxException($"The sandbox has ended: {reason}.");
        foreach (var stream in _streams.Values)
        {
            stream.Close(cause);
        }
    }

    public async Task<SandboxException> GoneAsync() => new($"The sandbox has ended: {await _ended.Task}.");

    public async ValueTask DisposeAsync()
    {
        End("it was closed");
        await _reading;
    }

    private async Task ShakeHandsAsync(CancellationToken cancellationToken)
    {
        var (header, payload) = await ReadFrameAsync(cancellationToken);
        Capabilities = ReadHello(header, payload.Span);
        var welcome = new PayloadWriter()
            .UInt16(GuestProtocol.Version)
            .String(_settings.Workspace)
            .Int32(_settings.Processes)
            .Int32(_settings.OpenFiles)
            .Pairs(_settings.Environment);
        await SendAsync(Opcode.Welcome, 0, welcome);

        // An answer shows that the guest has taken the welcome in and serves.
        await SendAsync(Opcode.Ping, 0, ReadOnlyMemory<byte>.Empty);
        (header, _) = await ReadFrameAsync(cancellationToken);
        if (header.Opcode != Opcode.Pong || header.Stream != 0)
        {
            throw new ProtocolException("the guest did not answer its first question");
        }
    }

    private static GuestCapabilities ReadHello(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        if (header.Opcode != Opcode.Hello || header.Stream != 0 || reader.Int32() != unchecked((int)GuestProtocol.Magic))
        {
            throw new ProtocolException("what answered is not a Belay guest");
        }

        var (lowest, highest) = (reader.UInt16(), reader.UInt16());
        if (lowest > GuestProtocol.Version || highest < GuestProtocol.Version)
        {
            throw new ProtocolException($"the guest speaks versions {lowest} to {highest} of the protocol, and this server version {GuestProtocol.Version}");
        }

        // Later versions may say more after the capabilities.
        return (GuestCapabilities)reader.Int64();
    }

    private async Task ReadAsync()
    {
        string reason;
        try
        {
            while (true)
            {
                var (header, payload) = await ReadFrameAsync(_closing.Token);
                Take(header, payload);
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (ProtocolException exception)
        {
            reason = $"it broke the protocol: {exception.Message}";
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            reason = Gone;
        }

        End(reason);
    }

    private void Take(FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        if (header.Flags != 0)
        {
            throw new ProtocolException("a guest's frames do not continue");
        }

        if (!_streams.TryGetValue(header.Stream, out var stream))
        {
            throw new ProtocolException("a frame belongs to no stream");
        }

        switch (header.Opcode)
        {
            case Opcode.Stdout or Opcode.Stderr or Opcode.Data:
                stream.Receive(new Frame(header.Opcode, payload));
                break;
            case Opcode.Credit:
                stream.Grant(new PayloadReader(payload.Span).Int32());
                break;
            case Opcode.Exited or Opcode.Done or Opcode.Error:
                _streams.TryRemove(header.Stream, out _);
                stream.Receive(new Frame(header.Opcode, payload));
                stream.Close(null);
                break;
            default:
                throw new ProtocolException($"a guest does not send operation {(byte)header.Opcode}");
        }
    }

    private async Task<(FrameHeader Header, ReadOnlyMemory<byte> Payload)> ReadFrameAsync(CancellationToken cancellationToken)
    {
        await _from.ReadExactlyAsync(_header, cancellationToken);
        var header = FrameHeader.Read(_header);
        if (header.Length == 0)
        {
            return (header, ReadOnlyMemory<byte>.Empty);
        }

        var payload = new byte[header.Length];
        await _from.ReadExactlyAsync(payload, cancellationToken);
        return (header, payload);
    }
}
