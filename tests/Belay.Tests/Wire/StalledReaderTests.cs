using System.Text;
using Belay.Contracts;
using Belay.Server.Wire;
using Belay.Testing;
using Belay.Testing.Clients;

namespace Belay.Tests.Wire;

public sealed class StalledReaderTests
{
    private static readonly Dictionary<string, string> Large = new() { ["x"] = new string('a', 200_000) };

    [Fact]
    public async Task ClientThatStopsReading_IsCutAtTheDeadline_AndTheOperationEnds()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await WireServer.StartAsync(
            new WireSettings { WriteTimeout = TimeSpan.FromHours(1) },
            async (call, cancellationToken) =>
            {
                var written = 0;
                try
                {
                    var stream = await call.StartEventStreamAsync();
                    while (true)
                    {
                        await stream.WriteAsync("x", Large, BelayJson.Default.DictionaryStringString, cancellationToken);
                        written++;
                    }
                }
                finally
                {
                    ended.TrySetResult(written);
                }
            },
            parts => parts with { Time = time });
        using var connection = await RawConnection.OpenAsync(server, receiveBuffer: 4096);
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, null);
        server.Sign(request, [], at: time.GetUtcNow());
        await connection.SendAsync(RawConnection.Head(request, "Content-Length: 0"));

        // The socket's buffers are full when the writer waits for its deadline.
        await Eventually.TrueAsync("the stream stalls", () => Task.FromResult(time.ArmedTimers == 1), CancellationToken.None);
        Assert.False(ended.Task.IsCompleted);
        await Eventually.TrueAsync("the deadline ends it", () =>
        {
            time.Advance(TimeSpan.FromHours(1));
            return Task.FromResult(ended.Task.IsCompleted);
        }, CancellationToken.None);

        // What was held is what sockets buffer, not what the operation would have said.
        // On a machine that is busy it may wait at its first write already.
        Assert.InRange(await ended.Task, 0, 200);
        await connection.ClosedAsync();
    }

    [Fact]
    public async Task BodyIsNotHeldForAsLongAsItsStream()
    {
        var streaming = new TaskCompletionSource();
        var finish = new TaskCompletionSource();
        await using var server = await WireServer.StartAsync(new WireSettings { MaxBufferedBodyBytes = 150_000 }, async (call, _) =>
        {
            await call.StartEventStreamAsync();
            Assert.True(call.Body.IsEmpty);
            streaming.TrySetResult();
            await finish.Task;
        });
        var json = WireServer.Invocation(new string('a', 90_000));
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, json);
        server.Sign(request, Encoding.UTF8.GetBytes(json));
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await streaming.Task;

        Assert.Equal(400, (await server.SendAsync(HttpMethod.Post, "/harnesses", new string(' ', 90_000) + "{}")).Status);
        finish.SetResult();
    }
}
