using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

/// <summary>What <c>belay deploy</c> shows, sends and leaves alone.</summary>
public sealed class DeployTests
{
    /// <summary>A project that says what <see cref="FakeService.Harness"/> is.</summary>
    private const string Same = """
        name: hello
        model: {bedrockModelConfig: {modelId: belay/scripted}}
        environmentVariables: {TOKEN: a-secret-that-must-not-be-shown}

        """;

    private const string Settings = $"/belay/v1/harnesses/{FakeService.Id}/settings";

    [Fact]
    public async Task New_CreatesWithItsSettings_AsOneVersion()
    {
        using var run = Run("name: hello\nmaxIterations: 5\ntags: {a: b}\nbelay: {detach: true}\n", exists: false);
        run.Service
            .On("POST /harnesses", () => Harness("CREATING", HttpStatusCode.Created))
            .On("GET /harnesses/", () => Harness("CREATING"), () => Harness("READY"))
            .On("GET " + Settings, () => FakeService.Json(new JsonObject()));

        Assert.Equal(0, await run.RunAsync("deploy"));
        Assert.Equal(["GET", "POST", "GET", "GET", "GET"], run.Service.Sent.Select(sent => sent.Line.Split(' ')[0]));
        Assert.Equal(
            """{"maxIterations":5,"memory":{"disabled":{}},"tags":{"a":"b"},"harnessName":"hello","clientToken":"00010203-0405-4607-8809-0a0b0c0d0e0f","executionRoleArn":"arn:aws:iam::000000000000:role/Belay"}""",
            run.Service.Sent[1].Json.ToJsonString());
        Assert.Equal("""{"detach":true}""", run.Service.Sent[1].Headers["X-Belay-Settings"]);
        Assert.Contains(";x-belay-settings,", run.Service.Sent[1].Headers["Authorization"].Replace(", ", ",", StringComparison.Ordinal), StringComparison.Ordinal);
        GoldenFile.Matches("deploy-create", run.Output);
    }

