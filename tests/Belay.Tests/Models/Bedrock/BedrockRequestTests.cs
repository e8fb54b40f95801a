using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.Bedrock;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models.Bedrock;

public sealed class BedrockRequestTests
{
    private const string Claude = "us.anthropic.claude-sonnet-4-20250514-v1:0";
    private const string Nova = "amazon.nova-pro-v1:0";
    private const string DeepSeek = "us.deepseek.r1-v1:0";

    [Fact]
    public void Request_HasEveryPart()
    {
        var request = Request(tools: true, User(Text("Hi"))) with
        {
            System = ["Be brief.", " "],
            Parameters = new ModelParameters(100, 0.5, null, null, JsonElement.Parse("""{"inferenceConfig":{"maxTokens":5,"stopSequences":["x"]},"additionalModelRequestFields":{"k":1}}""")),
        };

        Assert.Equal(
            """{"messages":[{"role":"user","content":[{"text":"Hi"},{"cachePoint":{"type":"default"}}]}],"system":[{"text":"Be brief."},{"cachePoint":{"type":"default"}}],"toolConfig":{"tools":[{"toolSpec":{"name":"shell","description":"The tool shell.","inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default"}}]},"inferenceConfig":{"maxTokens":100,"temperature":0.5,"stopSequences":["x"]},"additionalModelRequestFields":{"k":1}}""",
            Encoding.UTF8.GetString(Written(Claude, request, caching: true).Span));
    }

    [Theory]
    [InlineData(Claude, true, 4)]
    [InlineData(Claude, false, 0)]
    [InlineData(Nova, true, 3)]
    [InlineData(DeepSeek, true, 0)]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", true, 0)]
    [InlineData("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc", true, 0)]
    public void CachePoints_AreForModelsThatTakeThem(string modelId, bool caching, int points)
    {
        var request = Request(tools: true, User(Text("Hi")), Assistant(Text("Ho")), User(Text("Go")), Assistant(Text("Oh")), User(Text("Well"))) with { System = ["Be brief."] };

        var body = Encoding.UTF8.GetString(Written(modelId, request, caching).Span);

        Assert.Equal(points, body.Split("cachePoint").Length - 1);
    }

    [Theory]
    [InlineData(Claude, Claude, "sig", true)]
    [InlineData(Claude, "anthropic.claude-3-7-sonnet-20250219-v1:0", "sig", true)]
    [InlineData(Claude, Claude, null, false)]
    [InlineData(Claude, Nova, "sig", false)]
    [InlineData(Nova, Nova, null, true)]
    [InlineData(DeepSeek, DeepSeek, null, false)]
    public void Reasoning_GoesBackWithinItsFamily(string modelId, string maker, string? signature, bool kept)
    {
        var reasoning = new Block.Reasoning("hm", signature) { State = State("bedrock", maker) };

        Assert.Equal(kept, Render(modelId, Assistant(reasoning, Text("a"))).Contains("reasoningText", StringComparison.Ordinal));
    }

    [Fact]
    public void Reasoning_WithoutWords_IsDropped() =>
        Assert.DoesNotContain(
            "reasoningText",
            Render("openai.gpt-oss-120b-1:0", Assistant(new Block.Reasoning("", null) { State = State("bedrock", "openai.gpt-oss-120b") }, Text("a"))),
            StringComparison.Ordinal);

