using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Sessions;
using Belay.Testing.Clients;
using Belay.Tests.Wire;
using ServedChannel = Belay.Server.Sessions.Channel;

namespace Belay.Tests.Sessions;

/// <summary>The channel of a session on the real server, through a real WebSocket.</summary>
public sealed class ChannelTests : IAsyncLifetime
{
    private const string Session = "a-session-that-is-held-over-a-channel";

    private NativeServer _server = null!; // Set before every test.
    private string _harness = "";
    private string _token = "";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Channel => $"/belay/v1/harnesses/{_harness}/sessions/{Session}/channel";

    public async ValueTask InitializeAsync()
    {
        _server = await NativeServer.StartAsync();
        var made = await _server.SignedAsync(HttpMethod.Post, "/harnesses", """
            {"harnessName":"agent","executionRoleArn":"arn:aws:iam::000000000000:role/HarnessRole",
             "tools":[{"type":"inline_function","name":"ask","config":{"inlineFunction":{"description":"Asks.","inputSchema":{"type":"object"}}}}]}
            """);
        _harness = made.Json.GetProperty("harness").GetProperty("harnessId").GetString()!;
        await _server.ReadyAsync(_harness);
        _token = (await _server.TokenAsync()).Text;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Send_BeginsATurn_WhoseEventsAreThoseOfTheSession()
    {
        using var channel = await OpenAsync(Channel);
        await SayAsync(channel, """{"type":"send","id":"m1","text":"Run `echo one`"}""");
        var heard = await UntilAsync(channel, "invocationEnded");

        var reply = Assert.Single(heard, one => Type(one) == "accepted");
        Assert.Equal("m1", reply.GetProperty("messageId").GetString());
        var events = heard.Where(one => Type(one) != "accepted").ToList();
        Assert.Equal((await EventsAsync()).Select(one => one.GetRawText()), events.Select(one => one.GetRawText()));
        Assert.All(events.Where(one => Type(one) != "sandboxStarted"), one => Assert.Equal(reply.GetProperty("invocationId").GetString(), one.GetProperty("invocationId").GetString()));
    }

    [Fact]
    public async Task CutAtEveryEvent_AndOpenedAgainAfterIt_NothingIsLostOrRepeated()
    {
        using (var first = await OpenAsync(Channel))
        {
            await SayAsync(first, """{"type":"send","id":"m1","text":"Write \"hello\" to notes.txt, read it back and count its words."}""");
            await UntilAsync(first, "accepted");
        }

        var (seen, after) = (new List<string>(), "0");
        for (var type = ""; type != "invocationEnded";)
        {
            using var channel = await OpenAsync($"{Channel}?mode=read&after={after}");
            var one = await HearAsync(channel);
            (after, type) = (one.GetProperty("id").GetString()!, Type(one));
            seen.Add(one.GetRawText());
        }

        Assert.Equal((await EventsAsync()).Select(one => one.GetRawText()), seen);
    }

    [Fact]
    public async Task RepeatedSend_IsTheSameInvocation()
    {
        using var channel = await OpenAsync($"/belay/v1/sessions/{Session}/channel?harness={_harness}");
        await SayAsync(channel, """{"type":"send","id":"m1","text":"Run `echo one`"}""");
        var first = await UntilAsync(channel, "invocationEnded");
        await SayAsync(channel, """{"type":"send","id":"m1","text":"Run `echo one`"}""");
        var again = await UntilAsync(channel, "accepted");

        Assert.Equal(first.Single(one => Type(one) == "accepted").GetProperty("invocationId").GetString(), again[^1].GetProperty("invocationId").GetString());
        Assert.Single(await EventsAsync(), one => Type(one) == "invocationStarted");
    }

    [Fact]
    public async Task SteerAndInterrupt_ReachTheRunningTool()
    {
        using var channel = await OpenAsync(Channel);
        await SayAsync(channel, """{"type":"steer","id":"s0","text":"Hello?"}""");
        Assert.Equal("refused", Type((await UntilAsync(channel, "refused"))[^1]));
        await SayAsync(channel, """{"type":"send","id":"m1","text":"Run `sleep 30`"}""");
        await UntilAsync(channel, "messageStop");
        await SayAsync(channel, """{"type":"send","id":"m2","text":"And this."}""");
        Assert.Contains("already processing", (await UntilAsync(channel, "refused"))[^1].GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        await SayAsync(channel, """{"type":"steer","id":"s1","text":"Never mind."}""");
        await UntilAsync(channel, "accepted");
        await SayAsync(channel, """{"type":"interrupt","id":"i1"}""");
        var heard = await UntilAsync(channel, "invocationEnded");

        Assert.Equal("interrupted", heard[^1].GetProperty("data").GetProperty("stopReason").GetString());
        await SayAsync(channel, """{"type":"send","id":"m3","text":"Run `echo one`"}""");
        Assert.Equal("end_turn", (await UntilAsync(channel, "invocationEnded"))[^1].GetProperty("data").GetProperty("stopReason").GetString());
    }

    [Fact]
    public async Task Answer_BringsWhatThePausedAgentWaitsFor()
    {
        using var channel = await OpenAsync(Channel);
        await SayAsync(channel, """{"type":"send","id":"m1","text":"!call ask#a1 {}\n!then\n!quote"}""");
        var paused = await UntilAsync(channel, "invocationEnded");
        var call = Assert.Single(paused, one => Type(one) == "invocationPaused").GetProperty("data").GetProperty("toolUseIds")[0].GetString();
        await SayAsync(channel, $$"""{"type":"answer","id":"m2","results":[{"toolUseId":"{{call}}","status":"success","content":[{"text":"forty-two"}]}]}""");
        var heard = await UntilAsync(channel, "invocationEnded");

        Assert.Contains(heard, one => one.GetRawText().Contains("forty-two", StringComparison.Ordinal));
        Assert.Equal("end_turn", heard[^1].GetProperty("data").GetProperty("stopReason").GetString());
    }

    [Fact]
    public async Task SecondWriter_IsRefused_AReaderIsNot_AndMayNotWrite()
    {
        using var writer = await OpenAsync(Channel);

        Assert.Equal(HttpStatusCode.Conflict, await RefusedAsync(Channel));
        using var reader = await OpenAsync(Channel + "?mode=read");
        await SayAsync(reader, """{"type":"send","id":"m1","text":"Hello"}""");
        Assert.Equal("AccessDeniedException", (await HearAsync(reader)).GetProperty("error").GetProperty("__type").GetString());

        await writer.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Token);
        using var next = await Eventually.GetAsync("there is room for a writer", () => TryOpenAsync(Channel), Token);
    }

    [Theory]
    [InlineData("not json", "ValidationException")]
    [InlineData("""{"type":"send"}""", "id")]
    [InlineData("""{"type":"shout","id":"m1"}""", "type")]
    [InlineData("""{"type":"send","id":"m1"}""", "text")]
    [InlineData("""{"type":"answer","id":"m1"}""", "results")]
    [InlineData("""{"type":"send","id":"m1","text":"Hi","maxIterations":0}""", "maxIterations")]
    [InlineData("""{"type":"interrupt","id":"m1"}""", "not running")]
    public async Task MessageThatIsWrong_IsRefused_AndTheChannelStays(string message, string named)
    {
        using var channel = await OpenAsync(Channel);
        await SayAsync(channel, message);
        var refused = await HearAsync(channel);

        Assert.Equal("refused", Type(refused));
        Assert.Contains(named, refused.GetProperty("error").GetRawText(), StringComparison.Ordinal);
        await SayAsync(channel, """{"type":"send","id":"m9","text":"Run `echo one`"}""");
        await UntilAsync(channel, "invocationEnded");
    }

    [Fact]
    public async Task MessagesThatAreTooBigOrNoText_CloseIt_TooManyAreRefused()
    {
        using (var big = await OpenAsync(Channel))
        {
            await SayAsync(big, new string('x', ChannelMessage.MaxBytes + 1));
            Assert.Equal(WebSocketCloseStatus.MessageTooBig, await ClosedAsync(big));
        }

        using (var binary = await OpenAsync(Channel + "?mode=read"))
        {
            await binary.SendAsync(new byte[] { 1 }.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, Token);
            Assert.Equal(WebSocketCloseStatus.InvalidMessageType, await ClosedAsync(binary));
        }

        using var many = await OpenAsync(Channel + "?mode=read");
        for (var i = 0; i <= ServedChannel.MaxMessages; i++)
        {
            await SayAsync(many, "{}");
        }

        for (var i = 0; i < ServedChannel.MaxMessages; i++)
        {
            await HearAsync(many);
        }

        Assert.Equal("ThrottlingException", (await HearAsync(many)).GetProperty("error").GetProperty("__type").GetString());
    }

    [Fact]
    public async Task MessageThatNeverEnds_IsCutAtItsBound()
    {
        using var endless = await OpenAsync(Channel);
        var piece = new byte[64 * 1024].AsMemory();
        piece.Span.Fill((byte)' ');
        for (var sent = 0; sent <= ChannelMessage.MaxBytes; sent += piece.Length)
        {
            await endless.SendAsync(piece, WebSocketMessageType.Text, endOfMessage: false, Token);
        }

        Assert.Equal(WebSocketCloseStatus.MessageTooBig, await ClosedAsync(endless));
        using var next = await Eventually.GetAsync("there is room for a writer", () => TryOpenAsync(Channel), Token);
    }

    [Fact]
    public async Task MessageThatIsNoUtf8_ClosesIt_OneThatIsTooDeepIsRefused()
    {
        using (var broken = await OpenAsync(Channel + "?mode=read"))
        {
            await broken.SendAsync(new byte[] { 0xFF, 0xFE }.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, Token);
            Assert.Equal(WebSocketCloseStatus.InvalidPayloadData, await ClosedAsync(broken));
        }

        using var deep = await OpenAsync(Channel);
        await SayAsync(deep, $$"""{"type":"send","id":"m1","messages":{{new string('[', 100_000)}}{{new string(']', 100_000)}}}""");
        Assert.Equal("refused", Type(await HearAsync(deep)));
    }

    [Fact]
    public async Task ServerThatStops_SaysSo()
    {
        using var channel = await OpenAsync(Channel);
        await SayAsync(channel, """{"type":"send","id":"m1","text":"Run `echo one`"}""");
        await UntilAsync(channel, "invocationEnded");
        var stopping = _server.StopAsync();

        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await ClosedAsync(channel));
        await stopping;
    }

