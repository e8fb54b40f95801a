using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Sessions;

/// <summary>A session with files is forked through the program, and both go on in sandboxes of their own.</summary>
public sealed class ForkProcessTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Fork_SeesFilesAndConversationAsTheyWere_AndBothGoOn()
    {
        var harness = await server.CreateHarnessAsync(
            new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, CancellationToken);
        var session = $"session-to-fork-{harness[^10..]}-0123456789";
        var fork = $"session-forked-{harness[^10..]}-0123456789a";
        await SayAsync(session, "Write \"one\" to notes.txt");
        var entries = await EntriesAsync(session);
        var end = (int)entries.Single(entry => (string?)entry["kind"] == "InvocationEnded")["sequence"]!;
        await SayAsync(session, "Run `echo two > notes.txt`");

        var text = await RunAsync("fork", session, "--at", $"{end}", "--session-id", fork);
        Assert.Contains($"{session} at entry {end}", text, StringComparison.Ordinal);
        Assert.Contains($"as of entry {end}, saved ", text, StringComparison.Ordinal);
        Assert.Equal(("one", "two"), (await ReadAsync(fork), await ReadAsync(session)));

        await SayAsync(fork, "Run `echo mine >> notes.txt`");
        await SayAsync(session, "Run `echo three > notes.txt`");
        Assert.Equal(("one\nmine", "three"), (await ReadAsync(fork), await ReadAsync(session)));
        Assert.Equal("SessionForked", (string?)(await EntriesAsync(fork))[0]["kind"]);
        var shown = JsonNode.Parse(await RunAsync("get", "session", fork, "--json"))!["session"]!;
        Assert.Equal((session, end, 1), ((string?)shown["forkedFrom"]!["sessionId"], (int?)shown["forkedFrom"]!["entry"], (int?)shown["invocations"]));

        // Without an entry: the last one, with the files of now.
        var latest = JsonNode.Parse(await RunAsync("fork", session, "--json"))!;
        Assert.Equal("three", await ReadAsync((string)latest["sessionId"]!));

        // What cannot be is said, and changes nothing.
        var call = (int)entries.First(entry => (string?)entry["kind"] == "ModelOutcome")["sequence"]!;
        Assert.Contains($"at names entry {call}, which stands between", await FailAsync("fork", session, "--at", $"{call}", "--harness", harness), StringComparison.Ordinal);
        Assert.Contains("has a session", await FailAsync("fork", session, "--session-id", fork, "--harness", harness), StringComparison.Ordinal);
        Assert.Contains("does not exist", await FailAsync("fork", "no-session-of-this-name-0123456789abc", "--harness", harness), StringComparison.Ordinal);
        Assert.Contains("model", await FailAsync("fork", session, "--model-id", "nobody/knows-this", "--harness", harness), StringComparison.Ordinal);
        Assert.Equal(3, JsonNode.Parse(await RunAsync("list", "sessions", "--harness", harness, "--json"))!["sessions"]!.AsArray().Count);

        Task<string> SayAsync(string id, string what) => RunAsync("invoke", "--harness", harness, "--session-id", id, what);

        async Task<string> ReadAsync(string id) => (await RunAsync("exec", "--harness", harness, "--session-id", id, "cat notes.txt")).Trim();

        async Task<IReadOnlyList<JsonNode>> EntriesAsync(string id) =>
            [.. (await RunAsync("logs", "--harness", harness, "--session-id", id, "--level", "debug", "--json")).TrimEnd().Split('\n').Select(line => JsonNode.Parse(line)!)];
    }

    private async Task<string> RunAsync(params string[] arguments) =>
        (await ProgramRun.SucceedAsync((await server.StartedAsync()).ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, CancellationToken)).Output;

    private async Task<string> FailAsync(params string[] arguments)
    {
        var run = await ProgramRun.TryAsync((await server.StartedAsync()).ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, CancellationToken);
        Assert.Equal(1, run!.ExitCode);
        return run.Error;
    }
}
