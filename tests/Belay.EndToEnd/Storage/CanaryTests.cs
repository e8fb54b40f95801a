using System.Text;
using System.Text.Json.Nodes;
using Belay.Models;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Storage;

/// <summary>
/// Secrets and message content are planted wherever they enter, a whole session is run, and then every place is searched
/// where they must not be readable: the data directory, the log, the environment of the sandbox, the provider's requests.
/// </summary>
public sealed class CanaryTests : IAsyncLifetime
{
    private const string MessageText = "canary-message-4f0c";
    private const string SystemPrompt = "canary-prompt-81ab";
    private const string AnswerText = "canary-answer-77d2";
    private const string ToolOutput = "canary-tooloutput-3e9c";
    private const string ToolOutputCommand = "printf canary; printf -- -tooloutput; echo -3e9c";
    private const string EnvironmentValue = "canary-variable-c5f1";
    private const string ApiBasePassword = "canary-apibase-90be";
    private const string UpstreamKey = "canary-upstream-key-2a6d";
    private const string VaultKey = "canary-vault-key-6b3e";
    private const string RotatedKey = "canary-rotated-key-d108";
    private const string Session = "canary-session-0000000000000000000001";

    private static readonly Dictionary<string, string> ProviderKeys = LiteLlmProviders.KeyVariables.ToDictionary(name => name, name => $"{UpstreamKey}-of-{name}");

    private readonly TemporaryDirectory _outside = new();
    private BelayProcess? _server;
    private ChatCompletionsServer? _provider;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private BelayProcess Server => _server!;

    private string AccessKeySecret => Server.ClientEnvironment["AWS_SECRET_ACCESS_KEY"];

    public async ValueTask InitializeAsync()
    {
        _provider = await ChatCompletionsServer.StartAsync(
            request => request.ToolResultsSinceUser == 0
                ? ChatReply.Call("shell", new JsonObject { ["command"] = $"{ToolOutputCommand}; env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'" })
                : ChatReply.Say(AnswerText),
            CancellationToken);
        _server = await BelayProcess.StartAsync(ProviderKeys, ["--log-format", "json", "--log-level", "trace", "--provider-keys"], CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _outside.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_provider is not null)
        {
            await _provider.DisposeAsync();
        }
    }

    [Fact]
    public async Task AfterARun_NoCanaryIsReadableWhereItMustNotBe()
    {
        // 1. Plant and run.
        var model = _provider!.Model();
        model["liteLlmModelConfig"]!["apiBase"] = $"{_provider.BaseUrl.ToString().TrimEnd('/')}/{ApiBasePassword}";
        var vaultKey = await Server.Client.CallAsync(
            HttpMethod.Post, "/identities/CreateApiKeyCredentialProvider", new JsonObject { ["name"] = "canary", ["apiKey"] = VaultKey }, CancellationToken);
        model["liteLlmModelConfig"]!["apiKeyArn"] = (string)vaultKey["credentialProviderArn"]!;
        var harness = await Server.Client.CreateHarnessAsync(
            "canary",
            new JsonObject
            {
                ["model"] = model,
                ["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = SystemPrompt }),
                ["environmentVariables"] = new JsonObject { ["CANARY"] = EnvironmentValue },
            },
            CancellationToken);
        var turn = await Server.Client.TurnAsync((string)harness["arn"]!, Session, MessageText, CancellationToken);
        await Server.Client.CallAsync(
            HttpMethod.Post, "/identities/UpdateApiKeyCredentialProvider", new JsonObject { ["name"] = "canary", ["apiKey"] = RotatedKey }, CancellationToken);
        await Server.Client.TurnAsync((string)harness["arn"]!, Session, MessageText, CancellationToken);

        // 2. What must be visible is: otherwise the search below proves nothing.
        Assert.Equal(AnswerText, turn.Text);
        var environment = Assert.Single(turn.ToolResults);
        Assert.Contains(ToolOutput, environment);
        Assert.Contains(EnvironmentValue, environment);
        Assert.Equal(EnvironmentValue, (string?)harness["environmentVariables"]!["CANARY"]);
        Assert.Contains(ApiBasePassword, harness["model"]!.ToJsonString());

        // 3. The sandbox knows nothing of the server's own secrets.
        string[] foreign = [AccessKeySecret, UpstreamKey, VaultKey, RotatedKey, ApiBasePassword, Server.DataDirectory];
        Assert.All(foreign, secret => Assert.DoesNotContain(secret, environment));

        // 4. The provider gets the key of the vault, the new one from the next call on, and none that was not meant for it.
        Assert.Equal(
            [$"Bearer {VaultKey}", $"Bearer {VaultKey}", $"Bearer {RotatedKey}"],
            _provider.Requests.Take(3).Select(request => request.Headers["authorization"]));
        var headers = string.Join('\n', _provider.Requests.SelectMany(request => request.Headers.Values));
        Assert.DoesNotContain(AccessKeySecret, headers);
        Assert.DoesNotContain(UpstreamKey, headers);

        // 5. No answer that shows what happened has a key, and no file that leaves the server.
        var (harnessId, passphrase) = ((string)harness["harnessId"]!, Path.Combine(_outside.Path, "passphrase"));
        await File.WriteAllTextAsync(passphrase, "a passphrase of the canary", CancellationToken);
        var shown = new StringBuilder();
        foreach (var target in new[] { "/metrics", $"/belay/v1/harnesses/{harnessId}/sessions/{Session}/journal?maxResults=100", $"/belay/v1/harnesses/{harnessId}/sessions/{Session}", $"/harnesses/{harnessId}" })
        {
            using var response = await Server.Client.SendAsync(HttpMethod.Get, target, null, null, CancellationToken);
            var text = await response.Content.ReadAsStringAsync(CancellationToken);
            Assert.True(response.IsSuccessStatusCode, $"{target}: {text}");
            shown.Append(text);
        }

        await ProgramRun.SucceedAsync(Server.Verb("export-session", Session, "--output", Path.Combine(_outside.Path, "bundle")), Eventually.Deadline, CancellationToken);
        await ProgramRun.SucceedAsync(Server.Verb("backup", Path.Combine(_outside.Path, "backup"), "--passphrase-file", passphrase), Eventually.Deadline, CancellationToken);
        Assert.DoesNotContain(VaultKey, shown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(RotatedKey, shown.ToString(), StringComparison.Ordinal);
        Canaries.AssertUnreadable(_outside.Path, [VaultKey, RotatedKey]);

        // 6. Nothing at rest and nothing in the log, while the server runs and after it was killed.
        AssertUnreadable();
        await Server.Kill9Async(CancellationToken);
        AssertUnreadable();
    }

    private void AssertUnreadable() =>
        Canaries.AssertUnreadable(Server, [MessageText, SystemPrompt, AnswerText, ToolOutput, EnvironmentValue, ApiBasePassword, UpstreamKey, VaultKey, RotatedKey, AccessKeySecret]);
}
