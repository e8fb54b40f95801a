using System.Globalization;
using System.Text.Json;
using Belay.Identity;
using Belay.Server.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Tests.Wire;

namespace Belay.Tests.Sessions;

/// <summary>The two streams of server-sent events, over a socket.</summary>
public sealed class SessionStreamTests : IAsyncLifetime
{
    // More than the cuts of a test: a reader that left is noticed a moment later.
    private const int MostStreams = 80;

    private readonly EngineWorld _world = new();
    private readonly Subscriptions _subscriptions = new(MostStreams);
    private WireServer _server = null!; // Set before every test.
    private SessionJournal _writer = null!; // As above.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Journal => $"/belay/v1/harnesses/{_world.Harness.HarnessId}/sessions/{EngineWorld.SessionId}/journal";

    public async ValueTask InitializeAsync()
    {
        var reader = new SessionReader(_world.Journal, _world.Sealer, _ => SessionActivity.Absent, new());
        _server = await WireServer.StartAsync(compose: parts => parts with
        {
            Operations = [.. JournalEndpoints.Operations(reader, new(reader), _subscriptions, _world.Time)],
            DrainAsync = _ => _subscriptions.CloseAsync(),
        });
        _writer = await SessionJournal.OpenAsync(_world.Journal, _world.Sealer, _world.Time, _world.Key, "writer", Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await _server.DisposeAsync();
        await _world.DisposeAsync();
        _subscriptions.Dispose();
    }

    [Fact]
    public async Task WithoutFollow_EndsAtTheTail_AndJoinsForeignLines()
    {
        await _writer.AppendAsync([new CommandIntent("c", "ls", 1), new ToolIntent("i", "u", "t", "s", JsonElement.Parse("{\"a\":\r\n[1,\n2]}"), "run")], Durability.Synced, Token);

        var events = await ReadAsync(Journal + "?follow=false").ToListAsync(Token);

        Assert.Equal(["1 entry CommandIntent", "2 entry ToolIntent"], events.Select(one => $"{one.Id} {one.Name} {one.Data.GetProperty("kind").GetString()}"));
        Assert.Equal(2, events[1].Data.GetProperty("body").GetProperty("input").GetProperty("a")[1].GetInt32());
    }

    [Theory]
    [InlineData("journal")]
    [InlineData("logs")]
    public async Task CutAtEveryEvent_UnderAppends_NothingIsLostOrRepeated(string what)
    {
        const int Count = 60;
        var target = what == "journal" ? Journal : "/belay/v1/logs?level=debug";
        await AppendAsync(1, 1);
        var appending = AppendAsync(2, Count - 1);
        var (seen, last) = (new List<long>(), (string?)null);
        while (seen.Count < Count)
        {
            await foreach (var one in ReadAsync(target, last))
            {
                seen.Add(one.Data.GetProperty("sequence").GetInt64());
                last = one.Id;
                break;
            }
        }

        await appending;
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (long)i), seen);
        await Eventually.TrueAsync("readers that left are forgotten", () => Task.FromResult(_subscriptions.Count == 0 && _world.Journal.Waiting == 0), Token);
    }

    [Theory]
    [InlineData("journal")]
    [InlineData("logs")]
    public async Task Followers_SeeWhatIsAppended_UntilTheServerStops(string what)
    {
        var target = what == "journal" ? Journal : "/belay/v1/logs?level=debug";
        await AppendAsync(1, 3);
        var caughtUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = FollowAsync();
        await caughtUp.Task;
        await AppendAsync(4, 5);
        var stopping = _server.StopAsync();

        Assert.Equal(Enumerable.Range(1, 8).Select(i => (long)i), await reading);
        await stopping;

        async Task<List<long>> FollowAsync()
        {
            var seen = new List<long>();
            await foreach (var one in ReadAsync(target))
            {
                seen.Add(one.Data.GetProperty("sequence").GetInt64());
                if (seen.Count == 3)
                {
                    caughtUp.SetResult();
                }
            }

            return seen;
        }
    }

    [Fact]
    public async Task Silence_IsBrokenByAComment()
    {
        await AppendAsync(1, 1);
        using var response = await SendAsync(Journal, null);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        Assert.Equal("retry: 2000", await lines.ReadLineAsync(Token));
        while (await lines.ReadLineAsync(Token) is not "id: 1")
        {
        }

        await Eventually.TrueAsync("the server waits", () => Task.FromResult(_world.Time.ArmedTimers > 0), Token);
        _world.Time.Advance(ServerSentEvents.KeepAlive);

        while (await lines.ReadLineAsync(Token) is not ": keep-alive")
        {
        }

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task KeyThatIsDeleted_EndsItsStreams(bool silent)
    {
        await AppendAsync(1, 1);
        using var response = await SendAsync(Journal, null);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        while (await lines.ReadLineAsync(Token) is not "id: 1")
        {
        }

        await Eventually.TrueAsync("the server waits", () => Task.FromResult(_world.Time.ArmedTimers > 0), Token);
        var id = _server.Key.Id;
        _server.Keys.Create("000000000000", null);
        _server.Keys.DeleteUnlessLast(id);
        _world.Time.Advance(ServerSentEvents.KeepAlive);
        if (!silent)
        {
            await AppendAsync(2, 2);
        }

        var rest = await lines.ReadToEndAsync(Token);
        Assert.Contains("event: error\n", rest, StringComparison.Ordinal);
        Assert.Contains("AccessDeniedException", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("id: 2", rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FaultInTheStream_IsAnEvent()
    {
        await AppendAsync(1, 2);
        var row = (await _world.Journal.FindAsync(_world.Key, Token))!; // Just written.
        var key = (await _world.Sealer.LookUpAsync(EngineWorld.Scope, ISealer.Account, Token))!; // As above.
        var header = new EntryChain(_world.Key).Header(3, row.LastActivityAt, (EntryKind)999, null, key.KeyId, row.LastHash.Span);
        var body = _world.Sealer.Seal(key, "{}"u8, header);
        var lease = await _world.Journal.TakeAsync(_world.Key, "writer", Token);
        await _world.Journal.AppendAsync(lease, [new(3, row.LastActivityAt, (EntryKind)999, null, key.KeyId, row.LastHash, EntryChain.Hash(header, body), body)], Durability.Synced, Token);

        var events = await ReadAsync(Journal).ToListAsync(Token);

        Assert.Equal(["entry", "entry", "error"], events.Select(one => one.Name));
        Assert.Equal("ValidationException", events[2].Data.GetProperty("__type").GetString());
        Assert.Contains("newer version", events[2].Data.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    public async Task LastEventId_ThatIsNone_IsRefusedBeforeTheStream(string id)
    {
        await AppendAsync(1, 1);
        foreach (var target in new[] { Journal, "/belay/v1/logs" })
        {
            using var response = await SendAsync(target, id);
            Assert.Equal(400, (int)response.StatusCode);
            Assert.Contains("lastEventId", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task LastEventId_WinsOverAfter()
    {
        await AppendAsync(1, 5);

        Assert.Equal(["5"], await ReadAsync(Journal + "?after=1&follow=false", "4").Select(one => one.Id).ToListAsync(Token));
    }

    [Fact]
    public async Task TooManyStreams_AreRefused()
    {
        await AppendAsync(1, 1);
        var open = new List<HttpResponseMessage>();
        for (var i = 0; i < MostStreams; i++)
        {
            open.Add(await SendAsync(Journal, null));
        }

        using (var refused = await SendAsync("/belay/v1/logs", null))
        {
            Assert.Equal(429, (int)refused.StatusCode);
        }

        open.ForEach(response => response.Dispose());
        await Eventually.TrueAsync("readers that left are forgotten", () => Task.FromResult(_subscriptions.Count == 0 && _world.Journal.Waiting == 0), Token);
    }

    private async Task AppendAsync(int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            await _writer.AppendAsync([new CommandIntent(i.ToString(CultureInfo.InvariantCulture), "ls", 1)], i % 3 == 0 ? Durability.Synced : Durability.Queued, Token);
            await Task.Yield();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(string target, string? lastEventId)
    {
        using var request = _server.Request(HttpMethod.Get, target, json: null);
        request.Headers.Add("Accept", "text/event-stream");
        _server.Sign(request, []);
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        return await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    private async IAsyncEnumerable<ServerSentEventReader.Event> ReadAsync(string target, string? lastEventId = null)
    {
        using var response = await SendAsync(target, lastEventId);
        Assert.Equal(200, (int)response.StatusCode);
        await foreach (var one in ServerSentEventReader.ReadAsync(await response.Content.ReadAsStreamAsync(Token), Token))
        {
            yield return one;
        }
    }
}
