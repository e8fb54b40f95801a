using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Sessions;

/// <summary>A server that is killed in the middle of a reply: whoever has a channel open goes on where it was.</summary>
public sealed class ChannelResumeTests : IAsyncLifetime
{
    private const string Session = "a-session-on-a-channel-whose-server-is-killed";

    private ChatCompletionsServer _provider = null!; // Set before every test.
    private BelayProcess _server = null!; // As above.
    private string _arn = "";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var asked = 0;
        _provider = await ChatCompletionsServer.StartAsync(
            _ => ++asked switch
            {
                1 => ChatReply.Call("shell", new JsonObject { ["command"] = "echo one" }),
                2 => new ChatReply.Streamed(
                    [
                        new ChatPiece.Text("It is "),
                        new ChatPiece.Text("nearly"),
                        new ChatPiece.Pause(left => Task.Delay(Timeout.Infinite, left)),
                    ],
                    "stop"),
                _ => ChatReply.Say("It is done."),
            },
            CancellationToken);
        _server = await BelayProcess.StartAsync(CancellationToken);
        _arn = (string)(await _server.Client.CreateHarnessAsync("channelled", new JsonObject { ["model"] = _provider.Model() }, CancellationToken))["arn"]!;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Killed_AndOpenedAgainAfterTheLastEvent_NothingIsLostOrComesTwice()
    {
        var token = (await ProgramRun.SucceedAsync(_server.ClientProgram("dotnet", RepositoryPaths.Cli, "keys", "token", "--data", _server.DataDirectory, "--port", $"{_server.Port}"), Eventually.Deadline, CancellationToken)).Output.Trim();
        const string Send = """{"type":"send","id":"m1","text":"Go on."}""";

        // 1. Up to the middle of the second reply, and then no server.
        var seen = new List<JsonElement>();
        using (var channel = await OpenAsync(token, null))
        {
            await SayAsync(channel, Send);
            seen.AddRange(await HearAsync(channel, one => one.GetRawText().Contains("nearly", StringComparison.Ordinal)));
            await _server.Kill9Async(CancellationToken);
            await Assert.ThrowsAsync<WebSocketException>(() => HearAsync(channel, _ => false));
        }

        // 2. The same data again: the channel goes on, and the message that is sent again is known.
        await _server.StartAgainAsync(CancellationToken);
        using (var channel = await OpenAsync(token, Id(seen[^1])))
        {
            await SayAsync(channel, Send);
            var (again, accepted) = (await HearAsync(channel, one => Type(one) == "invocationEnded"), seen.Single(one => Type(one) == "accepted"));
            seen.AddRange(again);
            if (!again.Exists(one => Type(one) == "accepted"))
            {
                again.AddRange(await HearAsync(channel, one => Type(one) == "accepted"));
            }

            Assert.Equal(accepted.GetRawText(), again.Single(one => Type(one) == "accepted").GetRawText());
        }

        // 3. What was seen, without what is void, is what the session has.
        seen.RemoveAll(one => Type(one) == "accepted");
        var gone = Assert.Single(seen, one => Type(one) == "modelVoided").GetProperty("data").GetProperty("void").GetInt64();
        var all = (await _server.Client.CallAsync(HttpMethod.Get, $"/belay/v1/harnesses/{_arn.Split('/')[^1]}/sessions/{Session}/events?maxResults=1000", null, CancellationToken))["events"]!.AsArray();
        Assert.Equal(
            all.Select(one => (string?)one!["id"]),
            seen.Where(one => !Id(one).StartsWith($"{gone}.", StringComparison.Ordinal)).Select(Id));
        Assert.Equal("serverRestarted", seen.Single(one => Type(one) == "sandboxEnded").GetProperty("data").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task InvokeInATerminal_SurvivesIt()
    {
        var shown = Path.Combine(_server.DataDirectory, "..", Path.GetFileName(_server.DataDirectory) + ".shown");
        var driver = Path.Combine(RepositoryPaths.Root, "tests", "Belay.EndToEnd", "python", "terminal.py");
        var start = _server.ClientProgram(
            "python3", driver, "wait:nearly", $"touch:{shown}", "wait:trying again", "wait:asked for again", "wait:It is done.", "--", "dotnet", RepositoryPaths.Cli, "invoke", "--harness", _arn, "--session-id", Session, "Go on.");
        var playing = ProgramRun.TryAsync(start, TimeSpan.FromMinutes(2), CancellationToken);
        await Eventually.TrueAsync("the reply is on the screen", () => Task.FromResult(File.Exists(shown) || playing.IsCompleted), CancellationToken);
        await _server.Kill9Async(CancellationToken);
        await _server.StartAgainAsync(CancellationToken);

        var run = await playing ?? throw new InvalidOperationException("python3 is not installed.");
        File.Delete(shown);
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("end_turn", run.Output, StringComparison.Ordinal);
        Assert.Equal(1, Count(run.Output, "It is nearly"));
        Assert.Equal(1, Count(run.Output, "It is done."));
    }

    private static int Count(string text, string part) => (text.Length - text.Replace(part, "", StringComparison.Ordinal).Length) / part.Length;

    private async Task<ClientWebSocket> OpenAsync(string token, string? after)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        var query = after is null ? "" : $"?after={after}";
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_server.Port}/belay/v1/harnesses/{_arn.Split('/')[^1]}/sessions/{Session}/channel{query}"), CancellationToken);
        return socket;
    }

    private static Task SayAsync(ClientWebSocket channel, string message) =>
        channel.SendAsync(Encoding.UTF8.GetBytes(message).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken).AsTask();

    private static async Task<List<JsonElement>> HearAsync(ClientWebSocket channel, Func<JsonElement, bool> isLast)
    {
        var heard = new List<JsonElement>();
        using var message = new MemoryStream();
        var part = new byte[4096];
        while (heard.Count == 0 || !isLast(heard[^1]))
        {
            message.SetLength(0);
            ValueWebSocketReceiveResult read;
            do
            {
                read = await channel.ReceiveAsync(part.AsMemory(), CancellationToken);
                Assert.Equal(WebSocketMessageType.Text, read.MessageType);
                message.Write(part, 0, read.Count);
            }
            while (!read.EndOfMessage);

            heard.Add(JsonElement.Parse(message.ToArray()));
        }

        return heard;
    }

    private static string Type(JsonElement one) => one.GetProperty("type").GetString()!;

    private static string Id(JsonElement one) => one.GetProperty("id").GetString()!;
}
