using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Models;

/// <summary>
/// Two providers and the real server: the first dies between two tool calls of one invocation, and the second takes over. What tools did is
/// done once, also when the server dies after that.
/// </summary>
public sealed class FailoverProcessTests : IAsyncLifetime
{
    private const string Session = "a-session-whose-first-provider-dies-1";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private ChatCompletionsServer? _first;
    private ChatCompletionsServer? _second;
    private BelayProcess? _server;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private ChatCompletionsServer First => _first!;

    private ChatCompletionsServer Second => _second!;

    private BelayProcess Server => _server!;

    public async ValueTask InitializeAsync()
    {
        _first = await ChatCompletionsServer.StartAsync(
            request => request.ToolResultsSinceUser == 0 ? Append("one") : new ChatReply.Error(503, "The first provider is dead."), CancellationToken);
        _second = await ChatCompletionsServer.StartAsync(request => request.ToolResultsSinceUser == 1 ? Append("two") : ChatReply.Say("Both are there."), CancellationToken);
        _server = await BelayProcess.StartAsync(new Dictionary<string, string>(), ["--set", "Models:RetryBaseSeconds=0.02"], CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in (IAsyncDisposable?[])[_server, _first, _second])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task ProviderThatDiesBetweenToolCalls_TheNextGoesOn_AndNothingRunsTwice()
    {
        var arn = await CreateAsync(detach: false);

        var turn = await Server.Client.TurnAsync(arn, Session, "Append both.", CancellationToken);

        Assert.Equal("Both are there.", turn.Text);
        Assert.Equal(["tool_use", "tool_result", "tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.Equal((7, 2), (First.Requests.Count, Second.Requests.Count));
        Assert.Equal("one\ntwo\n", (await Server.Client.CommandAsync(arn, Session, "cat /workspace/log", CancellationToken)).Stdout);
        Assert.All(Second.Requests, request => Assert.Empty(request.PairingProblems()));
        Assert.Contains("second-model of openai takes over from first-model of openai: openai: The first provider is dead. (HTTP 503)", await RunAsync("logs", "--session-id", Session, "--harness", arn), StringComparison.Ordinal);
        Assert.Contains("in place of first-model (Throttled)", await RunAsync("traces", "get", "--session-id", Session, "--harness", arn), StringComparison.Ordinal);
        Assert.Contains("second-model", await RunAsync("list", "usage", "--group-by", "model"), StringComparison.Ordinal);
        Assert.True((bool)JsonNode.Parse(await RunAsync("replay", Session, "--harness", arn, "--json"))!["identical"]!);

        // The next invocation asks the first one again.
        First.Answer = _ => ChatReply.Say("I am back.");
        Assert.Equal("I am back.", (await Server.Client.TurnAsync(arn, Session, "And now?", CancellationToken)).Text);
    }

    [Fact]
    public async Task ServerThatIsKilledAfterTheSwitch_GoesOnWithTheSecondProvider()
    {
        var arn = await CreateAsync(detach: true);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var killed = false;
        Second.Answer = request => request.ToolResultsSinceUser switch
        {
            1 => Append("two"),
            _ when !killed => new ChatReply.Streamed([new ChatPiece.Pause(left => { reached.TrySetResult(); return Task.Delay(Timeout.Infinite, left); })], "stop"),
            _ => ChatReply.Say("Both are there."),
        };
        await RunAsync("invoke", "--harness", arn, "--session-id", Session, "--detach", "Append both.");
        await reached.Task.WaitAsync(Eventually.Deadline, CancellationToken);
        killed = true;
        var asked = First.Requests.Count;
        await Server.Kill9Async(CancellationToken);

        await Server.StartAgainAsync(CancellationToken);

        Assert.Contains("Both are there.", await RunAsync("wait", Session, "--harness", arn), StringComparison.Ordinal);
        Assert.Equal(asked, First.Requests.Count);
        Assert.Equal("one\ntwo\n", (await Server.Client.CommandAsync(arn, Session, "cat /workspace/log", CancellationToken)).Stdout);
        Assert.True((bool)JsonNode.Parse(await RunAsync("replay", Session, "--harness", arn, "--json"))!["identical"]!);
    }

    [Fact]
    public async Task DeadProvider_CostsOneProbe_NotAllItsRetriesWithEveryCall()
    {
        await using var server = await BelayProcess.StartAsync(
            new Dictionary<string, string>(), ["--set", "Models:RetryBaseSeconds=0.02", "--set", "Models:BreakerFailures=2", "--set", "Models:BreakerSeconds=3600"], CancellationToken);
        First.Answer = _ => new ChatReply.Error(503, "Dead.");
        Second.Answer = _ => ChatReply.Say("Here.");
        var harness = await server.Client.CreateHarnessAsync("dead", new JsonObject { ["model"] = Model() }, CancellationToken);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal("Here.", (await server.Client.TurnAsync((string)harness["arn"]!, $"a-session-of-a-dead-provider-{i:0000000}", "Hello", CancellationToken)).Text);
        }

        Assert.Equal(12, First.Requests.Count);
        var findings = (await server.Client.CallAsync(HttpMethod.Get, "/belay/v1/doctor", body: null, CancellationToken))["findings"]!.AsArray();
        Assert.Equal(
            "The last calls failed, so that it is tried again only now and then: first-model of openai.",
            (string?)findings.Single(finding => (string?)finding!["name"] == "model calls")!["message"]);
    }

    private static ChatReply Append(string line) => ChatReply.Call("shell", new JsonObject { ["command"] = $"echo {line} >> /workspace/log" });

    private JsonObject Model()
    {
        var model = First.Model("first-model");
        model["liteLlmModelConfig"]!["additionalParams"] = new JsonObject { ["belay"] = new JsonObject { ["fallbacks"] = new JsonArray(Second.Model("second-model")) } };
        return model;
    }

    private async Task<string> CreateAsync(bool detach)
    {
        var members = new JsonObject { ["model"] = Model() };
        if (detach)
        {
            members["tags"] = new JsonObject { ["belay:detach"] = "true" };
        }

        return (string)(await Server.Client.CreateHarnessAsync("failover", members, CancellationToken))["arn"]!;
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        var run = await ProgramRun.SucceedAsync(Server.ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, CancellationToken);
        return run.Output;
    }
}
