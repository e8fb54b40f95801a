using System.Text.Json.Nodes;
using Belay.Models;
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
    private const string Session = "canary-session-0000000000000000000001";

    private static readonly Dictionary<string, string> ProviderKeys = LiteLlmProviders.KeyVariables.ToDictionary(name => name, name => $"{UpstreamKey}-of-{name}");

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

        // 2. What must be visible is: otherwise the search below proves nothing.
        Assert.Equal(AnswerText, turn.Text);
        var environment = Assert.Single(turn.ToolResults);
        Assert.Contains(ToolOutput, environment);
        Assert.Contains(EnvironmentValue, environment);
        Assert.Equal(EnvironmentValue, (string?)harness["environmentVariables"]!["CANARY"]);
        Assert.Contains(ApiBasePassword, harness["model"]!.ToJsonString());

        // 3. The sandbox knows nothing of the server's own secrets.
        string[] foreign = [AccessKeySecret, UpstreamKey, ApiBasePassword, Server.DataDirectory];
        Assert.All(foreign, secret => Assert.DoesNotContain(secret, environment));

        // 4. The provider gets no key that was not meant for it.
        var headers = string.Join('\n', _provider.Requests.SelectMany(request => request.Headers.Values));
        Assert.DoesNotContain(AccessKeySecret, headers);
        Assert.DoesNotContain(UpstreamKey, headers);

        // 5. Nothing at rest and nothing in the log, while the server runs and after it was killed.
        AssertUnreadable();
        await Server.Kill9Async(CancellationToken);
        AssertUnreadable();
    }

    private void AssertUnreadable() =>
        Canaries.AssertUnreadable(Server, [MessageText, SystemPrompt, AnswerText, ToolOutput, EnvironmentValue, ApiBasePassword, UpstreamKey, AccessKeySecret]);
}
