using System.Buffers.Binary;
using Belay.Server.Wire;

namespace Belay.Tests.Wire;

public sealed class Http2Tests
{
    private const int MaxConcurrentStreams = 3;
    private const int InitialWindowSize = 4;

    [Fact]
    public async Task Cleartext_HasNoHttp2()
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        await connection.SendAsync(Http2Connection.Frame(Http2Connection.Settings, 0, 0, []));

        var answer = await connection.ReadAsync();
        Assert.DoesNotContain("200", answer, StringComparison.Ordinal);
        await connection.ClosedAsync();
    }

    [Fact]
    public async Task Settings_SayTheBounds()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MaxStreams = 7 }, tls: true);
        using var connection = await Http2Connection.OpenAsync(server);

        var frame = await connection.ReadAsync(Http2Connection.Settings);

        var settings = frame!.Value.Payload.Chunk(6).ToDictionary(one => BinaryPrimitives.ReadInt16BigEndian(one), one => BinaryPrimitives.ReadInt32BigEndian(one.AsSpan(2)));
        Assert.Equal((7, 256 * 1024), (settings[MaxConcurrentStreams], settings[InitialWindowSize]));
    }

    [Fact]
    public async Task RapidReset_EndsTheConnection_WithABoundedNumberOfRequestsAtWork()
    {
        using var entered = new SemaphoreSlim(0);
        var release = new TaskCompletionSource();
        await using var server = await WireServer.StartAsync(
            new WireSettings { MaxStreams = 50 },
            async (_, _) =>
            {
                // Like work that cannot be cancelled at once.
                entered.Release();
                await release.Task;
            },
            tls: true);
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, null);
        server.Sign(request, []);
        var headers = Http2Connection.HeadersOf(request);
        using var connection = await Http2Connection.OpenAsync(server);

        // 1. Twice as many as may be open at a time come to work, since each is reset when it does.
        var stream = 1;
        for (; stream < 200; stream += 2)
        {
            await connection.SendAsync(Http2Connection.Request(stream, headers));
            Assert.True(await entered.WaitAsync(TimeSpan.FromSeconds(60)));
            await connection.SendAsync(Http2Connection.Reset(stream));
        }

        // 2. What follows is refused, and soon the whole connection. Its goodbye may be lost with what was still on the way.
        var ended = false;
        for (; stream < 2_000 && !ended; stream += 2)
        {
            (byte Type, byte[] Payload)? frame = null;
            try
            {
                await connection.SendAsync([
                    .. Http2Connection.Request(stream, headers), .. Http2Connection.Reset(stream), .. Http2Connection.Frame(Http2Connection.Ping, 0, 0, new byte[8])]);
                frame = await connection.ReadAsync(Http2Connection.Ping, Http2Connection.GoAway);
            }
            catch (IOException)
            {
                // Cut while it was being sent.
            }

            ended = frame is not { Type: Http2Connection.Ping };
            if (frame is { Type: Http2Connection.GoAway } goodbye)
            {
                Assert.Equal(Http2Connection.EnhanceYourCalm, BinaryPrimitives.ReadInt32BigEndian(goodbye.Payload.AsSpan(4)));
            }
        }

        Assert.True(ended);
        Assert.Equal(0, entered.CurrentCount);
        release.SetResult();
    }
}
