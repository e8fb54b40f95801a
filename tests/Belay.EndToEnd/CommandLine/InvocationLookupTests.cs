using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary>What one invocation leaves behind, as every verb that looks at it says.</summary>
public sealed class InvocationLookupTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Invocation_IsFoundByEveryVerb()
    {
        var harness = await server.CreateHarnessAsync(
            new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, TestContext.Current.CancellationToken);
        var session = $"session-verbs-{harness[^10..]}-0123456789abcdef";
        await RunAsync("invoke", "--harness", harness, "--session-id", session, "Run `echo found`");

        var lines = (await RunAsync("logs", "--harness", harness, "--session-id", session, "--level", "debug", "--json")).Output.TrimEnd().Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal("InvocationStarted", (string?)lines[0]["kind"]);
        Assert.Equal("InvocationEnded", (string?)lines[^1]["kind"]);
        Assert.Equal(Enumerable.Range(1, lines.Count), lines.Select(line => (int)line["sequence"]!));

        var traces = JsonNode.Parse((await RunAsync("traces", "list", "--harness", harness, "--json")).Output)!["traces"]!.AsArray();
        var id = (string)Assert.Single(traces)!["traceId"]!;
        Assert.Contains("execute_tool shell", (await RunAsync("traces", "get", id)).Output, StringComparison.Ordinal);
        Assert.Contains(id, (await RunAsync("traces", "get", "--session-id", session)).Output, StringComparison.Ordinal);

        var found = JsonNode.Parse((await RunAsync("get", "session", session, "--json")).Output)!;
        Assert.Equal("end_turn", (string?)found["session"]!["stopReason"]);
        Assert.Equal(id, (string?)found["session"]!["lastTraceId"]);
        var sessions = JsonNode.Parse((await RunAsync("list", "sessions", "--harness", harness, "--since", "1h", "--json")).Output)!["sessions"]!.AsArray();
        Assert.Equal(session, (string?)Assert.Single(sessions)!["sessionId"]);

        var used = JsonNode.Parse((await RunAsync("list", "usage", "--harness", harness, "--group-by", "model", "--json")).Output)!["rows"]!.AsArray();
        Assert.Equal("belay/scripted", (string?)Assert.Single(used)!["modelId"]);
        Assert.Equal((int)found["session"]!["usage"]!["output"]!, (int)used[0]!["usage"]!["output"]!);
    }

    private async Task<ProgramRun> RunAsync(params string[] arguments) =>
        await ProgramRun.SucceedAsync((await server.StartedAsync()).ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, TestContext.Current.CancellationToken);
}