    [Fact]
    public async Task Strangers_AndWhatIsNoHandshake_AreRefused_ATicketGetsIn()
    {
        var ticket = (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/tickets", "{}")).Json.GetProperty("ticket").GetString();

        Assert.Equal(HttpStatusCode.Forbidden, await RefusedAsync(Channel, token: "belay_000000000000_AbCdEfGhIjKlMnOp_no"));
        Assert.Equal(HttpStatusCode.NotFound, await RefusedAsync($"/belay/v1/harnesses/missing-0123456789/sessions/{Session}/channel"));
        Assert.Equal(HttpStatusCode.BadRequest, await RefusedAsync(Channel + "?after=x"));
        Assert.Equal(400, (await _server.BearerAsync(HttpMethod.Get, Channel, _token)).Status);
        using var channel = await OpenAsync($"{Channel}?mode=read&ticket={ticket}", token: null);
        Assert.Equal(WebSocketState.Open, channel.State);
    }

    private Task<ClientWebSocket> OpenAsync(string target) => OpenAsync(target, _token);

    private async Task<ClientWebSocket> OpenAsync(string target, string? token)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.CollectHttpResponseDetails = true;
            if (token is not null)
            {
                socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            }

            var address = new UriBuilder(new Uri(_server.Http.BaseAddress!, target)) { Scheme = "ws" }.Uri;
            await socket.ConnectAsync(address, Token);
            return socket;
        }
        catch (WebSocketException refused)
        {
            refused.Data["status"] = socket.HttpStatusCode;
            socket.Dispose();
            throw;
        }
    }

    private async Task<HttpStatusCode> RefusedAsync(string target, string? token = null) =>
        (HttpStatusCode)(await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(target, token ?? _token))).Data["status"]!;

    private async Task<ClientWebSocket?> TryOpenAsync(string target)
    {
        try
        {
            return await OpenAsync(target);
        }
        catch (WebSocketException)
        {
            return null;
        }
    }

    private static Task SayAsync(ClientWebSocket channel, string message) =>
        channel.SendAsync(Encoding.UTF8.GetBytes(message).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, Token).AsTask();

    private static async Task<JsonElement> HearAsync(ClientWebSocket channel)
    {
        using var message = new MemoryStream();
        var part = new byte[4096];
        while (true)
        {
            var read = await channel.ReceiveAsync(part.AsMemory(), Token);
            Assert.Equal(WebSocketMessageType.Text, read.MessageType);
            message.Write(part, 0, read.Count);
            if (read.EndOfMessage)
            {
                return JsonElement.Parse(message.ToArray());
            }
        }
    }

    private static async Task<List<JsonElement>> UntilAsync(ClientWebSocket channel, string type)
    {
        var heard = new List<JsonElement>();
        do
        {
            heard.Add(await HearAsync(channel));
        }
        while (Type(heard[^1]) != type);

        return heard;
    }

    private static async Task<WebSocketCloseStatus?> ClosedAsync(ClientWebSocket channel)
    {
        var part = new byte[4096];
        while ((await channel.ReceiveAsync(part.AsMemory(), Token)).MessageType != WebSocketMessageType.Close)
        {
        }

        return channel.CloseStatus;
    }

    private static string Type(JsonElement one) => one.GetProperty("type").GetString()!;

    private async Task<IReadOnlyList<JsonElement>> EventsAsync() =>
        [.. (await _server.SignedAsync(HttpMethod.Get, $"/belay/v1/harnesses/{_harness}/sessions/{Session}/events?maxResults=1000")).Json.GetProperty("events").EnumerateArray()];
}
