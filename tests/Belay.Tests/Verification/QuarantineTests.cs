using System.Text;
using System.Text.Json.Nodes;
using Belay.Contracts.Signing;
using Belay.Server.Auth;
using Belay.Storage.Sqlite;
using Belay.Testing.Clients;
using Belay.Tests.Wire;

namespace Belay.Tests.Verification;

/// <summary>A server with one damaged session among others.</summary>
public sealed class QuarantineTests : IAsyncLifetime
{
    private const string Damaged = "a-session-that-somebody-is-going-to-damage";
    private const string Sound = "a-session-that-nobody-is-going-to-damage-ever";

    private NativeServer? _server;
    private string _harnessArn = "";
    private string _harnessId = "";

    private NativeServer Server => _server!;

    public async ValueTask InitializeAsync()
    {
        _server = await NativeServer.StartAsync();
        var made = await Server.SignedAsync(HttpMethod.Post, "/harnesses", """{"harnessName":"hello","executionRoleArn":"arn:aws:iam::000000000000:role/BelayTests"}""");
        _harnessArn = made.Json.GetProperty("harness").GetProperty("arn").GetString()!;
        _harnessId = made.Json.GetProperty("harness").GetProperty("harnessId").GetString()!;
        await Server.ReadyAsync(_harnessId);
        foreach (var session in (string[])[Damaged, Sound])
        {
            var answer = await InvokeAsync(session);
            Assert.True(answer.Status == 200, answer.Body);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Fact]
    public async Task DamageFoundOnRead_RefusesThatSession_EverywhereWithTheReason_AndNoOther()
    {
        Tamper("UPDATE entries SET body = zeroblob(50) WHERE sequence = 2 AND session = (SELECT number FROM sessions WHERE session_id LIKE '%damage' )");

        // 1. Whoever reads finds it.
        var read = await Server.SignedAsync(HttpMethod.Get, $"/belay/v1/harnesses/{_harnessId}/sessions/{Damaged}/journal");
        AssertRefused(read);

        // 2. From then on nothing of it works, though the server has it in memory.
        AssertRefused(await InvokeAsync(Damaged));
        AssertRefused(await SignedAsync($"/runtimes/{Uri.EscapeDataString(_harnessArn)}/commands?qualifier=DEFAULT", """{"command":"true"}""", Damaged));
        var listed = (await Server.SignedAsync(HttpMethod.Get, "/belay/v1/sessions")).Json.GetProperty("sessions").EnumerateArray()
            .ToDictionary(one => one.GetProperty("sessionId").GetString()!, one => one.GetProperty("state").GetString());
        Assert.Equal(("damaged", "idle"), (listed[Damaged], listed[Sound]));
        var shown = (await Server.SignedAsync(HttpMethod.Get, $"/belay/v1/harnesses/{_harnessId}/sessions/{Damaged}")).Json.GetProperty("session");
        Assert.Contains("Entry 2 of session", shown.GetProperty("why").GetString(), StringComparison.Ordinal);
        Assert.Equal(200, (await Server.SignedAsync(HttpMethod.Get, "/belay/v1/logs?level=debug")).Status);

        // 3. The others work.
        Assert.Equal(200, (await InvokeAsync(Sound)).Status);
        Assert.Equal(200, (await InvokeAsync("a-session-that-begins-after-the-damage-was-done")).Status);

        // 4. Whoever runs the server is told, once.
        Assert.Single(Server.Log.Text.Split('\n'), line => line.Contains("is quarantined. Entry 2 of session", StringComparison.Ordinal));
        var findings = (await Server.SignedAsync(HttpMethod.Get, "/belay/v1/doctor")).Json.GetProperty("findings").EnumerateArray();
        Assert.Equal("failed", findings.Single(finding => finding.GetProperty("name").GetString() == "journals").GetProperty("status").GetString());
    }

    [Fact]
    public async Task Verify_SaysWhatIsDamaged_WhileTheServerRuns()
    {
        var before = (await Server.SignedAsync(HttpMethod.Get, "/belay/v1/verify")).Json;
        Tamper("DELETE FROM entries WHERE sequence > 2 AND session = (SELECT number FROM sessions WHERE session_id LIKE '%damage')");
        var after = (await Server.SignedAsync(HttpMethod.Get, "/belay/v1/verify")).Json;
        var only = (await Server.SignedAsync(HttpMethod.Get, $"/belay/v1/verify?sessionId={Sound}")).Json;

        Assert.Equal(0, before.GetProperty("damaged").GetArrayLength());
        Assert.Equal(2, before.GetProperty("tally").GetProperty("sessions").GetInt64());
        Assert.False(before.GetProperty("tally").GetProperty("heads").TryGetProperty("problem", out _));
        var damaged = Assert.Single(after.GetProperty("damaged").EnumerateArray());
        Assert.Equal((Damaged, 3L), (damaged.GetProperty("sessionId").GetString(), damaged.GetProperty("sequence").GetInt64()));
        Assert.Equal((1L, 0L), (only.GetProperty("tally").GetProperty("sessions").GetInt64(), only.GetProperty("tally").GetProperty("damagedSessions").GetInt64()));
        AssertRefused(await InvokeAsync(Damaged));
    }

    [Fact]
    public async Task Verify_ByKeysOfAnotherAccount_SeesOnlyItsOwn()
    {
        Tamper("UPDATE entries SET body = zeroblob(50)");
        await Server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", """{"account":"111111111111"}""");
        var other = await Eventually.GetAsync(
            "the key can be read", () => Task.FromResult(Server.Keys.List().SingleOrDefault(key => key.Account == "111111111111")), TestContext.Current.CancellationToken);

        var found = await Server.SignedAsync(HttpMethod.Get, "/belay/v1/verify", key: other);

        Assert.True(found.Status == 200, found.Body);
        var answer = found.Json;
        Assert.Equal(0, answer.GetProperty("tally").GetProperty("sessions").GetInt64());
        Assert.False(answer.GetProperty("tally").TryGetProperty("heads", out _));
    }

    private static void AssertRefused(WireServer.Answer answer)
    {
        Assert.Equal(500, answer.Status);
        Assert.Contains($"of session {Damaged}", answer.Message, StringComparison.Ordinal);
        Assert.Contains("belay verify", answer.Message, StringComparison.Ordinal);
    }

    private Task<WireServer.Answer> InvokeAsync(string session) => SignedAsync(
        $"/harnesses/invoke?harnessArn={Uri.EscapeDataString(_harnessArn)}",
        new JsonObject { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["text"] = "Say hello." }) }) }.ToJsonString(),
        session);

    private Task<WireServer.Answer> SignedAsync(string target, string json, string session) => Server.SendAsync(HttpMethod.Post, target, json, request =>
    {
        request.Headers.Add("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", session);
        SigV4Signer.Sign(request, Encoding.UTF8.GetBytes(json), Server.Key.Id, Server.Key.Secret, "us-west-2", SigV4Verifier.Service, TimeProvider.System.GetUtcNow());
    });

    private void Tamper(string sql)
    {
        using var connection = SqliteConnection.Open(Path.Combine(Server.Directory, SqliteDatabase.FileName));
        connection.Execute(sql);
    }
}
