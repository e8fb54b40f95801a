using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Projects;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Tests.Cli;

/// <summary>A plan does what it promises: carried out by the service's own rules, it leaves nothing to do.</summary>
public sealed class DeploymentPlanTests
{
    private static readonly string[] Variants =
    [
        "name: hello",
        "name: hello\nmodel: {bedrockModelConfig: {modelId: belay/scripted, temperature: 0.50, additionalParams: {a: 1.0, b: [x, null]}}}\nmaxTokens: 10",
        "name: hello\nmodel: {openAiModelConfig: {modelId: m, apiKeyArn: 'arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/apikeycredentialprovider/k'}}",
        "name: hello\nsystemPrompt: [{text: One}, {text: two}]\nallowedTools: [shell, '@s/*']\nmaxIterations: 5\ntimeoutSeconds: 6\nexecutionRoleArn: arn:aws:iam::000000000000:role/Other",
        "name: hello\ntools:\n- {type: agentcore_browser}\n- {type: inline_function, name: f, config: {inlineFunction: {description: d, inputSchema: {type: object}}}}\nskills: [{path: ./skills/a}]",
        "name: hello\ntools: [{type: remote_mcp, config: {remoteMcp: {url: 'https://example.org/mcp', headers: {Authorization: a-secret}}}}]\nenvironmentVariables: {A: 1}",
        "name: hello\nmodel: {bedrockModelConfig: {modelId: belay/scripted, additionalParams: {a: 2, belay: {promptCaching: false, fallbacks: [{liteLlmModelConfig: {modelId: openai/m, apiBase: 'http://localhost/a-secret'}}]}}}}",
        "name: hello\nmodel: {liteLlmModelConfig: {modelId: openai/n, additionalParams: {belay: {fallbacks: [{liteLlmModelConfig: {modelId: openai/m, apiBase: 'http://localhost:1/a-secret'}}, {bedrockModelConfig: {modelId: belay/scripted}}]}}}}",
        "name: hello\nmemory: {managedMemoryConfiguration: {strategies: [SEMANTIC]}}\ntruncation: {strategy: summarization, config: {summarization: {summaryRatio: 0.3}}}",
        "name: hello\ntruncation: {strategy: none}\nenvironmentArtifact: {containerConfiguration: {containerUri: example.org/i}}\nauthorizerConfiguration: {customJWTAuthorizer: {discoveryUrl: 'https://example.org/.well-known/openid-configuration'}}",
        "name: hello\nenvironment: {agentCoreRuntimeEnvironment: {lifecycleConfiguration: {maxLifetime: 600}, filesystemConfigurations: [{sessionStorage: {mountPath: /mnt/a}}]}}",
    ];

    public static TheoryData<int, int> Pairs =>
        [.. from before in Enumerable.Range(0, Variants.Length) from after in Enumerable.Range(0, Variants.Length) select new TheoryDataRow<int, int>(before, after)];

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Update_LeavesNothingToDo(int before, int after)
    {
        var deployed = Create(Project(before));
        var project = Project(after);
        var plan = Plan(project, deployed);

        Assert.True(before != after || plan.Action == DeploymentAction.None);
        var updated = plan.Members is { } members ? VersionBuilder.Update(deployed, Request(members), "2", deployed.UpdatedAt) : deployed;
        Assert.Empty(Plan(project, updated).Changes);
        Assert.Equal(Configuration(Create(project), project), Configuration(updated, project));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Changes_NeverShowWhatIsSensitive(int before, int after)
    {
        var plan = Plan(Project(after), Create(Project(before)));

        Assert.DoesNotContain("a-secret", plan.Json.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret", DeploymentPlan.ToCreate(Project(after)).Json.ToJsonString(), StringComparison.Ordinal);
    }

    /// <summary>What a new harness of the project would be, but for what no update can clear.</summary>
    private static string Configuration(Harness harness, ProjectFile project)
    {
        var json = JsonSerializer.SerializeToNode(harness with { Status = HarnessStatus.Ready, HarnessVersion = null }, BelayJson.Default.Harness)!.AsObject();
        foreach (var kept in ((string[])["model", "maxTokens", "executionRoleArn"]).Where(name => !project.Members.ContainsKey(name)))
        {
            json.Remove(kept);
        }

        return json.ToJsonString();
    }

    private static DeploymentPlan Plan(ProjectFile project, Harness harness) =>
        DeploymentPlan.ToUpdate(project, new(harness with { Status = HarnessStatus.Ready }, [], new Dictionary<string, string>()));

    private static ProjectFile Project(int variant)
    {
        var (project, problems) = ProjectFolder.Read(Variants[variant]);
        Assert.Empty(problems);
        return project!;
    }

    private static Harness Create(ProjectFile project)
    {
        var body = DeploymentPlan.ToCreate(project).Members!;
        Deployment.Complete(body, project.Name, "token", "000000000000");
        var request = JsonSerializer.Deserialize(body.ToJsonString(), BelayJson.Default.CreateHarnessRequest)!;
        return VersionBuilder.Create(new Scope("000000000000", "us-west-2"), request, FakeService.Id, "runtime", new CatalogSettings(), DateTimeOffset.UnixEpoch);
    }

    private static UpdateHarnessRequest Request(JsonObject members)
    {
        var whole = (JsonObject)members.DeepClone();
        whole["harnessId"] = FakeService.Id;
        return JsonSerializer.Deserialize(whole.ToJsonString(), BelayJson.Default.UpdateHarnessRequest)!;
    }
}
