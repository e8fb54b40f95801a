using Belay.Guest.Protocol;
using Belay.Sandboxes;
using Belay.Sandboxes.Guest;
using Belay.Testing;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Guest;

/// <summary>The host against guests that lie, flood and stall. Whatever they do ends their own sandbox, in bounded time and memory.</summary>
public sealed class HostileGuestTests : IAsyncDisposable
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);
    private readonly MemoryPlace _place = new();
    private readonly ManualTime _time = new();

    public ValueTask DisposeAsync() => _place.DisposeAsync();

    [Fact]
    public async Task Handshake_Silence_EndsAtTheDeadline()
    {
        var connecting = ConnectAsync();
        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal("The sandbox did not answer within 60 seconds of its start.", (await Assert.ThrowsAsync<SandboxException>(() => connecting.WaitAsync(Generous))).Message);
        Assert.True(_place.IsDisposed);
    }

    [Fact]
    public async Task Handshake_Cancelled_EndsThePlace()
    {
        using var cancellation = new CancellationTokenSource();
        var connecting = ConnectAsync(null, cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(Generous));
        Assert.True(_place.IsDisposed);
    }

    [Fact]
    public async Task Handshake_OtherVersion_IsNamed()
    {
        var connecting = ConnectAsync();
        await SendAsync(Opcode.Hello, 0, Hello(lowest: 7, highest: 9));

        Assert.Contains("versions 7 to 9", (await Assert.ThrowsAsync<SandboxException>(() => connecting.WaitAsync(Generous))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handshake_Nonsense_IsRefused()
    {
        var connecting = ConnectAsync();
        await _place.GuestOut.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
        await _place.GuestOut.FlushAsync();

        await Assert.ThrowsAsync<SandboxException>(() => connecting.WaitAsync(Generous));
        Assert.True(_place.IsDisposed);
    }

    [Fact]
    public async Task Handshake_EndOfStream_IsRefused()
    {
        var connecting = ConnectAsync();
        await _place.GuestOut.DisposeAsync();

        await Assert.ThrowsAsync<SandboxException>(() => connecting.WaitAsync(Generous));
    }

    [Theory]
    [InlineData("a frame is longer than 64 KiB")]
    [InlineData("a frame's reserved bits are set")]
    [InlineData("a guest's frames do not continue")]
    [InlineData("a frame belongs to no stream")]
    [InlineData("a guest does not send operation 16")]
    [InlineData("a data frame is empty")]
    [InlineData("the guest gave credit for what it had not received")]
    [InlineData("a payload is shorter than its fields")]
    public async Task Running_Lie_EndsTheSandbox(string lie)
    {
        var sandbox = await ConnectedAsync();
        var running = sandbox.ShAsync("true");
        var stream = await ReceiveAsync(Opcode.Exec);
        await (lie switch
        {
            "a frame is longer than 64 KiB" => SendRawAsync(BitConverter.GetBytes(65_537), BitConverter.GetBytes(stream), [17, 0, 0, 0]),
            "a frame's reserved bits are set" => SendRawAsync(BitConverter.GetBytes(0), BitConverter.GetBytes(stream), [17, 0, 1, 0]),
            "a guest's frames do not continue" => SendRawAsync(BitConverter.GetBytes(1), BitConverter.GetBytes(stream), [17, 1, 0, 0, 65]),
            "a frame belongs to no stream" => SendAsync(Opcode.Stdout, stream + 1, new byte[1]),
            "a guest does not send operation 16" => SendAsync(Opcode.Exec, stream, new byte[1]),
            "a data frame is empty" => SendAsync(Opcode.Stdout, stream, []),
            "the guest gave credit for what it had not received" => SendAsync(Opcode.Credit, stream, BitConverter.GetBytes(1)),
            _ => SendAsync(Opcode.Credit, stream, [1]),
        });

        Assert.Contains(lie, (await Assert.ThrowsAsync<SandboxException>(() => running.WaitAsync(Generous))).Message, StringComparison.Ordinal);
        Assert.Contains(lie, await sandbox.Ended.WaitAsync(Generous), StringComparison.Ordinal);
        await sandbox.DisposeAsync();
        Assert.True(_place.IsDisposed);
    }

    [Fact]
    public async Task Running_FloodWithoutCredit_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        await using var running = sandbox.ExecuteAsync(Command.Sh("true"), CancellationToken.None).GetAsyncEnumerator();
        var first = running.MoveNextAsync();
        var stream = await ReceiveAsync(Opcode.Exec);
        for (var i = 0; i < 5 && !sandbox.Ended.IsCompleted; i++)
        {
            await SendAsync(Opcode.Stdout, stream, new byte[65_536]);
        }

        await first;
        Assert.Contains("more than it had credit for", await sandbox.Ended.WaitAsync(Generous), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_TinyFrames_CostMoreThanTheirBytes()
    {
        var sandbox = await ConnectedAsync();
        await using var running = sandbox.ExecuteAsync(Command.Sh("true"), CancellationToken.None).GetAsyncEnumerator();
        var first = running.MoveNextAsync();
        var stream = await ReceiveAsync(Opcode.Exec);
        for (var i = 0; i < 4100; i++)
        {
            await SendAsync(Opcode.Stdout, stream, [65]);
        }

        await first;
        Assert.Contains("more than it had credit for", await sandbox.Ended.WaitAsync(Generous), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_KillIgnored_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        var running = sandbox.ShAsync("true", TimeSpan.FromSeconds(5));
        await ReceiveAsync(Opcode.Exec);
        _time.Advance(TimeSpan.FromSeconds(5));
        await ReceiveAsync(Opcode.Cancel);
        await TimersAsync(1);
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Contains("could not be killed", (await Assert.ThrowsAsync<SandboxException>(() => running.WaitAsync(Generous))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_NeverReads_CannotHoldTheHost()
    {
        var sandbox = await ConnectedAsync();
        var writing = Task.WhenAll(Enumerable.Range(0, 8).Select(i => sandbox.WriteFileAsync($"f{i}", new byte[1_000_000], CancellationToken.None)));
        while (!writing.IsCompleted)
        {
            await Task.Yield();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await Assert.ThrowsAsync<SandboxException>(() => writing);
        Assert.NotEmpty(await sandbox.Ended.WaitAsync(Generous));
    }

    [Fact]
    public async Task Running_FileNeverAnswered_EndsAtTheDeadline()
    {
        var sandbox = await ConnectedAsync();
        var reading = sandbox.ReadFileAsync("x", 10, CancellationToken.None);
        await ReceiveAsync(Opcode.ReadFile);
        await TimersAsync(1);
        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.Contains("stopped answering", (await Assert.ThrowsAsync<SandboxException>(() => reading.WaitAsync(Generous))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_FileLargerThanAsked_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        var reading = sandbox.ReadFileAsync("x", 10, CancellationToken.None);
        var stream = await ReceiveAsync(Opcode.ReadFile);
        await SendAsync(Opcode.Data, stream, new byte[11]);

        Assert.Contains("more than was asked for", (await Assert.ThrowsAsync<SandboxException>(() => reading.WaitAsync(Generous))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_ListingCountsMoreThanItHolds_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        var listing = sandbox.ListAsync(".", CancellationToken.None);
        var stream = await ReceiveAsync(Opcode.List);
        await SendAsync(Opcode.Data, stream, new PayloadWriter().Int32(1).Int64(0).Int32(0).Int32(int.MaxValue).Written.ToArray());
        await SendAsync(Opcode.Done, stream, new byte[8]);

        await Assert.ThrowsAsync<SandboxException>(() => listing.WaitAsync(Generous));
        Assert.Contains("counts more fields", await sandbox.Ended.WaitAsync(Generous), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_ErrorText_IsCutAndCleaned()
    {
        var sandbox = await ConnectedAsync();
        var reading = sandbox.ReadFileAsync("x", 10, CancellationToken.None);
        var stream = await ReceiveAsync(Opcode.ReadFile);
        await SendAsync(Opcode.Error, stream, new PayloadWriter().UInt16((ushort)GuestError.Failed).String("\u001b[31m" + new string('x', 5000)).Written.ToArray());

        var message = (await Assert.ThrowsAsync<SandboxFileException>(() => reading.WaitAsync(Generous))).Message;
        Assert.InRange(message.Length, 200, 400);
        Assert.DoesNotContain('\u001b', message);
    }

    [Fact]
    public async Task Running_ExitCodeOutOfRange_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        var running = sandbox.ShAsync("true");
        var stream = await ReceiveAsync(Opcode.Exec);
        await SendAsync(Opcode.Exited, stream, BitConverter.GetBytes(70_000));

        await Assert.ThrowsAsync<SandboxException>(() => running.WaitAsync(Generous));
    }

    [Fact]
    public async Task Running_DataAfterTheEnd_EndsTheSandbox()
    {
        var sandbox = await ConnectedAsync();
        var running = sandbox.ShAsync("true");
        var stream = await ReceiveAsync(Opcode.Exec);
        await SendAsync(Opcode.Exited, stream, BitConverter.GetBytes(0));
        await SendAsync(Opcode.Stdout, stream, [65]);

        Assert.Equal(0, (await running.WaitAsync(Generous)).ExitCode);
        Assert.Contains("no stream", await sandbox.Ended.WaitAsync(Generous), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_RandomBytes_NeverHurtTheHost()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            await using var place = new MemoryPlace();
            var random = new Random(seed);
            var sandbox = await ConnectedAsync(place);
            var running = sandbox.ShAsync("true");
            var stream = await ReceiveAsync(Opcode.Exec, place);
            for (var i = 0; i < 50 && !sandbox.Ended.IsCompleted; i++)
            {
                // Mostly well-formed frames with wild contents: pure noise dies at the first header.
                var payload = new byte[random.Next(200)];
                random.NextBytes(payload);
                var opcode = random.Next(3) == 0 ? (Opcode)random.Next(256) : random.GetItems([Opcode.Stdout, Opcode.Stderr, Opcode.Data, Opcode.Credit, Opcode.Error], 1)[0];
                await SendAsync(opcode, random.Next(5) == 0 ? (uint)random.Next() : stream, payload, place);
            }

            await place.GuestOut.DisposeAsync();
            await sandbox.Ended.WaitAsync(Generous);
            try
            {
                await running.WaitAsync(Generous);
            }
            catch (SandboxException)
            {
                // The only way in which it may fail.
            }

            await sandbox.DisposeAsync();
        }
    }

    private Task<GuestSandbox> ConnectAsync(MemoryPlace? place = null, CancellationToken cancellationToken = default) =>
        GuestSandbox.ConnectAsync("s", place ?? _place, new GuestSettings { Workspace = "/workspace", Environment = new Dictionary<string, string>() }, _time, cancellationToken);

    private async Task<GuestSandbox> ConnectedAsync(MemoryPlace? place = null)
    {
        var connecting = ConnectAsync(place);
        await SendAsync(Opcode.Hello, 0, Hello(1, 1), place);
        await ReceiveAsync(Opcode.Welcome, place);
        await ReceiveAsync(Opcode.Ping, place);
        await SendAsync(Opcode.Pong, 0, [], place);
        return await connecting.WaitAsync(Generous);
    }

    private static byte[] Hello(ushort lowest, ushort highest) =>
        new PayloadWriter().Int32(unchecked((int)GuestProtocol.Magic)).UInt16(lowest).UInt16(highest).Int64(3).Written.ToArray();

    private async Task SendAsync(Opcode opcode, uint stream, byte[] payload, MemoryPlace? place = null)
    {
        var frame = new byte[FrameHeader.Size + payload.Length];
        new FrameHeader(payload.Length, stream, opcode, 0).Write(frame);
        payload.CopyTo(frame, FrameHeader.Size);
        try
        {
            await (place ?? _place).GuestOut.WriteAsync(frame).AsTask().WaitAsync(Generous);
            await (place ?? _place).GuestOut.FlushAsync().WaitAsync(Generous);
        }
        catch (InvalidOperationException)
        {
            // The host has closed its end.
        }
    }

    private Task SendRawAsync(params byte[][] parts) => _place.GuestOut.WriteAsync(parts.SelectMany(part => part).ToArray()).AsTask();

    private async Task<uint> ReceiveAsync(Opcode expected, MemoryPlace? place = null)
    {
        var header = new byte[FrameHeader.Size];
        await (place ?? _place).GuestIn.ReadExactlyAsync(header).AsTask().WaitAsync(Generous);
        var frame = FrameHeader.Read(header);
        await (place ?? _place).GuestIn.ReadExactlyAsync(new byte[frame.Length]).AsTask().WaitAsync(Generous);
        Assert.Equal(expected, frame.Opcode);
        return frame.Stream;
    }

    private async Task TimersAsync(int atLeast)
    {
        while (_time.ArmedTimers < atLeast)
        {
            await Task.Yield();
        }
    }
}
