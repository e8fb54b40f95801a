using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class HarnessUpdateTests
{
    private const string Full =
        """
        "environment":{"agentCoreRuntimeEnvironment":{"lifecycleConfiguration":{"idleRuntimeSessionTimeout":60,"maxLifetime":120},
          "networkConfiguration":{"networkMode":"PUBLIC"},"filesystemConfigurations":[{"sessionStorage":{"mountPath":"/mnt/session"}}]}},
        "environmentArtifact":{"containerConfiguration":{"containerUri":"ghcr.io/lab/agent:1"}},
        "environmentVariables":{"A":"1","B":"2"},
        "authorizerConfiguration":{"customJWTAuthorizer":{"discoveryUrl":"https://id.example.com/.well-known/openid-configuration","allowedAudience":["a"]}},
        "model":{"openAiModelConfig":{"modelId":"gpt-x","apiKeyArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/openai"}},
        "systemPrompt":[{"text":"one"},{"text":"two"}],
        "tools":[{"type":"agentcore_browser"},{"type":"inline_function","name":"approve","config":{"inlineFunction":{"description":"d","inputSchema":{"type":"object"}}}}],
        "skills":[{"path":"skills/a"}],"allowedTools":["shell"],
        "memory":{"managedMemoryConfiguration":{"strategies":["SEMANTIC"]}},
        "truncation":{"strategy":"none"},"maxIterations":5,"maxTokens":6,"timeoutSeconds":7
        """;

    private readonly TestCatalog _world = new();

    [Fact]
    public async Task FullCreate_IsStoredAndReturned()
    {
        var harness = await _world.ReadyAsync(Request(Full));

        var json = JsonSerializer.SerializeToNode(harness, BelayJson.Default.Harness)!;
        Assert.Equal("chat_completions", (string?)json["model"]!["openAiModelConfig"]!["apiFormat"]);
        Assert.Equal("browser", (string?)json["tools"]![0]!["name"]);
        Assert.Equal("""{"managedMemoryConfiguration":{"strategies":["SEMANTIC"]}}""", json["memory"]!.ToJsonString());
        Assert.Equal("""{"strategy":"none"}""", json["truncation"]!.ToJsonString());
        Assert.Equal("https://id.example.com/.well-known/openid-configuration", (string?)json["authorizerConfiguration"]!["customJWTAuthorizer"]!["discoveryUrl"]);
        Assert.Equal((5, 6, 7), (harness.MaxIterations, harness.MaxTokens, harness.TimeoutSeconds));
    }

    [Fact]
    public async Task EmptyUpdate_MakesAnEqualVersion()
    {
        var one = await _world.ReadyAsync(Request(Full));
        var answer = await _world.UpdateAsync(Update(one, ""));
        Assert.Equal((HarnessStatus.Updating, "2"), (answer.Status, answer.HarnessVersion));
        await _world.SettleAsync();
        var two = await _world.GetAsync(one.HarnessId);

        Assert.Equal(Text(one with { HarnessVersion = "2", UpdatedAt = two.UpdatedAt }), Text(two));
        var old = await _world.GetAsync(one.HarnessId, "1");
        Assert.Equal(Text(one), Text(old));
    }

    [Theory]
    [InlineData("executionRoleArn", "\"arn:aws:iam::123456789012:role/Other\"", null)]
    [InlineData("model", """{"bedrockModelConfig":{"modelId":"m"}}""", """{"bedrockModelConfig":{"modelId":"m","apiFormat":"converse_stream"}}""")]
    [InlineData("systemPrompt", """[{"text":"three"}]""", null)]
    [InlineData("systemPrompt", "[]", null)]
    [InlineData("tools", "[]", null)]
    [InlineData("tools", """[{"type":"agentcore_browser"},{"type":"agentcore_browser"}]""", """[{"type":"agentcore_browser","name":"browser"},{"type":"agentcore_browser","name":"browser_2"}]""")]
    [InlineData("skills", "[]", null)]
    [InlineData("allowedTools", "[]", null)]
    [InlineData("allowedTools", """["@approve"]""", null)]
    [InlineData("environmentVariables", """{"C":"3"}""", null)]
    [InlineData("environmentVariables", "{}", "")]
    [InlineData("truncation", """{"strategy":"sliding_window"}""", """{"strategy":"sliding_window","config":{"slidingWindow":{"messagesCount":150}}}""")]
    [InlineData("truncation", """{"strategy":"summarization","config":{"summarization":{"summaryRatio":0.4}}}""", null)]
    [InlineData("environmentArtifact", "{}", "")]
    [InlineData("environmentArtifact", """{"optionalValue":null}""", "")]
    [InlineData("environmentArtifact", """{"optionalValue":{"containerConfiguration":{"containerUri":"alpine"}}}""", """{"containerConfiguration":{"containerUri":"alpine"}}""")]
    [InlineData("authorizerConfiguration", "{}", "")]
    [InlineData("authorizerConfiguration", """{"optionalValue":null}""", "")]
    [InlineData("memory", "{}", """{"disabled":{}}""")]
    [InlineData("memory", """{"optionalValue":null}""", """{"disabled":{}}""")]
    [InlineData("memory", """{"optionalValue":{"managedMemoryConfiguration":{"strategies":["EPISODIC"]}}}""", """{"managedMemoryConfiguration":{"strategies":["EPISODIC"]}}""")]
    [InlineData("maxIterations", "9", null)]
    [InlineData("maxTokens", "9", null)]
    [InlineData("timeoutSeconds", "9", null)]
    public async Task PresentMember_ReplacesTheWhole_AndNothingElse(string member, string value, string? expected)
    {
        var one = await _world.ReadyAsync(Request(Full));
        var two = await _world.UpdatedAsync(Update(one, $"\"{member}\":{value}"));

        var before = JsonSerializer.SerializeToNode(one, BelayJson.Default.Harness)!.AsObject();
        var after = JsonSerializer.SerializeToNode(two, BelayJson.Default.Harness)!.AsObject();
        Assert.Equal(expected ?? value, after[member]?.ToJsonString() ?? "");
        foreach (var changed in new[] { member, "harnessVersion", "updatedAt" })
        {
            before.Remove(changed);
            after.Remove(changed);
        }

        Assert.Equal(before.ToJsonString(), after.ToJsonString());
    }

    [Fact]
    public async Task Environment_ReplacesAsOneUnit_AndKeepsTheRuntime()
    {
        var one = await _world.ReadyAsync(Request(Full));
        var two = await _world.UpdatedAsync(Update(one, """ "environment":{"agentCoreRuntimeEnvironment":{"lifecycleConfiguration":{"maxLifetime":300}}} """));

        var old = one.Environment.AgentCoreRuntimeEnvironment!;
        Assert.Equal(
            old with
            {
                LifecycleConfiguration = new() { IdleRuntimeSessionTimeout = 300, MaxLifetime = 300 },
                NetworkConfiguration = new() { NetworkMode = NetworkMode.Public },
                FilesystemConfigurations = null,
            },
            two.Environment.AgentCoreRuntimeEnvironment);
    }

    [Fact]
    public async Task OnlyIdleGiven_LifetimeIsEightHours()
    {
        var harness = await _world.ReadyAsync(Request(""" "environment":{"agentCoreRuntimeEnvironment":{"lifecycleConfiguration":{"idleRuntimeSessionTimeout":1800}}} """));

        Assert.Equal(
            new() { IdleRuntimeSessionTimeout = 1800, MaxLifetime = 28_800 },
            harness.Environment.AgentCoreRuntimeEnvironment!.LifecycleConfiguration);
    }

    [Fact]
    public async Task MemoryOmitted_NoMemberInTheAnswer_AndManagedArnIsNotTheCallers()
    {
        Assert.Null((await _world.ReadyAsync("plain")).Memory);
        var harness = await _world.ReadyAsync(Request(
            """ "memory":{"managedMemoryConfiguration":{"arn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:memory/other-0123456789"}} """));
        Assert.Null(harness.Memory!.ManagedMemoryConfiguration!.Arn);
    }

    [Fact]
    public async Task MemoryKey_CannotChange()
    {
        const string Key = "arn:aws:kms:us-west-2:123456789012:key/11111111-1111-1111-1111-111111111111";
        var harness = await _world.ReadyAsync(Request($$$""" "memory":{"managedMemoryConfiguration":{"encryptionKeyArn":"{{{Key}}}"}} """));
        var other = Key.Replace('1', '2');

        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.UpdateAsync(
            Update(harness, $$$$""" "memory":{"optionalValue":{"managedMemoryConfiguration":{"encryptionKeyArn":"{{{{other}}}}"}}} """)));
        Assert.Equal("memory.optionalValue.managedMemoryConfiguration.encryptionKeyArn", Assert.Single(fault.Fields).Name);
        var kept = await _world.UpdatedAsync(Update(harness, """ "memory":{"optionalValue":{"managedMemoryConfiguration":{"eventExpiryDuration":9}}} """));
        Assert.Equal(new() { EventExpiryDuration = 9, EncryptionKeyArn = Key }, kept.Memory!.ManagedMemoryConfiguration);
    }

    [Fact]
    public async Task Model_MustTakeTheSchemasOfTheToolsThatStay()
    {
        var harness = await _world.ReadyAsync(Request(
            """ "model":{"bedrockModelConfig":{"modelId":"meta.llama"}},"tools":[{"type":"inline_function","name":"f","config":{"inlineFunction":{"description":"d","inputSchema":{"anyOf":[{}]}}}}] """));

        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.UpdateAsync(Update(harness, """ "model":{"bedrockModelConfig":{"modelId":"anthropic.claude-x"}} """)));
        await _world.UpdatedAsync(Update(harness, """ "model":{"bedrockModelConfig":{"modelId":"anthropic.claude-x"}},"tools":[] """));

        Assert.Equal("tools[0].config.inlineFunction.inputSchema.anyOf", Assert.Single(fault.Fields).Name);
    }

    [Fact]
    public async Task Update_WithProblems_MakesNoVersion()
    {
        var harness = await _world.ReadyAsync();
        await RefusedAsync(FaultCode.ValidationException, () => _world.UpdateAsync(Update(harness, "\"maxIterations\":0")));

        Assert.Equal("1", (await _world.GetAsync(harness.HarnessId)).HarnessVersion);
    }

    [Fact]
    public async Task BelaySettings_AreSnapshotted_CarriedForward_AndTheDocumentWins()
    {
        var harness = await _world.ReadyAsync(Named("agent") with
        {
            Tags = new Dictionary<string, string> { ["belay:detach"] = "true", ["belay:toolConcurrency"] = "2", ["belay:overridable"] = "model tools", ["team"] = "lab" },
        });
        var one = (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings;
        Assert.True(one.Detach);
        Assert.Equal(2, one.ToolConcurrency);
        Assert.Equal(["model", "tools"], one.Overridable);
        Assert.DoesNotContain("team", one.Tags.Keys);

        // A tag changes the next version, never one that exists.
        await _world.Catalog.TagAsync(Mine, harness.Arn, new Dictionary<string, string> { ["belay:toolConcurrency"] = "3" }, default);
        Assert.Equal(2, (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings.ToolConcurrency);
        await _world.UpdatedAsync(Update(harness, ""));
        Assert.Equal(3, (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings.ToolConcurrency);

        var document = new Dictionary<string, JsonElement> { ["detach"] = JsonSerializer.SerializeToElement(false), ["overridable"] = JsonElement.Parse("""["model"]""") };
        await _world.Catalog.UpdateAsync(Mine, Update(harness, ""), document, default);
        await _world.SettleAsync();
        await _world.UpdatedAsync(Update(harness, "\"maxIterations\":2"));
        var four = (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings;
        Assert.False(four.Detach);
        Assert.Equal(3, four.ToolConcurrency);
        Assert.Equal(["model"], four.Overridable);
        Assert.True((await _world.Catalog.GetWithSettingsAsync(Mine, harness.HarnessId, "1", default)).Settings.Detach);
    }

    [Fact]
    public async Task BelaySettings_ThatMakeNoSense_AreRefused()
    {
        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.CreateAsync(Named("agent") with
        {
            Tags = new Dictionary<string, string> { ["belay:detach"] = "perhaps", ["belay:toolConcurrency"] = "0" },
        }));
        Assert.Equal(["tags.belay:detach", "tags.belay:toolConcurrency"], fault.Fields.Select(field => field.Name));

        var document = new Dictionary<string, JsonElement> { ["overridable"] = JsonSerializer.SerializeToElement(1) };
        fault = await RefusedAsync(FaultCode.ValidationException, () => _world.Catalog.CreateAsync(Mine, Named("agent"), document, default));
        Assert.Equal(["belay.overridable"], fault.Fields.Select(field => field.Name));
    }

    private static CreateHarnessRequest Request(string members) =>
        JsonSerializer.Deserialize($$"""{"harnessName":"full","executionRoleArn":"{{Role}}",{{members}}}""", BelayJson.Default.CreateHarnessRequest)!;

    private static UpdateHarnessRequest Update(Harness harness, string members) =>
        JsonSerializer.Deserialize($$"""{"harnessId":"{{harness.HarnessId}}"{{(members.Length == 0 ? "" : ",")}}{{members}}}""", BelayJson.Default.UpdateHarnessRequest)!;

    private static string Text(Harness harness) => JsonSerializer.Serialize(harness, BelayJson.Default.Harness);
}
