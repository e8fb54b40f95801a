using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.CommandLine;

/// <summary>The AWS CLI, pointed here by nothing but what <c>belay env</c> prints.</summary>
public sealed class AwsCliTests(SharedServer server)
{
    [Fact]
    public async Task ControlPlane_IsDrivenByTheUnchangedAwsCli()
    {
        await SkipWithoutCliAsync();

        var created = await RunAsync(
            "aws bedrock-agentcore-control create-harness --harness-name MyHarness --execution-role-arn arn:aws:iam::123456789012:role/MyHarnessRole");
        var harness = created["harness"]!;
        var id = (string)harness["harnessId"]!;
        Assert.Equal("CREATING", (string?)harness["status"]);
        await Eventually.TrueAsync(
            "the harness is READY",
            async () => (string?)(await RunAsync($"aws bedrock-agentcore-control get-harness --harness-id {id}"))["harness"]!["status"] == "READY",
            TestContext.Current.CancellationToken);
        var listed = await RunAsync("aws bedrock-agentcore-control list-harnesses");
        Assert.Contains(listed["harnesses"]!.AsArray(), entry => (string?)entry!["harnessId"] == id);
        var deleting = await RunAsync($"aws bedrock-agentcore-control delete-harness --harness-id {id}");
        Assert.Equal("DELETING", (string?)deleting["harness"]!["status"]);
    }

    [Fact]
    public async Task StopRuntimeSession_EndsASession()
    {
        await SkipWithoutCliAsync();
        var cancellationToken = TestContext.Current.CancellationToken;
        var arn = await server.CreateHarnessAsync([], cancellationToken);
        const string Session = "aws-cli-stops-this-session-0000000001";
        await (await server.StartedAsync()).Client.CommandAsync(arn, Session, "true", cancellationToken);

        var stopped = await RunAsync($"aws bedrock-agentcore stop-runtime-session --agent-runtime-arn {arn} --runtime-session-id {Session}");

        Assert.Equal(Session, (string?)stopped["runtimeSessionId"]);
    }

    [Fact]
    public async Task ProviderKey_IsTheNextCallsFromItsRotationOn_AndMissedOnceItIsDeleted()
    {
        await SkipWithoutCliAsync();
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var provider = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("Hello."), cancellationToken);
        var client = (await server.StartedAsync()).Client;
        const string Session = "aws-cli-provider-key-session-0000000001";
        var name = $"cli-{Guid.CreateVersion7():N}";

        var made = await RunAsync($"aws bedrock-agentcore-control create-api-key-credential-provider --name {name} --api-key sk-first");
        var model = provider.Model();
        model["liteLlmModelConfig"]!["apiKeyArn"] = (string)made["credentialProviderArn"]!;
        var arn = await server.CreateHarnessAsync(new JsonObject { ["model"] = model }, cancellationToken);
        await client.TurnAsync(arn, Session, "Hello", cancellationToken);
        var updated = await RunAsync($"aws bedrock-agentcore-control update-api-key-credential-provider --name {name} --api-key sk-second");
        await client.TurnAsync(arn, Session, "Hello again", cancellationToken);
        await RunAsync($"aws bedrock-agentcore-control delete-api-key-credential-provider --name {name}; echo '{{}}' #");
        var refused = await Assert.ThrowsAsync<WireException>(() => client.TurnAsync(arn, Session, "And again", cancellationToken));

        Assert.Equal(["Bearer sk-first", "Bearer sk-second"], provider.Requests.Select(request => request.Headers["authorization"]));
        Assert.Equal(name, (string?)updated["name"]);
        Assert.Equal((424, "RuntimeClientError"), (refused.Status, refused.Type));
        Assert.Contains($"credential provider not found: {name}", refused.Message, StringComparison.Ordinal);
    }

    private static async Task SkipWithoutCliAsync()
    {
        var version = await ProgramRun.TryAsync(new("aws", ["--version"]), Eventually.Deadline, TestContext.Current.CancellationToken);
        Assert.SkipWhen(version is not { ExitCode: 0 }, "The AWS CLI is not installed.");
    }

    private async Task<JsonNode> RunAsync(string line)
    {
        var process = await server.StartedAsync();
        var env = process.Verb("env");
        var script = $"""set -eu; eval "$({env.FileName} {string.Join(' ', env.ArgumentList)})"; {line} --output json""";
        var start = process.Verb("env");
        start.FileName = "bash";
        start.ArgumentList.Clear();
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script);
        start.Environment["AWS_PAGER"] = "";
        var run = await ProgramRun.SucceedAsync(start, Eventually.Deadline, TestContext.Current.CancellationToken);
        return JsonNode.Parse(run.Output)!;
    }
}
