using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Sessions;

/// <summary>
/// <c>kill -9</c> of the server at chosen moments. Whatever the client was told before must still be true after a restart on
/// the same data directory: the conversation that the model is shown, and what tools did to files.
/// </summary>
public sealed class KillTests(KillTests.World world) : IClassFixture<KillTests.World>
{
    private const int Iterations = 4;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    /// <summary>Where in an iteration the server dies.</summary>
    private enum Moment
    {
        /// <summary>The provider has the request and has said nothing yet.</summary>
        BeforeAnswer,

        /// <summary>The client has the beginning of the model's text; the model is in the middle of it.</summary>
        InText,

        /// <summary>The client has the end of the message that calls the tool; the tool is starting or running.</summary>
        InTool,

        /// <summary>The client has the tool's answer.</summary>
        AfterResult,

        /// <summary>The client has the whole turn.</summary>
        BetweenTurns,
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Kill_AtASeededMoment_LosesNothingThatWasAcknowledged(int seed)
    {
        var random = new Random(seed);
        var moment = (Moment)(seed % 5);
        var iteration = random.Next(1, Iterations + 1);
        var provider = world.Provider;
        var client = world.Server.Client;
        var session = $"killed-session-with-seed-{seed:000000000000}";

        // 1. A turn that is over and acknowledged.
        provider.Answer = _ => ChatReply.Say($"First answer {seed}.");
        var first = await client.TurnAsync(world.HarnessArn, session, $"First question {seed}.", CancellationToken);
        Assert.Equal(["end_turn"], first.Stops);

        // 2. A turn of several iterations, each of which appends its number to a file; the server dies in one of them.
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        provider.Answer = request => Reply(request, moment, iteration, reached);
        var acknowledged = await RunUntilKilledAsync(session, moment, iteration, reached);

        // 3. The same data directory again.
        await world.Server.StartAgainAsync(CancellationToken);
        client = world.Server.Client;
        provider.Answer = _ => ChatReply.Say("Still here.");
        var before = provider.Requests.Count;
        var next = await client.TurnAsync(world.HarnessArn, session, "Are you still there?", CancellationToken);

        var context = $"seed {seed}: {moment} of iteration {iteration}, {acknowledged} acknowledged";
        Assert.True(next.Text == "Still here.", $"{context}: {next.Exception}");
        var request = provider.Requests.Skip(before).Single();
        var texts = request.Messages.Select(ChatRequest.TextOf).ToList();

        // Neighbouring messages of one role travel as one, a line each.
        var said = texts.SelectMany(text => text.Split('\n')).ToList();
        Assert.True(request.PairingProblems().Count == 0, $"{context}: {string.Join(' ', request.PairingProblems())}");
        Assert.Contains($"First question {seed}.", said);
        Assert.Contains($"First answer {seed}.", said);
        if (moment != Moment.BeforeAnswer || iteration > 1)
        {
            // The first call of a turn goes out beside the sync of its beginning: until then the client has no stream, and nothing was acknowledged.
            Assert.Contains($"Second question {seed}.", said);
        }

        Assert.Equal("Are you still there?", said[^1]);
        // A result is synced with the next tool intent or the end of the invocation; the newest one may be told as interrupted.
        var synced = moment is Moment.InTool or Moment.BetweenTurns ? acknowledged : acknowledged - 1;
        for (var done = 1; done <= synced; done++)
        {
            Assert.True(texts.Exists(text => text.Contains($"appended {seed}-{done}", StringComparison.Ordinal)), $"{context}: the result of iteration {done} is lost");
        }

        var file = await client.CommandAsync(world.HarnessArn, session, "cat /workspace/log 2>/dev/null; true", CancellationToken);
        var lines = file.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length >= acknowledged, $"{context}: the file has {lines.Length} lines");
        Assert.Equal(Enumerable.Range(1, lines.Length).Select(line => $"{seed}-{line}"), lines);
    }

    [Fact]
    public async Task Kill_LeavesNoSandboxProcess()
    {
        const string Session = "a-session-with-a-long-sleep-in-its-sandbox";
        const string Marker = "3600.271828";
        world.Provider.Answer = _ => ChatReply.Call("shell", new JsonObject { ["command"] = $"sleep {Marker}" });
        var turn = world.Server.Client.TurnAsync(world.HarnessArn, Session, "Sleep.", CancellationToken);
        await Eventually.TrueAsync("the command runs", () => Task.FromResult(CountProcesses(Marker) > 0 || turn.IsCompleted), CancellationToken);
        Assert.False(turn.IsCompleted, "the turn ended before its command ran");

        await world.Server.Kill9Async(CancellationToken);

        await Assert.ThrowsAnyAsync<Exception>(() => turn);
        await Eventually.TrueAsync("the sandbox died with the server", () => Task.FromResult(CountProcesses(Marker) == 0), CancellationToken);
        await world.Server.StartAgainAsync(CancellationToken);
    }

