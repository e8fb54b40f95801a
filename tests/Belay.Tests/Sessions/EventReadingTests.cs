using System.Text.Json;
using Belay.Server.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Tests.Wire;

namespace Belay.Tests.Sessions;

/// <summary>ReadEvents over a socket: pages, and the stream with its ids.</summary>
public sealed class EventReadingTests : IAsyncLifetime
{
    private readonly EngineWorld _world = new();
    private readonly Subscriptions _subscriptions = new(200);
    private WireServer _server = null!; // Set before every test.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Events => $"/belay/v1/harnesses/{_world.Harness.HarnessId}/sessions/{EngineWorld.SessionId}/events";

    public async ValueTask InitializeAsync()
    {
        var reader = new SessionReader(_world.Journal, _world.Sealer, _world.Host.Look, new());
        _server = await WireServer.StartAsync(compose: parts => parts with
        {
            Operations = [.. EventEndpoints.Operations(reader, new(reader, _world.Host.Listen, _world.Host.Outputs), _subscriptions, _world.Time)],
            DrainAsync = _ => _subscriptions.CloseAsync(),
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _world.DisposeAsync();
        _subscriptions.Dispose();
    }

    [Fact]
    public async Task CutAtEveryEvent_WhileTheTurnRuns_NothingIsLostOrRepeated()
    {
        _world.Model.Call(("a1", "shell", """{"command":"echo one"}"""), ("a2", "shell", """{"command":"exit 3"}""")).Call(("b1", "shell", """{"command":"echo two"}""")).Say("Do", "ne.");
        await using var accepted = await _world.StartAsync(_world.Request(EngineWorld.User("Go")));
        var (seen, last, name) = (new List<string>(), (string?)null, "");
        while (name != "invocationEnded")
        {
            var one = await ReadAsync(Events, last).FirstAsync(Token);
            (last, name) = (one.Id, one.Name);
            seen.Add(one.Data.GetRawText());
        }

        var undisturbed = await ReadAsync(Events + "?follow=false").ToListAsync(Token);
        Assert.Equal(undisturbed.Select(one => one.Data.GetRawText()), seen);
        Assert.All(undisturbed, one => Assert.Equal((one.Id, one.Name), (one.Data.GetProperty("id").GetString(), one.Data.GetProperty("type").GetString())));
        await Eventually.TrueAsync("readers that left are forgotten", () => Task.FromResult(_subscriptions.Count == 0 && _world.Journal.Waiting == 0), Token);
    }

    [Fact]
    public async Task Pages_HoldWhatTheStreamTells()
    {
        _world.Model.Call(("a1", "shell", """{"command":"echo one"}""")).Say("Do", "ne.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        var (paged, after) = (new List<string>(), "0");
        while (after is not null)
        {
            using var request = _server.Request(HttpMethod.Get, $"{Events}?maxResults=3&after={after}", json: null);
            _server.Sign(request, []);
            using var response = await _server.Http.SendAsync(request, Token);
            var page = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));
            paged.AddRange(page.GetProperty("events").EnumerateArray().Select(one => one.GetRawText()));
            after = page.TryGetProperty("nextAfter", out var next) ? next.GetString() : null;
        }

        Assert.Equal(await ReadAsync(Events + "?follow=false").Select(one => one.Data.GetRawText()).ToListAsync(Token), paged);
    }

    [Fact]
    public async Task LastEventId_WinsOverAfter_AndBothTakeAnEntryAlone()
    {
        _world.Model.Say("Do", "ne.");
        await _world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal("2.1", (await ReadAsync(Events + "?after=1", "2.0").FirstAsync(Token)).Id);
        Assert.Equal("4.0", (await ReadAsync(Events + "?after=2").FirstAsync(Token)).Id);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1.")]
    [InlineData("1.2.3")]
    [InlineData("99999999999999999999.0")]
    public async Task IdThatIsNone_IsRefusedBeforeTheStream(string id)
    {
        _world.Model.Say("Done.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        using var response = await SendAsync(Events, id);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("lastEventId", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SessionThatDoesNotExist_IsNotFound()
    {
        using var response = await SendAsync(Events, null);

        Assert.Equal(404, (int)response.StatusCode);
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
