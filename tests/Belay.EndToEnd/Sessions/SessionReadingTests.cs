using System.Text.Json.Nodes;

namespace Belay.EndToEnd.Sessions;

/// <summary>The reading half of the native API against the real process: what an invocation did is listed, followed, traced and summed.</summary>
public sealed class SessionReadingTests(SharedServer server)
{
    private const string Session = "a-session-that-somebody-wants-to-read-again";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Turn_IsFollowed_Listed_Traced_AndSummed()
    {
        var arn = await server.CreateHarnessAsync(new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, CancellationToken);
        var client = (await server.StartedAsync()).Client;
        var harness = arn[(arn.LastIndexOf('/') + 1)..];
        var journal = $"/belay/v1/harnesses/{harness}/sessions/{Session}/journal";
        await client.TurnAsync(arn, Session, "Hello.", CancellationToken);

        // A follower, cut off and resumed in the middle, sees the second turn as it happens.
        var ids = new List<string>();
        await foreach (var line in client.ReadEventsAsync(journal, null, CancellationToken))
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                ids.Add(line[4..]);
                break;
            }
        }

        var turn = client.TurnAsync(arn, Session, "And again.", CancellationToken);
        var ends = 0;
        await foreach (var line in client.ReadEventsAsync(journal, ids[^1], CancellationToken))
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                ids.Add(line[4..]);
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal) && (string?)JsonNode.Parse(line[6..])!["kind"] == "InvocationEnded" && ++ends == 2)
            {
                break;
            }
        }

        await turn;
        Assert.Equal(Enumerable.Range(1, ids.Count).Select(id => $"{id}"), ids);

        var session = (await GetAsync($"/belay/v1/sessions?harnessId={harness}"))["sessions"]![0]!;
        Assert.Equal(("idle", 2, 0m), ((string?)session["state"], (int?)session["invocations"], (decimal?)session["cost"]!["amount"]));
        var traces = (await GetAsync($"/belay/v1/traces?harnessId={harness}"))["traces"]!.AsArray();
        Assert.Equal(2, traces.Count);
        var trace = (await GetAsync($"/belay/v1/traces/{traces[0]!["traceId"]}"))["traces"]![0]!;
        Assert.Equal("invoke_agent", (string?)trace["spans"]![0]!["operation"]);
        Assert.Contains((await GetAsync($"/belay/v1/logs?harnessId={harness}"))["lines"]!.AsArray(), line => (string?)line!["kind"] == "InvocationEnded");
        Assert.Equal(2, (int?)(await GetAsync($"/belay/v1/usage?harnessId={harness}"))["rows"]![0]!["invocations"]);

        Task<JsonObject> GetAsync(string target) => client.CallAsync(HttpMethod.Get, target, body: null, CancellationToken);
    }
}