    [Fact]
    public void Reasoning_OfUnknownOrigin_IsDropped() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"text":"a"}]}]""",
            Render(Claude, Assistant(new Block.Reasoning("hm", "sig"), new Block.RedactedReasoning([1]) { State = State("openai", Claude) }, Text("a"))));

    [Fact]
    public void ToolsOfBothSides_KeepTheirOrder() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"shell","input":{"a":1}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"one"},{"json":{"x":1}},{"text":"[1]"},{"image":{"format":"png","source":{"bytes":"AQ=="}}}],"status":"success"}},{"toolResult":{"toolUseId":"t2","content":[{"text":"(no output)"}],"status":"error"}},{"text":"go on"}]}]""",
            Render(
                Claude,
                Assistant(Call("t1")),
                User(Text("go on")),
                User(
                    Result("t1", new ToolContent.Text("one"), Json("""{"x":1}"""), Json("[1]"), new ToolContent.Image("image/png", [1])),
                    Result("t2", new ToolContent.Text(" ")) with { Status = HarnessToolUseStatus.Error })));

    [Fact]
    public void Status_IsToldInTextWhereTheModelTakesNone() =>
        Assert.Equal(
            """[{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"[error]"},{"text":"it broke"}]}}]}]""",
            Render(Nova, User(Result("t", new ToolContent.Text("it broke")) with { Status = HarnessToolUseStatus.Error })));

    [Fact]
    public void WithoutTools_CallsAreToldInWords() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"text":"[called the tool shell with {\"a\":1}]"}]},{"role":"user","content":[{"text":"[the tool answered] one"}]}]""",
            Member(Written(Claude, Request(tools: false, Assistant(Call("t1")), User(Result("t1", new ToolContent.Text("one")))), caching: false), "messages"));

    [Fact]
    public void ServerTool_GoesBackWithItsResult()
    {
        var call = Call("s1") with { Kind = HarnessToolUseType.ServerToolUse, State = State("bedrock", Claude, """{"toolResult":{"status":"success","content":[{"text":"r"}]}}""") };

        Assert.Equal(
            """[{"role":"assistant","content":[{"toolUse":{"toolUseId":"s1","name":"shell","input":{"a":1},"type":"server_tool_use"}},{"toolResult":{"toolUseId":"s1","status":"success","content":[{"text":"r"}]}},{"text":"Found."}]}]""",
            Render(Claude, Assistant(call, Text("Found."))));
        Assert.Equal("""[{"role":"assistant","content":[{"text":"Found."}]}]""", Render(Nova, Assistant(call, Text("Found."))));
    }

    [Fact]
    public void MessagesThatHoldNothing_DisappearAndTheirNeighboursMeet() =>
        Assert.Equal(
            """[{"role":"user","content":[{"text":"a"},{"text":"b"}]}]""",
            Render(Claude, User(Text("a")), Assistant(Text("  "), new Block.Citation("s", null, null)), User(Text("b"))));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void KeptMessages_ChangeNoByte(int seed)
    {
        var random = new Random(seed);
        var written = new WrittenMessages();
        List<Message> messages = [];
        for (var step = 0; step < 300; step++)
        {
            for (var more = random.Next(4); more > 0; more--)
            {
                messages.Add(Any(random));
            }

            if (random.Next(10) == 0 && messages.Count > 0)
            {
                // A reduction: an old message becomes another, or the oldest go.
                messages[random.Next(messages.Count)] = Any(random);
                messages.RemoveRange(0, random.Next(3) == 0 ? random.Next(messages.Count) : 0);
            }

            var request = Request(tools: random.Next(10) > 0, [.. messages]);
            var (model, caching) = (random.Next(20) == 0 ? Nova : Claude, random.Next(20) > 0);

            Assert.Equal(Encoding.UTF8.GetString(Written(model, request, caching).Span), Encoding.UTF8.GetString(Written(model, request with { Written = written }, caching).Span));
        }
    }

    [Fact]
    public void KeptMessages_AreNotWrittenAgain()
    {
        var written = new WrittenMessages();
        var request = Request(tools: false, User(Text("a")), Assistant(Text("b")), User(Text("c")), Assistant(Text("d")), User(Text("e"))) with { Written = written };
        Written(Claude, request, caching: true);

        Assert.Equal(
            """{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"text":"b"}]}""",
            Encoding.UTF8.GetString(written.Find($"bedrock/{Claude}//cache", request.Messages, out var count)));
        Assert.Equal(2, count);
    }

    [Theory]
    [InlineData("call:1", "call_1_")]
    [InlineData("", "_")]
    public void Ids_ThatDoNotFit_AreRenamed(string id, string start) =>
        Assert.Contains($"\"toolUseId\":\"{start}", Render(Claude, Assistant(Call(id))), StringComparison.Ordinal);

    [Theory]
    [InlineData(Claude, "anthropic")]
    [InlineData("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-70b-instruct-v1:0", "meta")]
    [InlineData("arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0", "amazon")]
    [InlineData("my-model", "my-model")]
    public void Family_IsTheMaker(string modelId, string family) => Assert.Equal(family, BedrockRequest.Family(modelId));

    private static string Render(string modelId, params Message[] messages) =>
        Member(Written(modelId, Request(tools: true, messages), caching: false), "messages");

    private static ReadOnlyMemory<byte> Written(string modelId, ModelRequest request, bool caching)
    {
        using var body = new RequestBuffer();
        BedrockRequest.Write(body, modelId, request, caching);
        return body.Written.ToArray();
    }

    private static Message Any(Random random) => random.Next(7) switch
    {
        0 => User(Text("a\"b")),
        1 => User(Text("x"), Result("t1", new ToolContent.Text("one"))),
        2 => Assistant(Text(" ")),
        3 => Assistant(Call("t1"), Text("y")),
        4 => Assistant(new Block.Reasoning("hm", "sig") { State = State("bedrock", Claude) }),
        5 => Assistant(Text("z")),
        _ => User(new Block.Image("image/gif", [3])),
    };
}
