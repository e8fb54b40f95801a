using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Crashes;

/// <summary>A detached run whose model has answered when the server is killed, before the run's end is written.</summary>
public sealed class AnsweredCrashTests
{
    private const string Session = "a-session-whose-model-has-answered-already";
    private const string Answer = "It is done.";

    private static readonly TimeSpan LastBreath = TimeSpan.FromSeconds(20);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sigkill_BehindTheAnswer_AsksTheModelOnceMoreOnlyWhenItWasNotStored(bool stored)
    {
        await using var provider = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say(Answer), CancellationToken);
        await using var server = new CrashServer();
        await server.StartAsync(new(Session, "ModelOutcome.1", After: stored, Stored: stored), CancellationToken);
        var harness = await server.Client.CreateHarnessAsync("answers", new JsonObject { ["model"] = provider.Model() }, CancellationToken);
        var session = $"/belay/v1/harnesses/{harness["harnessId"]}/sessions/{Session}";
        await DetachAsync(server, session);
        Assert.True(await server.DiesAsync(LastBreath, CancellationToken));
        Assert.Single(provider.Requests);

        await server.StartAsync(null, CancellationToken);
        var told = new List<JsonNode>();
        await Eventually.TrueAsync("the run has ended", async () =>
        {
            told = await EntriesAsync(server, session);
            return told.Exists(entry => (string?)entry["kind"] == "InvocationEnded");
        }, CancellationToken);

        Assert.Equal(stored ? 1 : 2, provider.Requests.Count);
        Assert.Single(told, entry => (string?)entry["kind"] == "ModelOutcome");
        var end = Assert.Single(told, entry => (string?)entry["kind"] == "InvocationEnded");
        Assert.Contains("end_turn", end.ToJsonString(), StringComparison.Ordinal);
        var verdict = await server.Client.CallAsync(HttpMethod.Post, session + "/replay", new JsonObject(), CancellationToken);
        Assert.True((bool)verdict["identical"]!, verdict.ToJsonString());
        Assert.Equal(Answer, (await server.Client.TurnAsync((string)harness["arn"]!, Session, "Is it?", CancellationToken)).Text);
        Assert.Equal(["user", "assistant", "user"], provider.Requests[^1].Roles);
    }

    private static async Task DetachAsync(CrashServer server, string session)
    {
        var body = HarnessClient.UserText("Do it.");
        body["detach"] = true;
        try
        {
            await server.Client.CallAsync(HttpMethod.Post, session + "/invocations", body, CancellationToken);
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException)
        {
            // The server died first.
        }
    }

    private static async Task<List<JsonNode>> EntriesAsync(CrashServer server, string session) =>
        [.. (await server.Client.CallAsync(HttpMethod.Get, session + "/journal", null, CancellationToken))["entries"]!.AsArray().Select(entry => entry!)];
}
