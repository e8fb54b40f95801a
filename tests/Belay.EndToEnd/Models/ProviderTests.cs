using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Models;

/// <summary>An OpenAI-compatible provider over the wire: what it is sent, and what becomes of everything it may answer.</summary>
public sealed class ProviderTests(SharedServer server) : IAsyncLifetime
{
    private ChatCompletionsServer? _provider;
    private BelayProcess? _server;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private ChatCompletionsServer Provider => _provider!;

    private BelayProcess Server => _server!;

    public async ValueTask InitializeAsync()
    {
        _server = await server.StartedAsync();
        _provider = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("Hello."), CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_provider is not null)
        {
            await _provider.DisposeAsync();
        }
    }

    [Fact]
    public async Task Request_CarriesTheHarnessConfiguration()
    {
        var model = Provider.Model("a-model");
        model["liteLlmModelConfig"]!["temperature"] = 0.25;
        model["liteLlmModelConfig"]!["topP"] = 0.5;
        model["liteLlmModelConfig"]!["maxTokens"] = 321;
        model["liteLlmModelConfig"]!["additionalParams"] = new JsonObject { ["seed"] = 7, ["belay"] = new JsonObject { ["promptCaching"] = false } };
        var arn = await CreateAsync(new JsonObject
        {
            ["model"] = model,
            ["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = "First rule." }, new JsonObject { ["text"] = "Second rule." }),
        });

        var turn = await Server.Client.TurnAsync(arn, NewSession(), "Good morning.", CancellationToken);

        Assert.Equal("Hello.", turn.Text);
        Assert.Equal(["end_turn"], turn.Stops);
        Assert.Equal(
            new UsageCounts(7, 3, 10),
            new UsageCounts((int)turn.Metadata!["usage"]!["inputTokens"]!, (int)turn.Metadata["usage"]!["outputTokens"]!, (int)turn.Metadata["usage"]!["totalTokens"]!));
        var request = Assert.Single(Provider.Requests);
        Assert.Equal("/v1/chat/completions", request.Path);
        Assert.Equal("a-model", request.Model);
        Assert.True((bool)request.Body["stream"]!);
        Assert.Equal(["system", "user"], request.Roles);
        Assert.Equal("First rule.\nSecond rule.", ChatRequest.TextOf(request.Messages[0]));
        Assert.Equal("Good morning.", ChatRequest.TextOf(request.Messages[1]));
        Assert.Equal(["file_operations", "shell"], request.Tools.Order(StringComparer.Ordinal));
        Assert.Equal(0.25, (double)request.Body["temperature"]!);
        Assert.Equal(0.5, (double)request.Body["top_p"]!);
        Assert.Equal(321, (int)request.Body["max_tokens"]!);
        Assert.Equal(7, (int)request.Body["seed"]!);
        Assert.False(request.Body.ContainsKey("belay"));
        Assert.DoesNotContain(Server.ClientEnvironment["AWS_ACCESS_KEY_ID"], string.Join(' ', request.Headers.Values));
    }

    [Fact]
    public async Task ToolCall_ItsAnswerIsInTheNextRequest()
    {
        Provider.Answer = request => request.ToolResultsSinceUser == 0
            ? ChatReply.Calls(("shell", """{"command":"echo from the sandbox"}"""), ("no_such_tool", "{}"))
            : ChatReply.Say("Seen.");
        var arn = await CreateAsync([]);

        var turn = await Server.Client.TurnAsync(arn, NewSession(), "Run it.", CancellationToken);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.Equal(["success", "error"], turn.ToolStatuses);
        Assert.Equal(14, (int)turn.Metadata!["usage"]!["inputTokens"]!);
        var last = Provider.Requests[^1];
        Assert.Equal(["user", "assistant", "tool", "tool"], last.Roles.Where(role => role != "system"));
        Assert.Empty(last.PairingProblems());
        Assert.Contains("from the sandbox", ChatRequest.TextOf(last.Messages[^2]));
        Assert.Equal("[error] Unknown tool: no_such_tool", ChatRequest.TextOf(last.Messages[^1]));
    }

    [Fact]
    public async Task Arguments_ThatAreNotJson_AreAnErrorResult_AndTheToolDoesNotRun()
    {
        Provider.Answer = request => request.ToolResultsSinceUser == 0
            ? ChatReply.Calls(("shell", """{"command":"touch /workspace/ran"""))
            : ChatReply.Say("Noted.");
        var arn = await CreateAsync([]);
        var session = NewSession();

        var turn = await Server.Client.TurnAsync(arn, session, "Run it.", CancellationToken);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.Equal(["error"], turn.ToolStatuses);
        Assert.Equal("", (await Server.Client.CommandAsync(arn, session, "ls /workspace", CancellationToken)).Stdout);
    }

    [Fact]
    public async Task InlineFunction_NotAnswered_IsToldToTheModel()
    {
        Provider.Answer = request => request.Number == 1 ? ChatReply.Call("approve", new JsonObject { ["amount"] = 1 }) : ChatReply.Say("Fine.");
        var arn = await CreateAsync(new JsonObject { ["tools"] = new JsonArray(InlineApprove()) });
        var session = NewSession();
        var paused = await Server.Client.TurnAsync(arn, session, "Ask me.", CancellationToken);
        Assert.Equal(["tool_use"], paused.Stops);

        await Server.Client.TurnAsync(arn, session, "Never mind.", CancellationToken);

        var last = Provider.Requests[^1];
        Assert.Empty(last.PairingProblems());
        Assert.Contains(last.Messages, message => (string)message["role"]! == "tool" && ChatRequest.TextOf(message) == "[error] Tool was interrupted.");
        Assert.Equal("Never mind.", ChatRequest.TextOf(last.Messages[^1]));
    }

    [Fact]
    public async Task Connection_BrokenOnce_IsTriedAgain()
    {
        Provider.Answer = request => request.Number == 1 ? new ChatReply.Disconnect() : ChatReply.Say("Second try.");
        var arn = await CreateAsync([]);

        var turn = await Server.Client.TurnAsync(arn, NewSession(), "Hello", CancellationToken);

        Assert.Equal("Second try.", turn.Text);
        Assert.Equal(2, Provider.Requests.Count);
    }

    [Fact]
    public async Task Connection_Refused_IsAClearError_AndTheSessionStaysUsable()
    {
        await using var closed = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("unreachable"), CancellationToken);
        var nobody = closed.Model();
        await closed.DisposeAsync();
        var arn = await CreateAsync([]);
        var session = NewSession();
        var body = HarnessClient.UserText("Hello");
        body["model"] = nobody;

        var failed = await Server.Client.TurnAsync(arn, session, body, CancellationToken);
        var next = await Server.Client.TurnAsync(arn, session, "Hello again", CancellationToken);

        Assert.Equal("runtimeClientError", failed.Exception?.Type);
        Assert.NotEmpty((string)failed.Exception!.Payload["message"]!);
        Assert.Null(failed.Metadata);
        Assert.Equal("Hello.", next.Text);
        Assert.Empty(Provider.Requests[^1].PairingProblems());
    }

    [Fact]
    public async Task Provider_ThatStaysOverloaded_IsAskedSixTimesWithGrowingPauses()
    {
        var asked = new ConcurrentQueue<long>();
        Provider.Answer = _ =>
        {
            asked.Enqueue(Stopwatch.GetTimestamp());
            return new ChatReply.Error(529, "Overloaded.");
        };
        var arn = await CreateAsync([]);

        var failed = await Server.Client.TurnAsync(arn, NewSession(), "Hello", CancellationToken);

        Assert.Equal("runtimeClientError", failed.Exception?.Type);
        Assert.StartsWith("Model throttled after 6 attempts:", (string)failed.Exception!.Payload["message"]!);
        var pauses = asked.Zip(asked.Skip(1), (one, next) => Stopwatch.GetElapsedTime(one, next)).ToList();
        Assert.Equal(5, pauses.Count);
        // A busy machine makes a pause longer, never shorter.
        Assert.All(pauses, (pause, index) => Assert.True(pause > 0.9 * Math.Pow(2, index) * SharedServer.RetryBase, $"pause {index} took {pause}"));
    }

    public static TheoryData<string> BrokenStreams => ["cut", "no-finish-reason", "empty", "garbage", "truncated-json"];

    [Theory]
    [MemberData(nameof(BrokenStreams))]
    public async Task Stream_ThatBreaks_IsAnErrorAndNeverAnAnswer(string kind)
    {
        ChatPiece[] half = [new ChatPiece.Text("Half an "), new ChatPiece.Text("answ")];
        Provider.Answer = request => request.Messages.Any(message => ChatRequest.TextOf(message).EndsWith("Again.", StringComparison.Ordinal))
            ? ChatReply.Say("Whole.")
            : kind switch
            {
                "cut" => new ChatReply.Streamed(half, FinishReason: null, Abort: true),
                "no-finish-reason" => new ChatReply.Streamed(half, FinishReason: null),
                "empty" => new ChatReply.Raw("data: [DONE]\n\n"),
                "garbage" => new ChatReply.Raw("<html><body>502</body></html>\n\u0001\u0002\n"),
                _ => new ChatReply.Raw("data: {\"choices\":[{\"delta\":{\"content\":\"Half\"\n\ndata: {\"choices\":[{\"delta\n\n"),
            };
        var arn = await CreateAsync([]);
        var session = NewSession();

        var failed = await Server.Client.TurnAsync(arn, session, "Hello", CancellationToken);
        var next = await Server.Client.TurnAsync(arn, session, "Again.", CancellationToken);

        Assert.DoesNotContain("end_turn", failed.Stops);
        Assert.True(
            failed.Exception?.Type == "runtimeClientError" || failed.Stops is ["malformed_model_output"],
            $"stops {string.Join(' ', failed.Stops)}, exception {failed.Exception}");
        // What broke before anything was shown is tried six times in all; a cut may come before what was said, or after it.
        var (least, most) = kind switch { "cut" => (1, 6), "empty" or "garbage" => (6, 6), _ => (1, 1) };
        Assert.InRange(Provider.Requests.Count - 1, least, most);
        Assert.Equal("Whole.", next.Text);
    }

    [Fact]
    public async Task Refusal_OfTheProvider_IsPassedOnOnce()
    {
        Provider.Answer = _ => new ChatReply.Error(401, "Incorrect API key provided.");
        var arn = await CreateAsync([]);

        var failed = await Server.Client.TurnAsync(arn, NewSession(), "Hello", CancellationToken);

        Assert.Equal("runtimeClientError", failed.Exception?.Type);
        Assert.Contains("Incorrect API key provided.", (string)failed.Exception!.Payload["message"]!);
        Assert.Single(Provider.Requests);
    }

    [Theory]
    [InlineData("length", "max_tokens")]
    [InlineData("content_filter", "content_filtered")]
    public async Task FinishReason_BecomesAStopReason(string finishReason, string stopReason)
    {
        Provider.Answer = _ => new ChatReply.Streamed([new ChatPiece.Text("As far as it goes")], finishReason, new ChatUsage(1, 1));
        var arn = await CreateAsync([]);

        var turn = await Server.Client.TurnAsync(arn, NewSession(), "Hello", CancellationToken);

        Assert.Equal([stopReason], turn.Stops);
        Assert.NotNull(turn.Metadata);
    }

    [Fact]
    public async Task Client_ThatLeaves_FreesTheSession()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Provider.Answer = request => request.Number > 1
            ? ChatReply.Say("Free.")
            : new ChatReply.Streamed(
                [
                    new ChatPiece.Text("Begun"),
                    new ChatPiece.Pause(async aborted =>
                    {
                        using var registration = aborted.Register(left.SetResult);
                        await left.Task;
                    }),
                ],
                "stop");
        var arn = await CreateAsync([]);
        var session = NewSession();
        await foreach (var frame in Server.Client.InvokeAsync(arn, session, "Hello", CancellationToken))
        {
            if (frame.Type == "contentBlockDelta")
            {
                break;
            }
        }

        await left.Task.WaitAsync(Eventually.Deadline, CancellationToken);
        var next = await Eventually.GetAsync("the session is free", () => TryTurnAsync(arn, session), CancellationToken);

        Assert.Equal("Free.", next.Text);
        Assert.Empty(Provider.Requests[^1].PairingProblems());
    }

    private static string NewSession() => $"session-{Guid.CreateVersion7()}";

    private static JsonObject InlineApprove() => new()
    {
        ["type"] = "inline_function",
        ["name"] = "approve",
        ["config"] = new JsonObject
        {
            ["inlineFunction"] = new JsonObject
            {
                ["description"] = "Ask a person.",
                ["inputSchema"] = new JsonObject { ["type"] = "object" },
            },
        },
    };

    private async Task<Turn?> TryTurnAsync(string arn, string session)
    {
        try
        {
            return await Server.Client.TurnAsync(arn, session, "Are you free?", CancellationToken);
        }
        catch (WireException busy) when (busy.Status == 424)
        {
            return null;
        }
    }

    private async Task<string> CreateAsync(JsonObject members)
    {
        members["model"] ??= Provider.Model();
        return await server.CreateHarnessAsync(members, CancellationToken);
    }

    private sealed record UsageCounts(int Input, int Output, int Total);
}
