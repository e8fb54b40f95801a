using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Belay.Tests.Cli;

public sealed partial class KeysTests
{
    [Fact]
    public async Task Env_PrintsExactlyTheSixVariables()
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("env", "--port", "9000", "--data", "d"));
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Collection(
            lines,
            line => Assert.Matches("^export AWS_ACCESS_KEY_ID='BELAY[A-Z2-7]{15}'$", line),
            line => Assert.Matches("^export AWS_SECRET_ACCESS_KEY='[A-Za-z0-9]{40}'$", line),
            line => Assert.Equal("export AWS_REGION='us-west-2'", line),
            line => Assert.Equal("export AWS_DEFAULT_REGION='us-west-2'", line),
            line => Assert.Equal("export AWS_ENDPOINT_URL_BEDROCK_AGENTCORE='http://127.0.0.1:9000'", line),
            line => Assert.Equal("export AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL='http://127.0.0.1:9000'", line));
        Assert.Empty(run.Error);
        Assert.Empty(run.Service.Sent);
    }

    [Fact]
    public async Task Env_TwiceIsTheSame_AndNoOtherUserCanReadTheKeys()
    {
        using var first = new CliRun();
        await first.RunAsync("env");
        var once = first.Output;
        await first.RunAsync("env");

        Assert.Equal(once + once, first.Output);
        foreach (var file in new[] { "master.key", "access-keys" })
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(first.Directory, ".belay", file)));
        }
    }

    [Fact]
    public async Task Env_WarnsOfASessionTokenThatClientsWouldSend()
    {
        using var run = new CliRun();
        run.Environment["AWS_SESSION_TOKEN"] = "x";

        Assert.Equal(0, await run.RunAsync("env"));
        Assert.Contains("unset AWS_SESSION_TOKEN", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Env_ReadableMasterKey_IsRefusedWithTheRemedy()
    {
        using var run = new CliRun();
        await run.RunAsync("env");
        File.SetUnixFileMode(Path.Combine(run.Directory, ".belay", "master.key"), UnixFileMode.UserRead | UnixFileMode.OtherRead);

        Assert.Equal(4, await run.RunAsync("env"));
        Assert.Contains("chmod 600", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotate_ReplacesTheMasterKey_AndTheKeysStay()
    {
        using var run = new CliRun();
        Assert.Equal(4, await run.RunAsync("keys", "rotate"));
        Assert.Contains("holds no master.key", run.Error, StringComparison.Ordinal);
        await run.RunAsync("env");
        var before = run.Output;
        var file = Path.Combine(run.Directory, ".belay", "master.key");
        var key = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);

        Assert.Equal(0, await run.RunAsync("keys", "rotate"));

        Assert.StartsWith($"{before}Replaced {file}; 0 documents are sealed anew.", run.Output, StringComparison.Ordinal);
        Assert.NotEqual(key, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        await run.RunAsync("env");
        Assert.EndsWith(before, run.Output, StringComparison.Ordinal);

        File.Copy(file, $"{file}.next");
        Assert.NotEqual(0, await run.RunAsync("env"));
        Assert.Contains("finish it with: belay keys rotate", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_AreMadeListedAndDeleted()
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("keys", "create", "--account", "111122223333", "--description", "staging"));
        var id = Id().Match(run.Output).Value;
        var secret = Secret().Match(run.Output).Groups[1].Value;
        Assert.Equal(40, secret.Length);

        var before = run.Output.Length;
        Assert.Equal(0, await run.RunAsync("keys", "list"));
        var list = run.Output[before..];
        Assert.Contains($"{id}  111122223333  2026-11-21T08:00:00Z  staging", list, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, list, StringComparison.Ordinal);

        Assert.Equal(0, await run.RunAsync("keys", "delete", id));
        Assert.Equal(1, await run.RunAsync("keys", "delete", id));
    }

    [Fact]
    public async Task Keys_CreateJson_HasTheSecretOnce()
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("keys", "create", "--json"));
        var key = JsonNode.Parse(run.Output)!;
        Assert.StartsWith("BELAY", (string?)key["accessKeyId"], StringComparison.Ordinal);
        Assert.Equal("000000000000", (string?)key["account"]);
        Assert.Equal(40, ((string?)key["secretAccessKey"])!.Length);
    }

    [Fact]
    public async Task Tokens_OfADirectoryThatNoServerHolds_AreMadeListedAndRevoked()
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("keys", "token", "--name", "dashboard", "--expires", "3600"));
        var token = run.Output.Trim();
        Assert.Matches("^belay_000000000000_[A-Za-z0-9]{16}_[A-Za-z0-9]{43}$", token);
        Assert.Contains("Valid until 2026-11-21T09:00:0", run.Error, StringComparison.Ordinal);
        var id = token.Split('_')[2];

        var before = run.Output.Length;
        Assert.Equal(0, await run.RunAsync("keys", "tokens"));
        var list = run.Output[before..];
        Assert.Contains($"{id}  dashboard  us-west-2", list, StringComparison.Ordinal);
        Assert.DoesNotContain(token[^43..], list, StringComparison.Ordinal);

        Assert.Equal(0, await run.RunAsync("keys", "revoke", id));
        Assert.Equal(1, await run.RunAsync("keys", "revoke", id));
        Assert.Contains("There are no tokens", await ErrorOfAsync(run, "keys", "tokens"), StringComparison.Ordinal);
        Assert.Empty(run.Service.Sent);
    }

    [Fact]
    public async Task DirectoryThatAServerHolds_IsAskedForAtTheServer()
    {
        using var run = new CliRun();
        await run.RunAsync("env");
        using var held = Belay.Storage.DataDirectoryLock.TryTake(Path.Combine(run.Directory, ".belay"));
        run.Service.On("GET /belay/v1/keys", () => FakeService.Json(JsonNode.Parse("""{"keys":[{"accessKeyId":"BELAYX","account":"111122223333","createdAt":"2026-11-21T08:00:00.000Z"}]}""")!));
        run.Service.On("POST /belay/v1/tokens", () => FakeService.Json(JsonNode.Parse(
            """{"token":{"tokenId":"t","accessKeyId":"BELAYX","region":"us-west-2","createdAt":"2026-11-21T08:00:00.000Z","expiresAt":"2026-11-21T08:01:00.000Z"},"bearerToken":"belay_shown"}""")!));

        Assert.Equal(0, await run.RunAsync("keys", "list"));
        Assert.Contains("BELAYX  111122223333  2026-11-21T08:00:00Z", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, await run.RunAsync("keys", "token", "--expires", "60", "--json"));
        Assert.Contains("\"bearerToken\": \"belay_shown\"", run.Output, StringComparison.Ordinal);
        Assert.Equal("""{"expiresInSeconds":60}""", run.Service.Sent[^1].Body);
        Assert.Equal(3, await run.RunAsync("keys", "revoke", "t"));
    }

    [Fact]
    public async Task Env_AfterEveryKeyWasDeleted_MakesNoneBehindTheOperatorsBack()
    {
        using var run = new CliRun();
        await run.RunAsync("env");
        await run.RunAsync("keys", "delete", Id().Match(run.Output).Value);

        Assert.Equal(4, await run.RunAsync("env"));
        Assert.Contains("belay keys create", run.Error, StringComparison.Ordinal);
    }

    private static async Task<string> ErrorOfAsync(CliRun run, params string[] arguments)
    {
        var before = run.Error.Length;
        await run.RunAsync(arguments);
        return run.Error[before..];
    }

    [GeneratedRegex("BELAY[A-Z2-7]{15}")]
    private static partial Regex Id();

    [GeneratedRegex("AWS_SECRET_ACCESS_KEY='([A-Za-z0-9]+)'")]
    private static partial Regex Secret();
}
