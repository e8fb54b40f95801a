using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

public sealed class ToolRulesTests
{
    private const string Converse = """{"bedrockModelConfig":{"modelId":"us.anthropic.claude-sonnet-4-5-20250929-v1:0"}}""";
    private const string Nova = """{"bedrockModelConfig":{"modelId":"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"}}""";
    private const string Llama = """{"bedrockModelConfig":{"modelId":"meta.llama4-maverick-17b-instruct-v1:0"}}""";
    private const string Mantle = """{"bedrockModelConfig":{"modelId":"openai.gpt-oss-120b","apiFormat":"responses"}}""";
    private const string OpenAi = """{"openAiModelConfig":{"modelId":"gpt-5","apiKeyArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/openai"}}""";
    private const string Gemini = """{"geminiModelConfig":{"modelId":"gemini-3-pro","apiKeyArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/g"}}""";

    private const string Choice = """{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}},"anyOf":[{"required":["a"]}]}""";
    private const string Names = """{"type":"object","properties":{"a b":{},"c.d-e_F9":{},"größe":{}}}""";
    private const string Tree = """{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["kids"]}}}""";
    private const string OptionalTree = """{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}}}}}""";
    private const string References = """{"title":"t","type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"additionalProperties":false,"$defs":{"n":{"type":"string"}}}""";
    private const string Python = """{"type":"dict","properties":{"a":{"type":"float"}}}""";
    private const string Unsound = """{"type":"object","properties":{"a":{"type":"thing"}}}""";

    public static TheoryData<string, string, string> Rows()
    {
        var rows = new TheoryData<string, string, string>();
        foreach (var model in (string[])[Converse, Lite("anthropic/claude-opus-4-5"), Lite("bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0")])
        {
            rows.Add(model, Choice, ".anyOf");
            rows.Add(model, Names, ".properties.a b .properties.größe");
            rows.Add(model, Tree, "");
        }

        foreach (var model in (string[])[OpenAi, Mantle, Lite("gpt-5"), Lite("openai/gpt-5"), Lite("azure/mine")])
        {
            rows.Add(model, Choice, ".anyOf");
            rows.Add(model, Names, "");
            rows.Add(model, """{"type":"object","enum":[{}],"not":{}}""", ".enum .not");
        }

        foreach (var model in (string[])[Gemini, Lite("gemini/gemini-3-pro")])
        {
            rows.Add(model, Choice, "");
            rows.Add(model, Tree, ".$defs.n");
            rows.Add(model, OptionalTree, "");
            rows.Add(model, References, "");
        }

        rows.Add(Nova, Choice, ".anyOf");
        rows.Add(Nova, OptionalTree, " ");
        rows.Add(Nova, References, "");

        // Whoever takes everything is asked for nothing, but what is no schema is none anywhere.
        foreach (var model in (string[])[Llama, Lite("groq/x"), Lite("mistral/x"), Lite("ollama/x"), Lite("belay/scripted"), Lite("openai/x", "http://127.0.0.1:9/v1"), Lite("unknown/x"), "{}"])
        {
            rows.Add(model, Choice, "");
            rows.Add(model, Names, "");
            rows.Add(model, Tree, "");
            rows.Add(model, Unsound, ".properties.a.type");
        }

        foreach (var model in (string[])[Converse, Nova, Llama, Mantle, OpenAi, Gemini])
        {
            rows.Add(model, Python, "");
            rows.Add(model, "{}", "");
            rows.Add(model, Unsound, ".properties.a.type");
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Schema_IsTakenOrItsProblemsAreNamed(string model, string schema, string problems)
    {
        var found = ToolRules.Problems(Model(model), [EngineWorld.Inline("a"), Inline("b", schema)], ["*"], "tools").ToList();

        Assert.Equal(
            problems.Length == 0 ? "" : string.Join(' ', problems.Trim().Split(" .").Select((one, index) => "tools[1].config.inlineFunction.inputSchema" + (index > 0 ? "." : "") + one)),
            string.Join(' ', found.Select(problem => problem.Name)));
    }

    [Fact]
    public void ToolsThatAreNotInForce_AreNotLookedAt() =>
        Assert.Empty(ToolRules.Problems(Model(OpenAi), [Inline("b", Choice)], ["shell", "@other/*"], "tools"));

    [Fact]
    public void Problem_NamesTheProviderAndTheRule() =>
        Assert.Equal(
            new FieldProblem("tools[0].config.inlineFunction.inputSchema.anyOf", "must not stand at the root for Claude; put it into a property."),
            Assert.Single(ToolRules.Problems(Model(Converse), [Inline("b", Choice)], ["*"], "tools")));

    [Fact]
    public void ModelThatWouldTakeOver_IsAskedToo() =>
        Assert.Equal(
            "tools[0].config.inlineFunction.inputSchema.anyOf",
            Assert.Single(ToolRules.Problems(
                Model("""{"bedrockModelConfig":{"modelId":"belay/scripted","additionalParams":{"belay":{"fallbacks":[""" + Converse + "]}}}}"), [Inline("b", Choice)], ["*"], "tools")).Name);

    [Fact]
    public async Task Invocation_IsRefusedBeforeAnyCall_ForTheModelThatItNames()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with { Tools = [EngineWorld.Inline("ask"), Inline("choose", Choice)] };
        var served = new ServedHarness(world.Harness, "DEFAULT", world.Belay);

        world.Resolver.Resolve(served, world.Request(EngineWorld.User("Hi")));
        var fault = Assert.Throws<ServiceException>(() => world.Resolver.Resolve(served, world.Request(EngineWorld.User("Hi")) with { Model = Model(Converse), MaxIterations = 0 }));
        var fork = Assert.Throws<ServiceException>(() => world.Resolver.CheckFork(served, Model(Converse), null));

        const string Field = "tools[1].config.inlineFunction.inputSchema.anyOf";
        Assert.Equal(["maxIterations", Field], fault.Fields.Select(field => field.Name));
        Assert.Equal([Field], fork.Fields.Select(field => field.Name));
        Assert.Empty(world.Model.Requests);
    }

    private static string Lite(string modelId, string? apiBase = null) =>
        $$$"""{"liteLlmModelConfig":{"modelId":"{{{modelId}}}"{{{(apiBase is null ? "" : $",\"apiBase\":\"{apiBase}\"")}}}}}""";

    private static HarnessModelConfiguration Model(string json) => JsonSerializer.Deserialize(json, BelayJson.Default.HarnessModelConfiguration)!;

    private static HarnessTool Inline(string name, string schema) => new()
    {
        Type = HarnessToolType.InlineFunction,
        Name = name,
        Config = new() { InlineFunction = new() { Description = "d", InputSchema = JsonElement.Parse(schema) } },
    };
}