    [Fact]
    public async Task Same_ChangesNothing()
    {
        using var run = Run(Same);

        Assert.Equal(0, await run.RunAsync("deploy"));
        Assert.Equal(0, await run.RunAsync("deploy", "--json"));
        Assert.All(run.Service.Sent, sent => Assert.StartsWith("GET ", sent.Line, StringComparison.Ordinal));
        Assert.StartsWith("No change: harness hello", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"action\": \"none\"", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Different_ShowsTheDifferenceAndSendsOnlyThat()
    {
        using var run = Run(
            """
            name: hello
            model: {bedrockModelConfig: {modelId: belay/scripted, temperature: 0.5}}
            systemPrompt: [{text: Be brief.}]
            environmentVariables: {TOKEN: another-secret-that-must-not-be-shown, NEW: n}
            environmentArtifact: {containerConfiguration: {containerUri: example.org/i:1}}
            maxIterations: 5
            """);
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "2"));

        Assert.Equal(0, await run.RunAsync("deploy", "--yes"));
        var body = run.Service.Sent.Single(sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal)).Json;
        body.Remove("clientToken");
        Assert.Equal(
            """{"model":{"bedrockModelConfig":{"modelId":"belay/scripted","temperature":0.5}},"systemPrompt":[{"text":"Be brief."}],"environmentVariables":{"TOKEN":"another-secret-that-must-not-be-shown","NEW":"n"},"environmentArtifact":{"optionalValue":{"containerConfiguration":{"containerUri":"example.org/i:1"}}},"maxIterations":5}""",
            body.ToJsonString());
        Assert.DoesNotContain("must-not-be-shown", run.Output + run.Error, StringComparison.Ordinal);
        GoldenFile.Matches("deploy-update", run.Output);
    }

    [Fact]
    public async Task LongTexts_ShowTheLinesAroundEachChange()
    {
        var harness = FakeService.Harness();
        harness["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = string.Join('\n', Enumerable.Range(1, 30)) });
        using var run = Run(Same, harness).With("system-prompt.md", string.Join('\n', Enumerable.Range(1, 30).Select(line => line switch { 10 => "ten", 25 => "25\nmore", _ => $"{line}" })) + "\n");

        Assert.Equal(0, await run.RunAsync("deploy", "--dry-run"));
        Assert.EndsWith(
            "@@ systemPrompt[0].text @@\n …\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n …\n 23\n 24\n 25\n+more\n 26\n 27\n 28\n …\n",
            run.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedSettings_NameTheLine()
    {
        using var run = Run(Same + "belay: {detach: true}\n");
        run.Service.On("PATCH /harnesses/", () => FakeService.Fault(
            HttpStatusCode.BadRequest,
            "ValidationException",
            """{"message":"m","fieldList":[{"name":"belay.detach","message":"must be false on this server"}]}"""));

        Assert.Equal(1, await run.RunAsync("deploy", "--yes"));
        Assert.Contains("\nharness.yaml:4:17: belay.detach: must be false on this server\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MembersThatTheFileLeavesOut_AreClearedOrKept()
    {
        var rich = FakeService.Harness();
        foreach (var (name, value) in JsonNode.Parse(
            """
            {"model":{"liteLlmModelConfig":{"modelId":"openai/x"}},"maxTokens":9,"maxIterations":3,"timeoutSeconds":4,"systemPrompt":[{"text":"Old."}],"allowedTools":["shell"],
             "truncation":{"strategy":"none"},"memory":{"managedMemoryConfiguration":{}},"environmentArtifact":{"containerConfiguration":{"containerUri":"i"}},
             "authorizerConfiguration":{"customJWTAuthorizer":{"discoveryUrl":"https://example.org/.well-known/openid-configuration"}}}
            """)!.AsObject())
        {
            rich[name] = value!.DeepClone();
        }

        using var run = Run("name: hello", rich);
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "2"));

        Assert.Equal(0, await run.RunAsync("deploy", "--yes"));
        var body = run.Service.Sent.Single(sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal)).Json;
        body.Remove("clientToken");
        Assert.Equal(
            """{"memory":{"optionalValue":{"disabled":{}}},"environmentVariables":{},"systemPrompt":[],"allowedTools":["*"],"truncation":{"strategy":"sliding_window"},"maxIterations":75,"timeoutSeconds":3600,"environmentArtifact":{},"authorizerConfiguration":{}}""",
            body.ToJsonString());
        Assert.Contains("model is not in the project, and no update can clear it; it stays openai/x.", run.Error, StringComparison.Ordinal);
        Assert.Contains("maxTokens is not in the project, and no update can clear it; it stays 9.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DryRun_SendsNothingAndSaysItInJson()
    {
        using var run = Run(Same + "maxIterations: 5\n");

        Assert.Equal(0, await run.RunAsync("deploy", "--dry-run", "--json"));
        Assert.All(run.Service.Sent, sent => Assert.StartsWith("GET ", sent.Line, StringComparison.Ordinal));
        var plan = JsonNode.Parse(run.Output)!;
        Assert.Equal("update", (string?)plan["action"]);
        Assert.Equal("""[{"path":"maxIterations","old":75,"new":5}]""", plan["changes"]!.ToJsonString());
    }

    [Fact]
    public async Task Json_HidesSensitiveValues()
    {
        using var run = Run("name: hello\nmodel: {bedrockModelConfig: {modelId: belay/scripted}}\nenvironmentVariables: {OTHER: another-secret}\n");

        Assert.Equal(0, await run.RunAsync("deploy", "--dry-run", "--json"));
        Assert.Equal(
            """[{"path":"environmentVariables.OTHER","old":null,"new":"(sensitive)"},{"path":"environmentVariables.TOKEN","old":"(sensitive)","new":null}]""",
            JsonNode.Parse(run.Output)!["changes"]!.ToJsonString());
    }

    [Fact]
    public async Task Update_WhereNobodyCanBeAsked_NeedsYes()
    {
        using var run = Run(Same + "maxIterations: 5\n");

        Assert.Equal(2, await run.RunAsync("deploy"));
        Assert.All(run.Service.Sent, sent => Assert.StartsWith("GET ", sent.Line, StringComparison.Ordinal));
        Assert.EndsWith("Look at the difference with --dry-run, then add --yes.\n", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("y", 0)]
    [InlineData("n", 1)]
    [InlineData("", 1)]
    public async Task Update_OnATerminal_Asks(string answer, int code)
    {
        using var run = Run(Same + "maxIterations: 5\n", input: answer + "\n");
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "2"));

        Assert.Equal(code, await run.RunAsync("deploy"));
        Assert.Contains("Update hello? [y/N] ", run.Error, StringComparison.Ordinal);
        Assert.Equal(code == 0, run.Service.Sent.Any(sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task SettingsAlone_AreSetAlone()
    {
        using var run = Run(Same + "belay: {toolConcurrency: 2}\n", settings: """{"detach":true}""");
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "2"));

        Assert.Equal(0, await run.RunAsync("deploy", "--yes"));
        var sent = Assert.Single(run.Service.Sent, sent => !sent.Line.StartsWith("GET", StringComparison.Ordinal));
        Assert.Equal("""{"toolConcurrency":2}""", sent.Headers["X-Belay-Settings"]);
        Assert.Equal(["clientToken"], sent.Json.Select(member => member.Key));
        Assert.Contains("@@ belay.detach @@\n-true\n@@ belay.toolConcurrency @@\n+2\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedMembers_LeaveSettingsAndTagsAlone_AndNameTheLine()
    {
        using var run = Run(Same + "environmentArtifact:\n  containerConfiguration:\n    containerUri: elsewhere\nbelay: {detach: true}\ntags: {a: b}\n");
        run.Service.On("PATCH /harnesses/", () => FakeService.Fault(
            HttpStatusCode.BadRequest,
            "ValidationException",
            """{"message":"m","reason":"FieldValidationFailed","fieldList":[{"name":"environmentArtifact.optionalValue.containerConfiguration.containerUri","message":"must be an image"}]}"""));

        Assert.Equal(1, await run.RunAsync("deploy", "--yes"));
        Assert.Single(run.Service.Sent, sent => !sent.Line.StartsWith("GET", StringComparison.Ordinal));
        Assert.Contains("\nharness.yaml:6:19: environmentArtifact.containerConfiguration.containerUri: must be an image\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MembersAndSettings_AreOneUpdate()
    {
        using var run = Run(Same + "maxIterations: 5\nbelay: {detach: true}\n");
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "2"));

        Assert.Equal(0, await run.RunAsync("deploy", "--yes"));
        var sent = Assert.Single(run.Service.Sent, sent => !sent.Line.StartsWith("GET", StringComparison.Ordinal));
        Assert.Equal(5, (int)sent.Json["maxIterations"]!);
        Assert.Equal("""{"detach":true}""", sent.Headers["X-Belay-Settings"]);
    }

    [Fact]
    public async Task FailedVersion_IsMadeAgain()
    {
        using var run = Run(Same, FakeService.Harness("UPDATE_FAILED", "2"));
        run.Service.On("PATCH /harnesses/", () => Harness("UPDATING", version: "3"));

        Assert.Equal(1, await run.RunAsync("deploy", "--yes"));
        Assert.Equal(["clientToken"], run.Service.Sent.Single(sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal)).Json.Select(member => member.Key));
        Assert.Contains("@@ status @@\n-UPDATE_FAILED\n+READY\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("is UPDATE_FAILED: the service does not say why", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tags_AreSetAndRemoved_ExceptThoseOfOurPrefix()
    {
        using var run = Run(Same + "tags: {a: '2', b: '1'}\n", tags: """{"a":"1","old":"x","belay:detach":"true"}""");
        run.Service
            .On("POST /tags/", () => FakeService.Json(new JsonObject()))
            .On("DELETE /tags/", () => FakeService.Json(new JsonObject()));

        Assert.Equal(0, await run.RunAsync("deploy", "--yes", "--tags", "c=3"));
        Assert.Equal("""{"tags":{"a":"2","b":"1","c":"3"}}""", run.Service.Sent.Single(sent => sent.Line.StartsWith("POST", StringComparison.Ordinal)).Json.ToJsonString());
        Assert.EndsWith("?tagKeys=old", run.Service.Sent.Single(sent => sent.Line.StartsWith("DELETE", StringComparison.Ordinal)).Line, StringComparison.Ordinal);
        Assert.DoesNotContain(run.Service.Sent, sent => sent.Line.StartsWith("PATCH", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ServerWithoutSettings_IsNamedOnlyWhereTheFileHasSome()
    {
        using var without = Run(Same, settings: null);
        Assert.Equal(0, await without.RunAsync("deploy"));

        using var with = Run(Same + "belay: {detach: true}\n", settings: null);
        Assert.Equal(1, await with.RunAsync("deploy", "--yes"));
        Assert.Equal(
            "harness.yaml has a belay section, and this server has no such settings: it is not Belay, or an old one.\nLeave it out, or name another server.\n",
            with.Error);
    }

    [Fact]
    public async Task SeveralProjects_AreCheckedTogetherBeforeAnythingIsSent()
    {
        using var run = new CliRun().WithKey().With("app/a/harness.yaml", "name: a\nmodl: {}\n").With("app/b/harness.yaml", "nam: b\n").With("app/c/harness.yaml", "name: c\n");

        Assert.Equal(2, await run.RunAsync("deploy"));
        Assert.Empty(run.Service.Sent);
        GoldenFile.Matches("deploy-problems", run.Error);
    }

    [Fact]
    public async Task Problems_InJson_HaveFileLineAndColumn()
    {
        using var run = new CliRun().WithKey().With("harness.yaml", "name: a\nmaxIteration: 1\n");

        Assert.Equal(2, await run.RunAsync("deploy", "--json"));
        var field = JsonNode.Parse(run.Error)!["error"]!["fieldList"]![0]!;
        Assert.Equal("maxIteration harness.yaml 2 1", $"{field["name"]} {field["file"]} {field["line"]} {field["column"]}");
        Assert.StartsWith("unknown key, did you mean maxIterations?; allowed: ", (string?)field["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("deploy")]
    [InlineData("deploy nowhere")]
    [InlineData("deploy two --name x")]
    [InlineData("deploy same")]
    [InlineData("deploy two/app/a --name 1x")]
    [InlineData("deploy two/app/a --tags belay:detach=true")]
    [InlineData("create --file two")]
    [InlineData("create --file nowhere")]
    public async Task WrongCommandLine_SendsNothingAndEndsWith2(string line)
    {
        using var run = new CliRun().WithKey()
            .With("two/app/a/harness.yaml", "name: a").With("two/app/b/harness.yaml", "name: b")
            .With("same/app/a/harness.yaml", "name: a").With("same/app/b/harness.yaml", "name: a")
            .With("settings/harness.yaml", "name: a\nbelay: {detach: true}");

        Assert.Equal(2, await run.RunAsync(line.Split(' ')));
        Assert.Empty(run.Service.Sent);
        Assert.Empty(run.Output);
        Assert.NotEmpty(run.Error);
    }

    [Fact]
    public async Task Create_TakesAProjectAndOptionsReplaceItsMembers()
    {
        using var run = new CliRun().WithKey().With("harness.yaml", "name: hello\nmaxIterations: 5\ntimeoutSeconds: 60\nbelay: {detach: true}\n");
        run.Service
            .On("POST /harnesses", () => Harness("CREATING", HttpStatusCode.Created))
            .On("GET /harnesses/", () => Harness("READY"))
            .On("GET " + Settings, () => FakeService.Json(new JsonObject()));

        Assert.Equal(0, await run.RunAsync("create", "--file", "harness.yaml", "--name", "other", "--max-iterations", "7"));
        Assert.Equal(
            """{"maxIterations":7,"timeoutSeconds":60,"memory":{"disabled":{}},"harnessName":"other","clientToken":"00010203-0405-4607-8809-0a0b0c0d0e0f","executionRoleArn":"arn:aws:iam::000000000000:role/Belay"}""",
            run.Service.Sent[0].Json.ToJsonString());
        Assert.Equal("""{"detach":true}""", run.Service.Sent[0].Headers["X-Belay-Settings"]);
        Assert.Equal(["POST", "GET", "GET"], run.Service.Sent.Select(sent => sent.Line.Split(' ')[0]));
    }

    [Fact]
    public async Task Create_OfAHarnessThatExists_IsRefusedAndNamesDeploy()
    {
        using var run = new CliRun().WithKey().With("harness.yaml", "name: hello\n");
        run.Service.On("POST /harnesses", () => FakeService.Fault(HttpStatusCode.Conflict, "ConflictException", """{"message":"A harness with the name hello already exists."}"""));

        Assert.Equal(1, await run.RunAsync("create", "--file", "."));
        Assert.EndsWith("Could not create the harness: A harness with the name hello already exists.\nTo change it: belay deploy harness.yaml\n", run.Error, StringComparison.Ordinal);
    }

    /// <summary>A run in a folder with this project, and a service that has the harness or has none.</summary>
    private static CliRun Run(string yaml, JsonObject? harness = null, bool exists = true, string? settings = "{}", string tags = "{}", string? input = null)
    {
        var run = new CliRun { Input = input ?? "", IsTerminal = input is not null }.WithKey().With("harness.yaml", yaml);
        var listed = exists ? new JsonArray(FakeService.Harness()) : [];
        run.Service.On("GET /harnesses?", () => FakeService.Json(new JsonObject { ["harnesses"] = listed.DeepClone() }));
        if (exists)
        {
            run.Service
                .On($"GET /harnesses/{FakeService.Id}", () => FakeService.Json(new JsonObject { ["harness"] = Complete(harness ?? FakeService.Harness()) }))
                .On("GET /tags/", () => FakeService.Json(new JsonObject { ["tags"] = JsonNode.Parse(tags) }))
                .On("GET " + Settings, () => settings is null
                    ? FakeService.Fault(HttpStatusCode.NotFound, "UnknownOperationException", "{}")
                    : FakeService.Json(new JsonObject { ["harnessId"] = FakeService.Id, ["harnessVersion"] = "1", ["document"] = JsonNode.Parse(settings), ["tags"] = new JsonObject() }));
        }

        return run;
    }

    private static HttpResponseMessage Harness(string status, HttpStatusCode code = HttpStatusCode.OK, string version = "1") =>
        FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness(status, version) }, code);

    /// <summary>With what the service itself fills in.</summary>
    private static JsonObject Complete(JsonObject harness)
    {
        harness = harness.DeepClone().AsObject();
        var runtime = harness["environment"]!["agentCoreRuntimeEnvironment"]!;
        runtime["agentRuntimeArn"] = "arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/harness_hello-AbCdEfGhIj";
        runtime["agentRuntimeName"] = "harness_hello";
        runtime["agentRuntimeId"] = "harness_hello-AbCdEfGhIj";
        if (harness["model"]!["bedrockModelConfig"] is { } bedrock)
        {
            bedrock["apiFormat"] = "converse_stream";
        }

        return harness;
    }
}
