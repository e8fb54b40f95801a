using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Replays;

/// <summary>A session of the real server is run again from its journal: what the client saw on the wire is what a replay says.</summary>
public sealed class ReplayProcessTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Session_IsReplayedByteForByte()
    {
        var harness = await server.CreateHarnessAsync(
            new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, CancellationToken);
        var session = $"session-replay-{harness[^10..]}-0123456789abcdef";
        var client = (await server.StartedAsync()).Client;
        var seen = new List<string>();
        foreach (var text in (string[])["Hello.", "Run `echo one; echo two`", "And what did you run? \u00e4 \ud83d\ude00"])
        {
            await foreach (var frame in client.InvokeAsync(harness, session, text, CancellationToken))
            {
                seen.Add($$"""{"type":"{{frame.Type}}","payload":{{frame.Raw}}}""");
            }
        }

        var events = await RunAsync("replay", session, "--events");
        var verdict = JsonNode.Parse((await RunAsync("replay", session, "--harness", harness, "--json")).Output)!;

        Assert.Equal(seen, events.Output.TrimEnd().Split('\n'));
        Assert.Contains($"3 invocations, {verdict["entries"]} entries, {seen.Count} events: identical", events.Error, StringComparison.Ordinal);
        Assert.True((bool)verdict["identical"]!);
        Assert.Equal(["identical", "identical", "identical"], verdict["invocations"]!.AsArray().Select(invocation => (string?)invocation!["outcome"]));
    }

    private async Task<ProgramRun> RunAsync(params string[] arguments) =>
        await ProgramRun.SucceedAsync((await server.StartedAsync()).ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, CancellationToken);
}
