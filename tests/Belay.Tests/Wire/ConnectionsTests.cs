using System.Collections.Concurrent;
using System.Net.Sockets;
using Belay.Server.Wire;
using Microsoft.Extensions.Logging;

namespace Belay.Tests.Wire;

public sealed class ConnectionsTests
{
    private const string Health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

    [Fact]
    public async Task Full_OldestStrangerLeavesAtOnce()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MaxConnections = 2 });
        // Whoever has an answer has been met; connections that begin together are met in any order.
        using var first = await RawConnection.OpenAsync(server);
        await first.SendAsync(Health);
        await first.ReadAsync();
        using var second = await RawConnection.OpenAsync(server);
        using var third = await RawConnection.OpenAsync(server);

        await first.ClosedAsync();

        await second.SendAsync(Health);
        await third.SendAsync(Health);
        Assert.StartsWith("HTTP/1.1 200 ", await second.ReadAsync(), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await third.ReadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Full_WhoeverHasSignedStays(bool statesTheHash)
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MaxConnections = 2 });
        using var signed = await RawConnection.OpenAsync(server);
        await GetAsync(server, signed, statesTheHash);

        for (var i = 0; i < 5; i++)
        {
            using var stranger = await RawConnection.OpenAsync(server);
            await stranger.SendAsync(Health);
            await stranger.ReadAsync();
            using var slow = await RawConnection.OpenAsync(server);
            await slow.SendAsync("POST /harnesses HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n");
            await stranger.ClosedAsync();
        }

        await GetAsync(server, signed, statesTheHash);
    }

    [Fact]
    public async Task Full_WhoSendsABodySlowlyLeaves_AndIsNoErrorOfOurs()
    {
        var log = new ErrorLog();
        await using var server = await WireServer.StartAsync(new WireSettings { MaxConnections = 1 }, compose: parts => parts with { Logging = log });
        using var request = server.Request(HttpMethod.Post, "/harnesses", null);
        new Belay.Testing.Clients.SigV4(server.Key.Id, server.Key.Secret, "us-west-2", TimeProvider.System).Sign(request, []);
        for (var i = 0; i < 20; i++)
        {
            using var slow = await RawConnection.OpenAsync(server);
            await slow.SendAsync(RawConnection.Head(request, "Content-Length: 1000", "Expect: 100-continue"));
            Assert.StartsWith("HTTP/1.1 100 ", await slow.ReadAsync(), StringComparison.Ordinal);
            using var next = await RawConnection.OpenAsync(server);
            await slow.ClosedAsync();
        }

        await server.StopAsync();
        Assert.Empty(log.Errors);
    }

    [Fact]
    public async Task Full_OfThoseWhoSigned_TheIdleLeaveAndTheBusyStay()
    {
        var started = new TaskCompletionSource();
        var finish = new TaskCompletionSource();
        await using var server = await WireServer.StartAsync(new WireSettings { MaxConnections = 1 }, async (call, _) =>
        {
            started.SetResult();
            await finish.Task;
            await call.RespondAsync(204);
        });
        using var busy = await RawConnection.OpenAsync(server);
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, null);
        server.Sign(request, []);
        await busy.SendAsync(RawConnection.Head(request, "Content-Length: 0"));
        await started.Task;

        try
        {
            using var refused = await RawConnection.OpenAsync(server);
            await refused.ClosedAsync();
        }
        catch (SocketException)
        {
            // Closed so soon that even the connect has seen it.
        }

        finish.SetResult();
        Assert.StartsWith("HTTP/1.1 204 ", await busy.ReadAsync(), StringComparison.Ordinal);
        var served = await Belay.Testing.Clients.Eventually.GetAsync("the place of the idle connection is free", async () =>
        {
            try
            {
                using var next = await RawConnection.OpenAsync(server);
                await next.SendAsync(Health);
                return await next.ReadAsync() is { Length: > 0 } answer ? answer : null;
            }
            catch (Exception cause) when (cause is IOException or SocketException)
            {
                return null;
            }
        }, CancellationToken.None);
        Assert.StartsWith("HTTP/1.1 200 ", served, StringComparison.Ordinal);
        await busy.ClosedAsync();
    }

    [Theory]
    [InlineData(10_000, 20_000, 10_000)]
    [InlineData(10_000, 1_024, 768)]
    [InlineData(10_000, 256, 128)]
    [InlineData(10_000, 64, 1)]
    [InlineData(10, 20_000, 10)]
    [InlineData(10_000, null, 10_000)]
    public void FilesAreKeptForOthers(int wanted, int? files, int connections) => Assert.Equal(connections, OpenFiles.Connections(wanted, files));

    private sealed class ErrorLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = [];

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Errors.Enqueue($"{formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }

    private static async Task GetAsync(WireServer server, RawConnection connection, bool statesTheHash)
    {
        using var request = server.Request(HttpMethod.Get, "/harnesses", null);
        if (statesTheHash)
        {
            server.Sign(request, []);
        }
        else
        {
            new Belay.Testing.Clients.SigV4(server.Key.Id, server.Key.Secret, "us-west-2", TimeProvider.System).Sign(request, []);
        }

        await connection.SendAsync(RawConnection.Head(request));
        Assert.StartsWith("HTTP/1.1 200 ", await connection.ReadAsync(), StringComparison.Ordinal);
    }
}
