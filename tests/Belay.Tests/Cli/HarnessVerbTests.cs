using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class HarnessVerbTests
{
    [Fact]
    public async Task Create_WaitsForReadyAndShowsTheChoice()
    {
        using var run = new CliRun().WithKey();
        run.Service
            .On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }, HttpStatusCode.Created))
            .On(
                "GET /harnesses/",
                () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }),
                () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }));

        Assert.Equal(0, await run.RunAsync("create", "--name", "hello"));
        GoldenFile.Matches("create", run.Output);
        Assert.Equal(
            """{"harnessName":"hello","clientToken":"00010203-0405-4607-8809-0a0b0c0d0e0f","executionRoleArn":"arn:aws:iam::000000000000:role/Belay"}""",
            run.Service.Sent[0].Json.ToJsonString());
    }

    [Fact]
    public async Task Create_NamesAKeyOfTheVaultBesideTheModel()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }, HttpStatusCode.Created));

        Assert.Equal(0, await run.RunAsync("create", "--name", "hello", "--no-wait", "--model-id", "openai/gpt-x", "--api-key-arn", "arn:k"));
        Assert.Equal(2, await run.RunAsync("create", "--name", "hello", "--api-key-arn", "arn:k"));

        Assert.Equal("""{"liteLlmModelConfig":{"modelId":"openai/gpt-x","apiKeyArn":"arn:k"}}""", Assert.Single(run.Service.Sent).Json["model"]!.ToJsonString());
        Assert.Contains("--api-key-arn belongs to --model-id", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_FailedResource_EndsWith1AndSaysWhy()
    {
        using var run = new CliRun().WithKey();
        var failed = FakeService.Harness("CREATE_FAILED");
        failed["failureReason"] = "The image could not be pulled.";
        run.Service
            .On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }))
            .On("GET /harnesses/", () => FakeService.Json(new JsonObject { ["harness"] = failed.DeepClone() }));

        Assert.Equal(1, await run.RunAsync("create", "--name", "hello"));
        Assert.Contains("failure      The image could not be pulled.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_NoWait_ReturnsTheFirstAnswer()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }));

        Assert.Equal(0, await run.RunAsync("create", "--name", "hello", "--no-wait", "--json"));
        Assert.Equal("CREATING", (string?)JsonNode.Parse(run.Output)!["harness"]!["status"]);
        Assert.Single(run.Service.Sent);
    }

    [Theory]
    [InlineData("--model-id belay/scripted", """{"model":{"bedrockModelConfig":{"modelId":"belay/scripted"}}}""")]
    [InlineData("--model-id anthropic.claude", """{"model":{"bedrockModelConfig":{"modelId":"anthropic.claude"}}}""")]
    [InlineData("--model-id arn:aws:bedrock:us-west-2::foundation-model/x", """{"model":{"bedrockModelConfig":{"modelId":"arn:aws:bedrock:us-west-2::foundation-model/x"}}}""")]
    [InlineData("--model-id openai/gpt", """{"model":{"liteLlmModelConfig":{"modelId":"openai/gpt"}}}""")]
    [InlineData("--model-id openai/q --api-base http://127.0.0.1:1/v1", """{"model":{"liteLlmModelConfig":{"modelId":"openai/q","apiBase":"http://127.0.0.1:1/v1"}}}""")]
    [InlineData("""--model {"geminiModelConfig":{}}""", """{"model":{"geminiModelConfig":{}}}""")]
    [InlineData("--system-prompt Briefly.", """{"systemPrompt":[{"text":"Briefly."}]}""")]
    [InlineData("""--system-prompt [{"text":"a"}]""", """{"systemPrompt":[{"text":"a"}]}""")]
    [InlineData("--allowed-tools shell,@search/*", """{"allowedTools":["shell","@search/*"]}""")]
    [InlineData("""--allowed-tools ["*"]""", """{"allowedTools":["*"]}""")]
    [InlineData("""--tools [{"type":"agentcore_browser"}]""", """{"tools":[{"type":"agentcore_browser"}]}""")]
    [InlineData("--truncation none", """{"truncation":{"strategy":"none"}}""")]
    [InlineData("--max-iterations 3 --max-tokens 9 --timeout-seconds 7", """{"maxIterations":3,"maxTokens":9,"timeoutSeconds":7}""")]
    [InlineData("--environment-variables A=1,B=x=y", """{"environmentVariables":{"A":"1","B":"x=y"}}""")]
    [InlineData("--container-uri example.org/i:1", """{"environmentArtifact":{"containerConfiguration":{"containerUri":"example.org/i:1"}}}""")]
    [InlineData(
        """--network-mode PUBLIC --lifecycle-config {"maxLifetime":600} --session-storage-path /mnt/data""",
        """{"environment":{"agentCoreRuntimeEnvironment":{"lifecycleConfiguration":{"maxLifetime":600},"networkConfiguration":{"networkMode":"PUBLIC"},"filesystemConfigurations":[{"sessionStorage":{"mountPath":"/mnt/data"}}]}}}""")]
    public async Task Create_OptionsBecomeMembers(string options, string members)
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }));

        Assert.Equal(0, await run.RunAsync(["create", "--name", "hello", "--no-wait", .. options.Split(' ')]));
        var body = run.Service.Sent[0].Json;
        foreach (var common in new[] { "harnessName", "clientToken", "executionRoleArn" })
        {
            body.Remove(common);
        }

        Assert.Equal(members, body.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    [Fact]
    public async Task Create_ReadsLongValuesFromFiles()
    {
        using var run = new CliRun().WithKey();
        await File.WriteAllTextAsync(Path.Combine(run.Directory, "prompt.md"), "Long\ntext", TestContext.Current.CancellationToken);
        run.Service.On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }));

        Assert.Equal(0, await run.RunAsync("create", "--name", "hello", "--no-wait", "--system-prompt", "file://prompt.md"));
        Assert.Equal("Long\ntext", (string?)run.Service.Sent[0].Json["systemPrompt"]![0]!["text"]);
    }

    [Fact]
    public async Task Update_WrapsWhatTheApiWrapsAndClears()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness().On("PATCH /harnesses/", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("UPDATING", "2") }));

        Assert.Equal(0, await run.RunAsync("update", FakeService.Id, "--container-uri", "x", "--clear-memory", "true", "--clear-authorizer-configuration", "--max-tokens", "5"));
        var body = run.Service.Sent.Single(sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal)).Json;
        body.Remove("clientToken");
        Assert.Equal(
            """{"maxTokens":5,"environmentArtifact":{"optionalValue":{"containerConfiguration":{"containerUri":"x"}}},"memory":{},"authorizerConfiguration":{}}""",
            body.ToJsonString());
    }

    [Fact]
    public async Task Get_ShowsEverythingButValuesOfVariables()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();

        Assert.Equal(0, await run.RunAsync("get", "hello"));
        GoldenFile.Matches("get", run.Output);
        Assert.DoesNotContain("a-secret-that-must-not-be-shown", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_Version_AsksForIt()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();

        Assert.Equal(0, await run.RunAsync("get", FakeService.Arn, "--version", "3", "--json"));
        Assert.Equal(
            [$"GET /harnesses/{FakeService.Id}?harnessVersion=3", $"GET /belay/v1/harnesses/{FakeService.Id}/settings?harnessVersion=3"],
            run.Service.Sent.Select(sent => sent.Line));
        Assert.Equal("""{"detach":true,"overridable":["model","tools"]}""", JsonNode.Parse(run.Output)!["belay"]!.ToJsonString());
    }

    [Theory]
    [InlineData("detach=true,toolConcurrency=2", """{"detach":true,"toolConcurrency":2}""")]
    [InlineData("overridable=model maxTokens", """{"overridable":["model","maxTokens"]}""")]
    [InlineData("""{"detach": false}""", """{"detach":false}""")]
    [InlineData("{overridable: [tools]}", """{"overridable":["tools"]}""")]
    [InlineData("", "{}")]
    public async Task Belay_GoesWithTheRequestThatMakesTheVersion(string option, string settings)
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness()
            .On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }))
            .On("PATCH /harnesses/", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }));

        Assert.Equal(0, await run.RunAsync("create", "--name", "hello", "--belay", option));
        Assert.Equal(0, await run.RunAsync("update", FakeService.Arn, "--belay", option));

        Assert.All(run.Service.Sent.Where(sent => !sent.Line.StartsWith("GET", StringComparison.Ordinal)), sent => Assert.Equal(settings, sent.Headers["X-Belay-Settings"]));
    }

    [Fact]
    public async Task Belay_NamesEveryProblem()
    {
        using var run = new CliRun().WithKey();

        Assert.Equal(2, await run.RunAsync("create", "--name", "hello", "--belay", "detatch=true,toolConcurrency=65,overridable=modle"));
        Assert.Empty(run.Service.Sent);
        Assert.StartsWith("--belay has 3 problems; nothing was sent.\n", run.Error, StringComparison.Ordinal);
        Assert.Contains("  detatch unknown key, did you mean detach?; allowed: detach, offloadToolResultsAbove, overridable, recovery, toolConcurrency\n", run.Error, StringComparison.Ordinal);
        Assert.Contains("  overridable[0] unknown word, did you mean model?", run.Error, StringComparison.Ordinal);
        Assert.Contains("  toolConcurrency ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_FollowsPages()
    {
        using var run = new CliRun().WithKey();
        run.Service
            .On("GET /harnesses?maxResults=100&nextToken=n%2F1", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray(FakeService.Harness()) }))
            .On("GET /harnesses?maxResults=100", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray(FakeService.Harness("UPDATING")), ["nextToken"] = "n/1" }));

        Assert.Equal(0, await run.RunAsync("list"));
        GoldenFile.Matches("list", run.Output);
    }

    [Fact]
    public async Task List_Nothing_SaysHowToBegin()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /harnesses", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray() }));

        Assert.Equal(0, await run.RunAsync("list"));
        Assert.Empty(run.Output);
        Assert.Contains("belay create --name hello", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_WaitsUntilItIsGone()
    {
        using var run = new CliRun().WithKey();
        run.Service
            .On("DELETE /harnesses/", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("DELETING") }))
            .On(
                "GET /harnesses/",
                () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("DELETING") }),
                () => FakeService.Fault(HttpStatusCode.NotFound, "ResourceNotFoundException", """{"message":"gone"}"""));

        Assert.Equal(0, await run.RunAsync("delete", FakeService.Arn, "--delete-managed-memory", "false"));
        Assert.Equal($"Deleted {FakeService.Id}.\n", run.Output);
        Assert.EndsWith("&deleteManagedMemory=false", run.Service.Sent[0].Line, StringComparison.Ordinal);
    }
}
