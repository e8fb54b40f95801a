using System.Text.Json.Nodes;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.CommandLine;

/// <summary>What calls of a provider that has a price, and of one that has none, are said to cost, by every verb that says so.</summary>
public sealed class CostTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Invocation_SaysWhatItCost_OrWhichPriceIsMissing()
    {
        // As Groq lists it: 1,000,000 tokens at 0.075, and 200,000 at 0.3.
        await using var provider = await ChatCompletionsServer.StartAsync(
            _ => new ChatReply.Streamed([new ChatPiece.Text("Hello.")], "stop", new ChatUsage(1_000_000, 200_000)), CancellationToken);
        var harness = await server.CreateHarnessAsync([], CancellationToken);
        var session = $"session-cost-{harness[^10..]}-0123456789abcdef";

        var priced = await InvokeAsync("groq/openai/gpt-oss-20b");
        var unpriced = await InvokeAsync("lm_studio/gpt-oss-20b");

        Assert.Contains(" · 0.135 USD", priced.Error, StringComparison.Ordinal);
        Assert.Contains(" · cost unknown: no price for lm_studio/gpt-oss-20b", unpriced.Error, StringComparison.Ordinal);
        var found = JsonNode.Parse((await RunAsync("get", "session", session, "--json")).Output)!;
        Assert.Null(found["session"]!["cost"]);
        Assert.Equal(["lm_studio/gpt-oss-20b"], found["session"]!["unpriced"]!.AsArray().Select(model => (string?)model));
        Assert.Equal(["groq 0.135", "lm_studio "], found["models"]!.AsArray().Select(model => $"{model!["provider"]} {model["cost"]?["amount"]}"));
        var used = JsonNode.Parse((await RunAsync("list", "usage", "--harness", harness, "--group-by", "model", "--json")).Output)!["rows"]!.AsArray();
        Assert.Equal(["groq 0.135", "lm_studio "], used.Select(row => $"{row!["provider"]} {row["cost"]?["amount"]}"));
        Assert.Contains("unknown", (await RunAsync("list", "usage", "--harness", harness)).Output, StringComparison.Ordinal);

        Task<ProgramRun> InvokeAsync(string modelId) => RunAsync(
            "invoke", "--harness", harness, "--session-id", session, "--model",
            new JsonObject { ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = modelId, ["apiBase"] = provider.BaseUrl.ToString() } }.ToJsonString(), "Hi.");
    }

    private async Task<ProgramRun> RunAsync(params string[] arguments) =>
        await ProgramRun.SucceedAsync((await server.StartedAsync()).ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]), Limit, CancellationToken);
}
