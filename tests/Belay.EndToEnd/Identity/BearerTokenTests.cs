using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Identity;

/// <summary>A bearer token from the program to curl and back, against a server as it is shipped.</summary>
public sealed class BearerTokenTests : IAsyncLifetime
{
    private BelayProcess _server = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await BelayProcess.StartAsync(CancellationToken);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task TokenOfTheCommandLine_LetsCurlIn_UntilItIsRevoked()
    {
        var made = await KeysAsync("token", "--name", "curl");
        var token = made.Output.Trim();

        // 1. The native API opens, once; the AWS wire does not; two ways at once are none.
        var (status, body) = await CurlAsync("/belay/v1/doctor", "-H", $"Authorization: Bearer {token}");
        Assert.Equal("200", status);
        Assert.Contains(body["findings"]!.AsArray(), finding => (string)finding!["name"]! == "store" && (string)finding["status"]! == "ok");
        Assert.DoesNotContain(_server.DataDirectory, body.ToJsonString());
        Assert.Equal("403", (await CurlAsync("/harnesses", "-H", $"Authorization: Bearer {token}")).Status);
        Assert.Equal("403", (await CurlAsync("/belay/v1/doctor", "-H", $"Authorization: Bearer {token}", "-H", $"Authorization: Bearer {token}")).Status);

        // 2. A ticket, as a browser would use it.
        var ticket = (string)(await CurlAsync("/belay/v1/tickets", "-X", "POST", "-H", $"Authorization: Bearer {token}")).Body["ticket"]!;
        Assert.Equal("200", (await CurlAsync($"/belay/v1/doctor?ticket={ticket}")).Status);
        Assert.Equal("403", (await CurlAsync($"/belay/v1/doctor?ticket={ticket}")).Status);

        // 3. Neither the log nor the disk has seen them.
        Assert.DoesNotContain(token, _server.ReadLog());
        Assert.DoesNotContain(ticket, _server.ReadLog());

        // 4. The program asks the same server: it lists, examines and revokes.
        var id = token.Split('_')[2];
        Assert.Contains(id, (await KeysAsync("tokens")).Output);
        Assert.Contains("open session", (await ProgramRun.SucceedAsync(_server.Verb("doctor"), Eventually.Deadline, CancellationToken)).Output);
        await KeysAsync("revoke", id);
        Assert.Equal("403", (await CurlAsync("/belay/v1/doctor", "-H", $"Authorization: Bearer {token}")).Status);
    }

    private Task<ProgramRun> KeysAsync(params string[] arguments) => ProgramRun.SucceedAsync(
        _server.ClientProgram("dotnet", [RepositoryPaths.Cli, "keys", .. arguments, "--port", $"{_server.Port}", "--data", _server.DataDirectory]), Eventually.Deadline, CancellationToken);

    private async Task<(string Status, JsonNode Body)> CurlAsync(string path, params string[] options)
    {
        var run = await ProgramRun.SucceedAsync(
            _server.ClientProgram("curl", ["-sS", "--noproxy", "*", "-w", "\n%{http_code}", .. options, $"http://127.0.0.1:{_server.Port}{path}"]), Eventually.Deadline, CancellationToken);
        var end = run.Output.TrimEnd().LastIndexOf('\n');
        return (run.Output[(end + 1)..].Trim(), JsonNode.Parse(run.Output[..end])!);
    }
}
