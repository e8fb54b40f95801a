using System.Buffers.Binary;
using Belay.Guest.Protocol;
using Belay.Sandboxes.Guest;

namespace Belay.Tests.Sandboxes.Guest;

/// <summary>The real guest, spoken to by hand.</summary>
public sealed class GuestProtocolTests : IAsyncLifetime
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);
    private ChildPlace _place = null!;

    public async ValueTask InitializeAsync()
    {
        var program = GuestProgram.Find(new Belay.Sandboxes.SandboxSettings().GuestDirectory);
        _place = await ChildPlace.StartAsync(
            Belay.Storage.IdSource.System.NewUuid(), program.Command(program.Directory, program.RuntimeDirectory ?? ""), "/dev/null", new(), Path.Join(TestDrivers.Data, "raw"), TimeProvider.System);
        var (hello, payload) = await ReceiveAsync();
        Assert.Equal((Opcode.Hello, 0u), (hello.Opcode, hello.Stream));
        Assert.Equal(GuestProtocol.Magic, BinaryPrimitives.ReadUInt32LittleEndian(payload));
        await SendAsync(Opcode.Welcome, 0, new PayloadWriter()
            .UInt16(GuestProtocol.Version).String("/tmp").Int32(0).Int32(0).Pairs(new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" }));
    }

    public ValueTask DisposeAsync() => _place.DisposeAsync();

    [Theory]
    [InlineData((byte)Opcode.ExecTerminal)]
    [InlineData((byte)Opcode.ResizeTerminal)]
    [InlineData((byte)Opcode.Stdin)]
    [InlineData((byte)Opcode.ForwardPort)]
    [InlineData((byte)Opcode.Watch)]
    [InlineData((byte)Opcode.SetClock)]
    [InlineData((byte)Opcode.Reseed)]
    [InlineData((byte)250)]
    public async Task Reserved_IsAnsweredAsUnsupported(byte opcode)
    {
        await SendAsync((Opcode)opcode, 1, new PayloadWriter().String("x"));

        var (frame, payload) = await ReceiveAsync();
        Assert.Equal((Opcode.Error, 1u), (frame.Opcode, frame.Stream));
        Assert.Equal((ushort)GuestError.Unsupported, BinaryPrimitives.ReadUInt16LittleEndian(payload));

        // And it goes on serving.
        await SendAsync(Opcode.Ping, 0, new PayloadWriter().Int32(7));
        (frame, payload) = await ReceiveAsync();
        Assert.Equal((Opcode.Pong, 7), (frame.Opcode, BinaryPrimitives.ReadInt32LittleEndian(payload)));
    }

    [Fact]
    public async Task Signal_ReachesTheCommand()
    {
        await SendAsync(Opcode.Exec, 1, Exec("sh", "-c", "trap 'echo got; exit 5' USR1; echo ready; while true; do sleep 0.05; done"));
        Assert.Equal(Opcode.Stdout, (await ReceiveAsync()).Header.Opcode);
        await SendAsync(Opcode.Signal, 1, new PayloadWriter().Int32(10));
        Assert.Equal(Opcode.Stdout, (await ReceiveAsync()).Header.Opcode);

        var (frame, payload) = await ReceiveAsync();
        Assert.Equal((Opcode.Exited, 5), (frame.Opcode, BinaryPrimitives.ReadInt32LittleEndian(payload)));
    }

    [Fact]
    public async Task Output_StopsWhereCreditEnds()
    {
        await SendAsync(Opcode.Exec, 1, Exec("cat", "/dev/zero"));
        long received = 0;
        while (received + GuestProtocol.FrameCost < GuestProtocol.Window)
        {
            received += (await ReceiveAsync()).Payload.Length + GuestProtocol.FrameCost;
        }

        Assert.InRange(received, 1, GuestProtocol.Window);

        // No more comes, though it answers at once.
        await SendAsync(Opcode.Ping, 0, new PayloadWriter().Int32(1));
        Assert.Equal(Opcode.Pong, (await ReceiveAsync()).Header.Opcode);
        await SendAsync(Opcode.Credit, 1, new PayloadWriter().Int32(1000));
        Assert.InRange((await ReceiveAsync()).Payload.Length, 1, 1000 + GuestProtocol.FrameCost);
        await SendAsync(Opcode.Cancel, 1, new PayloadWriter());
        await SendAsync(Opcode.Credit, 1, new PayloadWriter().Int32(1 << 20));
        Frame last;
        do
        {
            var (header, payload) = await ReceiveAsync();
            last = new Frame(header.Opcode, payload);
        }
        while (last.Opcode == Opcode.Stdout);
        Assert.Equal((Opcode.Exited, 137), (last.Opcode, BinaryPrimitives.ReadInt32LittleEndian(last.Payload.Span)));
    }

    [Fact]
    public async Task Children_InheritNothingOfTheChannel()
    {
        await SendAsync(Opcode.Exec, 1, Exec("ls", "-l", "/proc/self/fd"));
        var (_, listing) = await ReceiveAsync();

        var descriptors = System.Text.Encoding.UTF8.GetString(listing).Split('\n').Where(line => line.Contains("->", StringComparison.Ordinal)).ToList();
        Assert.True(descriptors.Count == 4, string.Join('\n', descriptors));
        Assert.EndsWith("0 -> /dev/null", descriptors[0], StringComparison.Ordinal);
        Assert.Contains("pipe:", descriptors[1], StringComparison.Ordinal);
        Assert.Contains("pipe:", descriptors[2], StringComparison.Ordinal);
        Assert.Contains("/proc/", descriptors[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task HostBreaksTheProtocol_GuestLeaves()
    {
        await _place.ToGuest.WriteAsync(new byte[] { 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0 });
        await _place.ToGuest.FlushAsync();

        Assert.Equal(0, await _place.FromGuest.ReadAsync(new byte[1]).AsTask().WaitAsync(Generous));
    }

    private static PayloadWriter Exec(params string[] command) =>
        new PayloadWriter().Strings(command).String("").Pairs(new Dictionary<string, string>());

    private async Task SendAsync(Opcode opcode, uint stream, PayloadWriter payload)
    {
        var frame = new byte[FrameHeader.Size + payload.Written.Length];
        new FrameHeader(payload.Written.Length, stream, opcode, 0).Write(frame);
        payload.Written.CopyTo(frame.AsMemory(FrameHeader.Size));
        await _place.ToGuest.WriteAsync(frame);
        await _place.ToGuest.FlushAsync();
    }

    private async Task<(FrameHeader Header, byte[] Payload)> ReceiveAsync()
    {
        var header = new byte[FrameHeader.Size];
        await _place.FromGuest.ReadExactlyAsync(header).AsTask().WaitAsync(Generous);
        var frame = FrameHeader.Read(header);
        var payload = new byte[frame.Length];
        await _place.FromGuest.ReadExactlyAsync(payload).AsTask().WaitAsync(Generous);
        return (frame, payload);
    }
}
