using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Projects;

namespace Belay.Tests.Cli;

/// <summary>What a project file means, and what is said of one that is wrong.</summary>
public sealed class ProjectReaderTests
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Theory]
    [InlineData("maxIterations: 7", """{"maxIterations":7}""")]
    [InlineData("environmentVariables: {A: 1.0, B: yes, C: 007, D: true, E: 0x1F, F: \"null\", G: on}", """{"environmentVariables":{"A":"1.0","B":"yes","C":"007","D":"true","E":"0x1F","F":"null","G":"on"}}""")]
    [InlineData("model: {bedrockModelConfig: {modelId: 1.0, temperature: 1}}", """{"model":{"bedrockModelConfig":{"modelId":"1.0","temperature":1}}}""")]
    [InlineData("model: {bedrockModelConfig: {modelId: m, additionalParams: {a: 1, b: true, c: yes, d: null, e: '1', f: [0.5, ~]}}}", """{"model":{"bedrockModelConfig":{"modelId":"m","additionalParams":{"a":1,"b":true,"c":"yes","d":null,"e":"1","f":[0.5,null]}}}}""")]
    [InlineData("systemPrompt:\n- text: |\n    One\n    two", """{"systemPrompt":[{"text":"One\ntwo"}]}""")]
    [InlineData("memory: {managedMemoryConfiguration: {}}", """{"memory":{"managedMemoryConfiguration":{}}}""")]
    [InlineData("# nothing but the name", "{}")]
    public void Values_HaveTheTypeThatTheMemberHasOnTheWire(string yaml, string members)
    {
        var (project, problems) = ProjectFolder.Read("name: hello\n" + yaml);

        Assert.Empty(problems);
        var expected = JsonNode.Parse(members)!.AsObject();
        expected["memory"] ??= new JsonObject { ["disabled"] = new JsonObject() };
        Assert.Equal(expected.ToJsonString(Plain), project!.Members.ToJsonString(Plain));
    }

    [Theory]
    [InlineData("maxIteration: 1", "2:1: maxIteration: unknown key, did you mean maxIterations?; allowed: allowedTools, authorizerConfiguration, belay, environment, environmentArtifact, environmentVariables, executionRoleArn, hooks, maxIterations, maxTokens, memory, model, name, skills, systemPrompt, tags, timeoutSeconds, tools, truncation")]
    [InlineData("model:\n  bedrock_model_config: {modelId: m}", "3:3: model.bedrock_model_config: unknown key, did you mean bedrockModelConfig?; allowed: bedrockModelConfig, geminiModelConfig, liteLlmModelConfig, openAiModelConfig")]
    [InlineData("truncation: {strategy: sliding}", "2:24: truncation.strategy: unknown word; allowed: sliding_window, summarization, none")]
    [InlineData("tools: [{type: inline_fuction}]", "2:16: tools[0].type: unknown word, did you mean inline_function?; allowed: remote_mcp, agentcore_browser, agentcore_gateway, inline_function, agentcore_code_interpreter")]
    [InlineData("maxIterations: '7'", "2:16: maxIterations: must be a whole number such as 20, without quotes")]
    [InlineData("maxIterations: 007", "2:16: maxIterations: must be a whole number such as 20, without quotes")]
    [InlineData("maxIterations: 7.5", "2:16: maxIterations: must be a whole number of 32 bits")]
    [InlineData("maxIterations: 0", "2:16: maxIterations: must be at least 1")]
    [InlineData("maxIterations:", "2:15: maxIterations: must be a whole number such as 20, without quotes")]
    [InlineData("allowedTools: shell", "2:15: allowedTools: must be a list, but is a single value")]
    [InlineData("allowedTools: []\nallowedTools: [shell]", "3:1: allowedTools: is given twice; the first is in line 2")]
    [InlineData("environmentVariables: {A: }", "2:27: environmentVariables.A: must be text, but is empty; leave the key out, or put the text in quotes")]
    [InlineData("environmentVariables: {1: x}", "2:24: environmentVariables.1: has a key that YAML does not read as text; put the key in quotes")]
    [InlineData("environmentVariables: {[a]: x}", "2:24: environmentVariables: has a key that is a list; a key is text")]
    [InlineData("memory:", "2:8: memory: must be an object, but is empty; write {} for one without content, or leave the key out; allowed: agentCoreMemoryConfiguration, managedMemoryConfiguration, disabled")]
    [InlineData("model: {bedrockModelConfig: {modelId: m, temperature: 3}}", "2:55: model.bedrockModelConfig.temperature: must be 0 to 2")]
    [InlineData("tags: {'belay:detach': 'true'}", "2:24: tags.belay:detach: sets a setting; write it as detach in the section belay")]
    [InlineData("belay: {detach: yes}", "2:17: belay.detach: must be a truth value, without quotes; allowed: true, false")]
    [InlineData("belay: {toolConcurency: 4}", "2:9: belay.toolConcurency: unknown key, did you mean toolConcurrency?; allowed: detach, offloadToolResultsAbove, overridable, recovery, toolConcurrency")]
    [InlineData("belay: {offloadToolResultsAbove: 199}", "2:34: belay.offloadToolResultsAbove: must be 200 to 250000")]
    [InlineData("belay: {toolConcurrency: 65}", "2:26: belay.toolConcurrency: must be 1 to 64")]
    [InlineData("belay: {overridable: [modle]}", "2:23: belay.overridable[0]: unknown word, did you mean model?; allowed: model, systemPrompt, tools, skills, allowedTools, maxIterations, maxTokens, timeoutSeconds, actorId")]
    [InlineData("hooks: [{}]", "2:8: hooks: must be empty: this server does not run lifecycle hooks")]
    [InlineData("systemPrompt: [{text: ./prompts/me.md}]", "2:15: systemPrompt: looks like the name of a file; leave the key out, and put the text into system-prompt.md beside this file")]
    [InlineData("tools: &a []\nskills: *a", "2:8: tools: has an anchor; write the value out in each place|3:9: skills: is an alias; write the value out|3:9: skills: must be a list, but is a single value")]
    [InlineData("maxIterations: !!int 7", "2:16: maxIterations: has a tag; the member decides the type of its value")]
    [InlineData("---\nname: b", "2:1: begins a second document; one file holds one harness")]
    [InlineData("tools: [", "3:1: is not YAML: While parsing a node, did not find expected node content")]
    public void WrongFiles_AreExplainedAtTheirPlace(string yaml, string lines)
    {
        var (project, problems) = ProjectFolder.Read("name: hello\n" + yaml);

        Assert.Null(project);
        Assert.Equal(lines.Split('|'), problems);
    }

    [Theory]
    [InlineData("dockerfile: Dockerfile", "dockerfile: names a file to build, and Belay builds no images")]
    [InlineData("harnessName: x", "harnessName: is called name in a project file")]
    [InlineData("memory: {agentCoreMemoryConfiguration: {name: m}}", "memory.agentCoreMemoryConfiguration.name: names a memory of a project")]
    [InlineData("memory: {agentCoreMemoryConfiguration: {retrievalConfig: {topK: 3}}}", "memory.agentCoreMemoryConfiguration.retrievalConfig.topK: must stand below a namespace")]
    [InlineData("skills: [{git: {url: 'https://example.org/x', auth: {credentialName: c}}}]", "skills[0].git.auth.credentialName: names a credential of a project")]
    [InlineData("environment: {agentCoreRuntimeEnvironment: {networkConfig: {}}}", "environment.agentCoreRuntimeEnvironment.networkConfig: is called networkModeConfig")]
    public void WhatOnlyTheReferenceHas_IsRefusedWithWhatToDo(string yaml, string line)
    {
        var (project, problems) = ProjectFolder.Read("name: hello\n" + yaml);

        Assert.Null(project);
        Assert.Contains(problems, problem => problem.Contains(": " + line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "1:1: is empty")]
    [InlineData("# nothing", "1:1: is empty")]
    [InlineData("- a", "1:1: must be an object, but is a list; allowed: ")]
    [InlineData("maxIterations: 3", "1:1: name: is required")]
    [InlineData("name: 1st", "1:7: name: must match [a-zA-Z][a-zA-Z0-9_]{0,39}")]
    public void FilesWithoutAHarness_SayWhatIsMissing(string yaml, string start)
    {
        var (project, problems) = ProjectFolder.Read(yaml);

        Assert.Null(project);
        Assert.StartsWith(start, Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void AllProblems_AreReportedAtOnceInTheOrderOfTheFile()
    {
        var (_, problems) = ProjectFolder.Read(
            """
            naem: hello
            maxIterations: many
            tools:
            - name: a
            - type: remote_mcp
              config: {remoteMcp: {uri: x}}
            timeoutSeconds: 0
            """);

        Assert.Equal(
            [
                "1:1: naem",
                "1:1: name",
                "2:16: maxIterations",
                "4:3: tools[0].type",
                "6:12: tools[1].config.remoteMcp.url",
                "6:24: tools[1].config.remoteMcp.uri",
                "7:17: timeoutSeconds",
            ],
            problems.Select(problem => string.Join(':', problem.Split(':')[..3])));
    }

    [Fact]
    public void Prompt_ComesFromTheFileBesideWithoutItsLastLineFeed()
    {
        var (project, _) = ProjectFolder.Read("name: hello", prompt: "\ufeffOne\n\ntwo\n");

        Assert.Equal("""[{"text":"One\n\ntwo"}]""", project!.Members["systemPrompt"]!.ToJsonString());
    }

    [Fact]
    public void Prompt_InBothPlaces_IsRefused()
    {
        var (_, problems) = ProjectFolder.Read("name: hello\nsystemPrompt: [{text: a}]", prompt: "b");

        Assert.Equal(["2:15: systemPrompt: is given here and in app/hello/system-prompt.md; keep one"], problems);
    }

    [Fact]
    public void Prompt_ThatIsEmpty_IsReportedInItsOwnFile()
    {
        var (_, problems) = ProjectFolder.Read("name: hello", prompt: "\n");

        Assert.Equal(["app/hello/system-prompt.md:1:1: systemPrompt[0].text: must have at least 1 character, but has 0"], problems);
    }

    [Theory]
    [InlineData(null, null, "hello")]
    [InlineData("default", null, "hello")]
    [InlineData("lab", null, "hello_lab")]
    [InlineData(null, """{"name":"team"}""", "team_default_hello")]
    [InlineData("lab", """{"name":"team"}""", "team_lab_hello")]
    public void DeployedName_NamesProjectAndTarget(string? target, string? shared, string name) =>
        Assert.Equal(name, ProjectFolder.Read("name: hello", target, shared: shared).Project!.Name);

    [Fact]
    public void DeployedName_ThatIsTooLong_NamesTheNameItMakes()
    {
        var (_, problems) = ProjectFolder.Read("name: hello", new string('t', 40));

        Assert.Equal([$"1:7: name: makes the deployed name hello_{new string('t', 40)}, and a name is a letter, then letters, digits and _, at most 40"], problems);
    }

    [Fact]
    public void Tags_AreTheProjectsAndTheFiles()
    {
        var (project, _) = ProjectFolder.Read("name: hello\ntags: {a: '2', c: 3}", shared: """{"tags":{"a":"1","b":"1"}}""");

        Assert.Equal("a=2 b=1 c=3", string.Join(' ', project!.Tags.OrderBy(tag => tag.Key).Select(tag => $"{tag.Key}={tag.Value}")));
        Assert.False(project.Members.ContainsKey("tags"));
    }

    [Theory]
    [InlineData("{", "agentcore/agentcore.json:1:2: is not JSON")]
    [InlineData("""{"tags":{"a":1}}""", "agentcore/agentcore.json:1:1: tags: must be an object of texts")]
    public void SharedFile_ThatIsWrong_IsReported(string shared, string line) =>
        Assert.Equal([line], ProjectFolder.Read("name: hello", shared: shared).Problems);

    [Fact]
    public void Section_IsTheDocumentOfSettings()
    {
        var (project, _) = ProjectFolder.Read("name: hello\nbelay: {detach: true, toolConcurrency: 2, overridable: [model, tools]}");

        Assert.Equal("""{"detach":true,"toolConcurrency":2,"overridable":["model","tools"]}""", project!.Settings.ToJsonString());
    }

    [Fact]
    public void Sample_IsWithoutProblems()
    {
        var location = new ProjectLocation(ProjectFolder.Sample, Path.Combine(ProjectFolder.Sample, "app", "hello", "harness.yaml"), ProjectFolder.Sample);
        var problems = new List<FileProblem>();

        Assert.NotNull(ProjectReader.Read(location, null, null, problems));
        Assert.Empty(problems);
    }
}
