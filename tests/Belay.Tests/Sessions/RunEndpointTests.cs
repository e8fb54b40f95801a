using System.Text.Json;
using Belay.Testing.Clients;
using Belay.Tests.Wire;

namespace Belay.Tests.Sessions;

/// <summary>StartInvocation, SteerInvocation and CancelInvocation on the real server.</summary>
public sealed class RunEndpointTests : IAsyncLifetime
{
    private const string Busy = """{"detach":true,"messages":[{"role":"user","content":[{"text":"Run `sleep 30`"}]}]}""";
    private const string Hello = """{"messages":[{"role":"user","content":[{"text":"Run `echo hello`"}]}]}""";

    private NativeServer _server = null!; // Set before every test.
    private string _session = "";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await NativeServer.StartAsync();
        var made = await _server.SignedAsync(HttpMethod.Post, "/harnesses", """{"harnessName":"agent","executionRoleArn":"arn:aws:iam::000000000000:role/HarnessRole"}""");
        var harness = made.Json.GetProperty("harness").GetProperty("harnessId").GetString()!;
        await _server.ReadyAsync(harness);
        _session = $"/belay/v1/harnesses/{harness}/sessions/a-session-that-runs-without-its-client";
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Detached_RunsWithoutItsClient_RefusesASecond_IsSteeredAndCancelled_AndTheSessionStaysUsable()
    {
        var started = await StartAsync(Busy);
        Assert.Equal(202, started.Status);
        await EventAsync("contentBlockStop");

        var second = await _server.SignedAsync(HttpMethod.Post, _session + "/invocations", Hello);
        Assert.Contains("already processing", second.Message, StringComparison.Ordinal);
        Assert.Equal(204, (await _server.SignedAsync(HttpMethod.Post, _session + "/steer", """{"steerId":"s1","text":"Never mind."}""")).Status);
        Assert.Equal(204, (await _server.SignedAsync(HttpMethod.Post, _session + "/steer", """{"steerId":"s1","text":"Never mind."}""")).Status);
        Assert.Equal("running", await StateAsync());

        var cancelled = await _server.SignedAsync(HttpMethod.Post, _session + "/cancel");
        Assert.Equal(started.Json.GetProperty("invocationId").GetString(), cancelled.Json.GetProperty("invocationId").GetString());
        Assert.Equal("idle", await StateAsync());
        var newest = (await _server.SignedAsync(HttpMethod.Get, _session)).Json.GetProperty("invocations")[0];
        Assert.Equal(("interrupted", 1L), (newest.GetProperty("stopReason").GetString(), newest.GetProperty("sequence").GetInt64()));
        Assert.Single(await EventsAsync(), one => one.GetProperty("type").GetString() == "steered");

        Assert.Equal(400, (await _server.SignedAsync(HttpMethod.Post, _session + "/cancel")).Status);
        Assert.Equal(400, (await _server.SignedAsync(HttpMethod.Post, _session + "/steer", """{"steerId":"s2","text":"Hello?"}""")).Status);
        Assert.Equal(200, (await _server.SignedAsync(HttpMethod.Post, _session + "/invocations", Hello)).Status);
        Assert.Equal(["interrupted", "end_turn"], (await EventsAsync()).Where(one => one.GetProperty("type").GetString() == "invocationEnded").Select(one => one.GetProperty("data").GetProperty("stopReason").GetString()));
    }

    [Fact]
    public async Task WhatIsWrong_IsNamed()
    {
        var problems = await _server.SignedAsync(HttpMethod.Post, _session + "/invocations", """{"detach":"yes","messages":[],"maxIterations":0}""");
        Assert.Equal(400, problems.Status);
        Assert.Contains("detach", problems.Body, StringComparison.Ordinal);
        Assert.Contains("maxIterations", problems.Body, StringComparison.Ordinal);

        var steer = await _server.SignedAsync(HttpMethod.Post, _session + "/steer", """{"steerId":"not one","text":""}""");
        Assert.Contains("steerId", steer.Body, StringComparison.Ordinal);
        Assert.Contains("text", steer.Body, StringComparison.Ordinal);
        Assert.Equal(404, (await _server.SignedAsync(HttpMethod.Post, _session + "/cancel")).Status);
        Assert.Equal(404, (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/harnesses/missing-0123456789/sessions/a-session-that-runs-without-its-client/invocations", Busy)).Status);
    }

    private Task<WireServer.Answer> StartAsync(string body) => _server.SignedAsync(HttpMethod.Post, _session + "/invocations", body);

    private async Task<string?> StateAsync() => (await _server.SignedAsync(HttpMethod.Get, _session)).Json.GetProperty("session").GetProperty("state").GetString();

    private async Task<IReadOnlyList<JsonElement>> EventsAsync() =>
        [.. (await _server.SignedAsync(HttpMethod.Get, _session + "/events?maxResults=1000")).Json.GetProperty("events").EnumerateArray()];

    private Task EventAsync(string type) =>
        Eventually.TrueAsync($"there is a {type}", async () => (await EventsAsync()).Any(one => one.GetProperty("type").GetString() == type), Token);
}
