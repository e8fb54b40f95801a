using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Server.Auth;
using Belay.Server.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Tests.Sessions;

/// <summary>How long a channel lives: over a connection in memory, with its clock in the test's hand.</summary>
public sealed class ChannelLifeTests : IAsyncDisposable
{
    private const int Turns = 40;
    private const int ConnectionBytes = 32 * 1024;
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(60);

    private readonly EngineWorld _world = new();
    private readonly ManualTime _time = new();
    private readonly Subscriptions _subscriptions = new();
    private CountingJournal? _journal;
    private Func<CancellationToken, ValueTask<bool>> _isStillGood = _ => new(true);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync()
    {
        _subscriptions.Dispose();
        return _world.DisposeAsync();
    }

    [Fact]
    public async Task ReaderThatDoesNotRead_CostsTheServerOneEvent_IsToldWhy_AndGoesOnWithoutLoss()
    {
        var all = await FillAsync();
        var (client, run) = Open(null);

        // 1. The connection is full: the server waits with one event in its hand, and reads no further.
        await TimersAsync(2);
        var read = _journal!.Read;
        Assert.True(read < Turns, $"{read} entries were read for a client that takes none");
        _time.Advance(WriteTimeout - TimeSpan.FromSeconds(1));
        Assert.False(run.IsCompleted);
        Assert.Equal(read, _journal.Read);

        // 2. Its time is over. It wakes up, and finds what was sent, and why there is no more.
        _time.Advance(TimeSpan.FromSeconds(1));
        var seen = await HearAsync(client);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, client.CloseStatus);
        Assert.StartsWith("The client does not read", client.CloseStatusDescription, StringComparison.Ordinal);
        await run;
        Assert.True(seen.Count < all.Count / 2, "it was sent more than it had room for");

