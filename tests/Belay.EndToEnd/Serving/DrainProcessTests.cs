using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Serving;

/// <summary>SIGTERM to the real server while turns run: nobody's stream is cut, and what was said is there after the next start.</summary>
public sealed class DrainProcessTests : IAsyncLifetime
{
    private const string Session = "a-session-that-a-server-drains-000001";
    private readonly TaskCompletionSource _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChatCompletionsServer? _provider;
    private BelayProcess? _server;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _provider = await ChatCompletionsServer.StartAsync(Reply, CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await _provider!.DisposeAsync();
    }

    [Fact]
    public async Task TurnThatFinishesInTime_IsWhole_WhileNothingNewIsAccepted()
    {
        var (server, arn) = await StartAsync(drainSeconds: 60);
        var turn = AskAsync(server, arn);
        await _heard.Task.WaitAsync(Eventually.Deadline, CancellationToken);

        server.Terminate();
        await Eventually.TrueAsync("the server is not ready any more", async () => await ReadyAsync(server) == (503, """{"status":"not ready","failed":["accepting"]}"""), CancellationToken);
        var refused = await Assert.ThrowsAsync<WireException>(() => server.Client.TurnAsync(arn, Session + "-other", "And me?", CancellationToken));
        _answer.SetResult();

        Assert.Equal(["end_turn"], (await turn).Stops);
        Assert.Equal((424, "RuntimeClientError"), (refused.Status, refused.Type));
        Assert.Equal(0, await server.EndedAsync(CancellationToken));
        await AssertHistoryAsync(server, arn);
    }

    [Fact]
    public async Task TurnThatDoesNotFinishInTime_EndsAsPartialTurn()
    {
        var (server, arn) = await StartAsync(drainSeconds: 0);
        var turn = AskAsync(server, arn);
        await _heard.Task.WaitAsync(Eventually.Deadline, CancellationToken);

        server.Terminate();

        var ended = await turn;
        Assert.Equal(["partial_turn"], ended.Stops);
        Assert.Null(ended.Exception);
        Assert.NotNull(ended.Metadata);
        Assert.Equal(0, await server.EndedAsync(CancellationToken));
        await AssertHistoryAsync(server, arn);
    }

    [Fact]
    public async Task SecondSignal_EndsThePatience()
    {
        var (server, arn) = await StartAsync(drainSeconds: 3600);
        var turn = AskAsync(server, arn);
        await _heard.Task.WaitAsync(Eventually.Deadline, CancellationToken);

        server.Terminate();
        await Eventually.TrueAsync("the server drains", async () => (await ReadyAsync(server)).Status == 503, CancellationToken);
        Assert.False(turn.IsCompleted);
        server.Terminate();

        Assert.Equal(["partial_turn"], (await turn).Stops);
        Assert.Equal(0, await server.EndedAsync(CancellationToken));
        await AssertHistoryAsync(server, arn);
    }

    // What the provider has sent, the server may not have read yet. Only what the client has heard was said.
    private Task<Turn> AskAsync(BelayProcess server, string arn) => server.Client.TurnAsync(arn, Session, HarnessClient.UserText("Wait for me."), CancellationToken, frame =>
    {
        if ((string?)frame.Payload["delta"]?["text"] == "First half,")
        {
            _heard.TrySetResult();
        }
    });

    private ChatReply Reply(ChatRequest request)
    {
        var said = request.Messages.Select(ChatRequest.TextOf).Last();
        if (said != "Wait for me.")
        {
            return ChatReply.Say($"I was told: {string.Join(" | ", request.Messages.Select(ChatRequest.TextOf))}");
        }

        return new ChatReply.Streamed(
            [
                new ChatPiece.Text("First half,"),
                new ChatPiece.Pause(left => _answer.Task.WaitAsync(left)),
                new ChatPiece.Text(" second half."),
            ],
            "stop",
            new ChatUsage(5, 5));
    }

    private async Task<(BelayProcess Server, string Arn)> StartAsync(int drainSeconds)
    {
        _server = await BelayProcess.StartAsync(new Dictionary<string, string>(), ["--set", $"Server:DrainSeconds={drainSeconds}"], CancellationToken);
        var harness = await _server.Client.CreateHarnessAsync("drained", new JsonObject { ["model"] = _provider!.Model() }, CancellationToken);
        return (_server, (string)harness["arn"]!);
    }

    private static async Task<(int Status, string Body)> ReadyAsync(BelayProcess server)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var response = await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}/readyz"), CancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(CancellationToken));
    }

    private static async Task AssertHistoryAsync(BelayProcess server, string arn)
    {
        await server.StartAgainAsync(CancellationToken);
        var next = await server.Client.TurnAsync(arn, Session, "What was said?", CancellationToken);
        Assert.Contains("Wait for me.", next.Text, StringComparison.Ordinal);
        Assert.Contains("First half,", next.Text, StringComparison.Ordinal);
    }
}