    private static int CountProcesses(string marker) =>
        Directory.EnumerateDirectories("/proc").Count(folder =>
        {
            try
            {
                return char.IsAsciiDigit(Path.GetFileName(folder)[0])
                    && File.ReadAllText(Path.Combine(folder, "cmdline")).Contains(marker, StringComparison.Ordinal);
            }
            catch (IOException)
            {
                // The process ended while it was looked at.
                return false;
            }
        });

    private static ChatReply Reply(ChatRequest request, Moment moment, int iteration, TaskCompletionSource reached)
    {
        var question = request.Messages.Select(ChatRequest.TextOf).Last(text => text.StartsWith("Second question", StringComparison.Ordinal));
        var seed = question["Second question ".Length..^1];
        var current = request.ToolResultsSinceUser + 1;
        if (current > Iterations)
        {
            return ChatReply.Say("Second answer.");
        }

        var arguments = new JsonObject { ["command"] = $"echo {seed}-{current} >> /workspace/log && echo appended {seed}-{current}" };
        var pieces = new List<ChatPiece> { new ChatPiece.Text("Now "), new ChatPiece.Text($"number {current}.") };
        if (current == iteration && moment is (Moment.BeforeAnswer or Moment.InText))
        {
            pieces.Insert(moment == Moment.BeforeAnswer ? 0 : 1, new ChatPiece.Pause(left =>
            {
                reached.TrySetResult();
                return Task.Delay(Timeout.Infinite, left);
            }));
        }

        pieces.Add(new ChatPiece.ToolCall(0, "shell", arguments.ToJsonString()));
        return new ChatReply.Streamed(pieces, "tool_calls", new ChatUsage(5, 5));
    }

    /// <summary>Answers how many tool results the client had when the server died.</summary>
    private async Task<int> RunUntilKilledAsync(string session, Moment moment, int iteration, TaskCompletionSource reached)
    {
        var acknowledged = 0;
        var calls = 0;
        var texts = 0;
        var kill = moment == Moment.BeforeAnswer ? KillWhenAsync(reached.Task) : Task.CompletedTask;

        var seed = int.Parse(session[^12..], CultureInfo.InvariantCulture);
        try
        {
            await foreach (var frame in world.Server.Client.InvokeAsync(world.HarnessArn, session, $"Second question {seed}.", CancellationToken))
            {
                calls += (string?)frame.Payload["stopReason"] == "tool_use" ? 1 : 0;
                acknowledged += (string?)frame.Payload["stopReason"] == "tool_result" ? 1 : 0;
                texts += (string?)frame.Payload["delta"]?["text"] == "Now " ? 1 : 0;
                if ((moment == Moment.InText && texts == iteration) || (moment == Moment.InTool && calls == iteration) || (moment == Moment.AfterResult && acknowledged == iteration))
                {
                    // Killed before this client leaves: a client that leaves would end the invocation first.
                    await world.Server.Kill9Async(CancellationToken);
                    return acknowledged;
                }
            }
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException or InvalidDataException)
        {
            Assert.True(moment is Moment.BeforeAnswer, $"the stream broke before the kill: {broken}");
        }

        await kill;
        if (moment == Moment.BetweenTurns)
        {
            await world.Server.Kill9Async(CancellationToken);
        }

        return acknowledged;
    }

    private async Task KillWhenAsync(Task reached)
    {
        await reached.WaitAsync(Eventually.Deadline, CancellationToken);
        await world.Server.Kill9Async(CancellationToken);
    }

    /// <summary>A server of its own, since it is killed, and the provider that outlives it.</summary>
    public sealed class World : IAsyncLifetime
    {
        private BelayProcess? _server;
        private ChatCompletionsServer? _provider;

        public BelayProcess Server => _server!;

        public ChatCompletionsServer Provider => _provider!;

        public string HarnessArn { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            _provider = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("Hello."), CancellationToken);
            _server = await BelayProcess.StartAsync(CancellationToken);
            var harness = await _server.Client.CreateHarnessAsync("killed", new JsonObject { ["model"] = _provider.Model() }, CancellationToken);
            HarnessArn = (string)harness["arn"]!;
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null)
            {
                await _server.DisposeAsync();
            }

            if (_provider is not null)
            {
                await _provider.DisposeAsync();
            }
        }
    }
}
