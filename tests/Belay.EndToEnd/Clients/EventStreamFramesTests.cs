using Belay.Testing.Clients;

namespace Belay.EndToEnd.Clients;

/// <summary>The reader that the tests trust, against two frames known byte by byte.</summary>
public sealed class EventStreamFramesTests
{
    private const string MessageStart =
        "000000760000005296d5fade0d3a6d6573736167652d747970650700056576656e740b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b22726f6c65223a22617373697374616e74227d1cc6be18";

    [Fact]
    public async Task Frame_IsReadWithItsHeadersAndPayload()
    {
        using var stream = new MemoryStream(Convert.FromHexString(MessageStart + MessageStart));

        var frames = await EventStreamFrames.ReadAsync(stream, TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(2, frames.Count);
        Assert.All(frames, frame => Assert.Equal(("event", "messageStart", """{"role":"assistant"}"""), (frame.MessageType, frame.Type, frame.Payload.ToJsonString())));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(50)]
    [InlineData(100)]
    public async Task DamagedFrame_IsRefused(int position)
    {
        var bytes = Convert.FromHexString(MessageStart);
        bytes[position] ^= 1;
        using var stream = new MemoryStream(bytes);

        await Assert.ThrowsAsync<InvalidDataException>(
            async () => await EventStreamFrames.ReadAsync(stream, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }
}