        // 3. It comes back with what it has.
        await _subscriptions.CloseAsync();
        (client, run) = Open(seen[^1]);
        seen.AddRange(await HearAsync(client));
        await run;
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, client.CloseStatus);
        Assert.Equal(all, seen);
    }

    [Fact]
    public async Task ReaderThatNeverWakesUp_IsLetGoAllTheSame()
    {
        await FillAsync();
        var (client, run) = Open(null);
        await TimersAsync(2);

        await Eventually.TrueAsync(
            "the channel is over",
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return Task.FromResult(run.IsCompleted);
            },
            Token);
        await run;

        await Assert.ThrowsAsync<WebSocketException>(() => HearAsync(client));
    }

    [Theory]
    [InlineData(false, "key")]
    [InlineData(true, "key")]
    [InlineData(true, "token")]
    [InlineData(true, "end")]
    public async Task KeyOrTokenThatIsTakenAway_ClosesIt_WithinAQuarterOfAMinute(bool byToken, string taken)
    {
        // 1. The real keys and tokens of a server.
        using var directory = new TemporaryDirectory();
        var keys = AccessKeys.Open(directory.Path, MasterKey.FromBytes(new byte[32]), _time, new SeededIdSource(1));
        var key = keys.Create(EngineWorld.Scope.Account, null);
        using var tokens = new BearerTokens(new InMemoryDocumentStore(), keys, _time, new SeededIdSource(2));
        var (token, _) = await tokens.CreateAsync(EngineWorld.Scope, key.Id, null, taken == "end" ? TimeSpan.FromSeconds(20) : TimeSpan.FromDays(1), Token);
        var authenticator = new RequestAuthenticator(new SigV4Verifier(keys, _time), keys, tokens, new Tickets(_time, new SeededIdSource(3)));
        var caller = new Caller(EngineWorld.Scope, key.Id) { TokenId = byToken ? token.TokenId : null };
        _isStillGood = asked => authenticator.IsStillGoodAsync(caller, asked);
        var (client, run) = Open(null);

        // 2. While they are good it stays.
        await PassAsync(ServerSentEvents.KeepAlive);
        await TimersAsync(1);
        Assert.False(run.IsCompleted);

        // 3. Once one is gone it is not asked a second time.
        Assert.True(taken switch
        {
            "key" => keys.Delete(key.Id),
            "token" => await tokens.DeleteAsync(EngineWorld.Scope.Account, token.TokenId, Token),
            _ => true,
        });
        await PassAsync(TimeSpan.FromSeconds(15));

        Assert.Empty(await HearAsync(client));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, client.CloseStatus);
        Assert.Contains("revoked", client.CloseStatusDescription, StringComparison.Ordinal);
        await run;
    }

    [Fact]
    public async Task SilentChannel_IsClosedAfterItsIdleTime()
    {
        var (client, run) = Open(null);
        await PassAsync(Channel.Idle - ServerSentEvents.KeepAlive);
        await TimersAsync(1);
        Assert.False(run.IsCompleted);

        await PassAsync(ServerSentEvents.KeepAlive);

        Assert.Empty(await HearAsync(client));
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        await run;
    }

    [Fact]
    public async Task SilentChannel_StaysWhileAnInvocationRuns()
    {
        _world.Model.Hang();
        await using var accepted = await _world.StartAsync(_world.Request(EngineWorld.User("Hi")));
        var (client, run) = Open("1000");
        await PassAsync(Channel.Idle * 2);
        await TimersAsync(1);
        Assert.False(run.IsCompleted);

        await _world.Host.StopAsync(_world.Key, null, Token);
        await EngineWorld.ReadAsync(accepted);
        await PassAsync(ServerSentEvents.KeepAlive);

        await HearAsync(client);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        await run;
    }

    // In steps of the watch, each of which is over before the next.
    private async Task PassAsync(TimeSpan time)
    {
        for (; time > TimeSpan.Zero; time -= ServerSentEvents.KeepAlive)
        {
            await TimersAsync(1);
            _time.Advance(ServerSentEvents.KeepAlive);
        }
    }

    // One is the watch, a second one a send that waits.
    private Task TimersAsync(int armed) => Eventually.TrueAsync($"the channel waits for {armed} timers", () => Task.FromResult(_time.ArmedTimers == armed), Token);

    private async Task<List<string>> FillAsync()
    {
        var fold = new SessionEvents();
        for (var i = 0; i < Turns; i++)
        {
            _world.Model.Say(new string('x', 20_000));
            await _world.InvokeAsync(EngineWorld.User("Hi"));
        }

        return [.. (await _world.EntriesAsync()).SelectMany((body, i) => fold.Apply(new(i + 1, default, body))).Select(told => told.WireId!)];
    }

    private (WebSocket Client, Task Run) Open(string? after)
    {
        var (near, far) = ConnectedStream.Create(ConnectionBytes);
        var reader = new SessionReader(_journal = new(_world.Journal), _world.Sealer, _world.Host.Look, new());
        var events = new SessionEventStreams(reader, _world.Host.Listen, _world.Host.Outputs);
        var catalog = new HarnessCatalog(new InMemoryDocumentStore(), MasterKey.FromBytes(new byte[32]), new(), _time, new SeededIdSource(1));
        var operation = new Operation("OpenChannel", HttpMethods.Get, "/channel", Operation.ControlBodyBytes, (_, _) => Task.CompletedTask);
        var call = new OperationCall(new DefaultHttpContext(), operation, new(EngineWorld.Scope, "key"), "request", new Dictionary<string, string>(), default)
        {
            WriteTimeout = WriteTimeout,
            Time = _time,
            IsStillGoodAsync = _isStillGood,
        };
        var channel = new Channel(
            new(catalog, _world.Resolver, _world.Host, reader, events, _subscriptions, _time),
            call,
            WebSocket.CreateFromStream(far, new WebSocketCreationOptions { IsServer = true }),
            _world.Key,
            _world.Harness.Arn,
            new() { HarnessId = _world.Harness.HarnessId, SessionId = EngineWorld.SessionId, After = after });
        return (WebSocket.CreateFromStream(near, new WebSocketCreationOptions()), channel.RunAsync(Token));
    }

    // The ids of what comes until it is closed, which is answered.
    private static async Task<List<string>> HearAsync(WebSocket client)
    {
        var heard = new List<string>();
        using var message = new MemoryStream();
        var part = new byte[8192];
        while (true)
        {
            var read = await client.ReceiveAsync(part.AsMemory(), Token);
            if (read.MessageType == WebSocketMessageType.Close)
            {
                await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Token);
                return heard;
            }

            message.Write(part, 0, read.Count);
            if (read.EndOfMessage)
            {
                heard.Add(JsonElement.Parse(message.ToArray()).GetProperty("id").GetString()!);
                message.SetLength(0);
            }
        }
    }

    /// <summary>Counts the entries that are read.</summary>
    private sealed class CountingJournal(IJournal inner) : IJournal
    {
        private int _read;

        public int Read => Volatile.Read(ref _read);

        public async IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var entry in inner.ReadAsync(session, afterSequence, cancellationToken))
            {
                Interlocked.Increment(ref _read);
                yield return entry;
            }
        }

        public Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken) => inner.TakeAsync(session, owner, cancellationToken);

        public Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken) =>
            inner.AppendAsync(lease, entries, durability, cancellationToken);

        public Task SyncAsync(SessionLease lease, CancellationToken cancellationToken) => inner.SyncAsync(lease, cancellationToken);

        public Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken) => inner.FindAsync(session, cancellationToken);

        public IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, CancellationToken cancellationToken) =>
            inner.ListAsync(scope, harnessId, after, cancellationToken);

        public IAsyncEnumerable<SessionRow> ListUnfinishedAsync(CancellationToken cancellationToken) => inner.ListUnfinishedAsync(cancellationToken);

        public IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, CancellationToken cancellationToken) => inner.ReadFeedAsync(scope, query, cancellationToken);

        public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => inner.NextAsync(scope, session, cancellationToken);

        public Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken) => inner.ReleaseAsync(lease, cancellationToken);
    }
}
