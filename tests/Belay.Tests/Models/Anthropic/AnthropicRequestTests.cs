using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Testing.Models;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models.Anthropic;

public sealed class AnthropicRequestTests
{
    private const string Claude = "claude-sonnet-4-6";

    [Fact]
    public void Request_HasEveryPart()
    {
        var request = Request(tools: true, User(Text("Hi"))) with
        {
            System = ["Be brief.", " ", "Be kind."],
            Tools = [ModelContract.Tool("shell"), ModelContract.Tool("view") with { Description = "", InputSchema = JsonElement.Parse("""{"properties":{}}""") }],
            Parameters = new ModelParameters(100, 0.5, 0.9, 7, JsonElement.Parse("""{"max_tokens":5,"system":"theirs","stop_sequences":["x"],"thinking":{"type":"adaptive"}}""")),
        };

        Assert.Equal(
            """{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}],"system":[{"type":"text","text":"Be brief."},{"type":"text","text":"Be kind.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"shell","description":"The tool shell.","input_schema":{"type":"object"}},{"name":"view","input_schema":{"type":"object","properties":{}},"cache_control":{"type":"ephemeral"}}],"stream":true,"max_tokens":100,"temperature":0.5,"top_p":0.9,"top_k":7,"stop_sequences":["x"],"thinking":{"type":"adaptive"}}""",
            Encoding.UTF8.GetString(Written(Claude, request, caching: true).Span));
    }

    [Fact]
    public void WhatIsNotSet_IsNotSent() =>
        Assert.Equal(
            """{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"stream":true,"max_tokens":8192}""",
            Encoding.UTF8.GetString(Written(Claude, Request(tools: false, User(Text("Hi"))), caching: false).Span));

    [Theory]
    [InlineData(null, "8192")]
    [InlineData("""{"max_tokens":5}""", "5")]
    [InlineData("""{"thinking":{"type":"enabled","budget_tokens":4000}}""", "12192")]
    [InlineData("""{"thinking":{"type":"enabled","budget_tokens":-4000}}""", "8192")]
    [InlineData("""{"thinking":{"type":"disabled"}}""", "8192")]
    public void OutputTokens_AreAlwaysLimited(string? additional, string limit)
    {
        var request = Request(tools: false, User(Text("Hi"))) with
        {
            Parameters = new ModelParameters(null, null, null, null, additional is null ? null : JsonElement.Parse(additional)),
        };

        Assert.Equal(limit, Member(Written(Claude, request, caching: false), "max_tokens"));
    }

    [Theory]
    [InlineData(true, null, 4)]
    [InlineData(true, """{"cache_control":{"type":"ephemeral"}}""", 4)] // The caller's is one of them.
    [InlineData(false, null, 0)]
    public void CachePoints_AreFour(bool caching, string? additional, int points)
    {
        var request = Request(tools: true, User(Text("Hi")), Assistant(Text("Ho")), User(Text("Go")), Assistant(Call("t1")), User(Result("t1"))) with
        {
            System = ["Be brief."],
            Parameters = new ModelParameters(null, null, null, null, additional is null ? null : JsonElement.Parse(additional)),
        };

        var body = Encoding.UTF8.GetString(Written(Claude, request, caching).Span);

        Assert.Equal(points, body.Split("cache_control").Length - 1);
        Assert.Equal(caching && additional is null, body.Contains("""{"type":"text","text":"Go","cache_control":{"type":"ephemeral"}}""", StringComparison.Ordinal));
        Assert.Equal(caching, body.Contains("""{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"(no output)"}],"cache_control":{"type":"ephemeral"}}""", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Claude, "anthropic", Claude, "sig", true)]
    [InlineData(Claude, "anthropic", "claude-opus-4-1", "sig", true)]
    [InlineData(Claude, "bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", "sig", true)]
    [InlineData(Claude, "anthropic", Claude, null, false)]
    [InlineData(Claude, "anthropic", "other", "sig", false)]
    [InlineData(Claude, "bedrock", "amazon.nova-pro-v1:0", "sig", false)]
    [InlineData(Claude, "openai", Claude, "sig", false)]
    [InlineData("other", "anthropic", "other", "sig", true)]
    [InlineData("other", "anthropic", Claude, "sig", false)]
    public void Reasoning_GoesBackWithItsSignatureWithinItsFamily(string modelId, string provider, string maker, string? signature, bool kept)
    {
        var reasoning = new Block.Reasoning("hm", signature) { State = State(provider, maker) };

        Assert.Equal(
            kept ? """[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"text","text":"a"}]}]""" : """[{"role":"assistant","content":[{"type":"text","text":"a"}]}]""",
            Render(modelId, Assistant(reasoning, Text("a"))));
    }

    [Fact]
    public void Reasoning_OfUnknownOrigin_IsDropped() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"type":"text","text":"a"}]}]""",
            Render(Claude, Assistant(new Block.Reasoning("hm", "sig"), new Block.RedactedReasoning([1]) { State = State("openai", Claude) }, Text("a"))));

    [Fact]
    public void RedactedReasoning_GoesBackAsItCame() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"type":"redacted_thinking","data":"AQID"},{"type":"redacted_thinking","data":"AQID"}]}]""",
            Render(
                Claude,
                Assistant(
                    new Block.RedactedReasoning("AQID"u8.ToArray()) { State = State("anthropic", Claude) },
                    new Block.RedactedReasoning([1, 2, 3]) { State = State("bedrock", "anthropic.claude-x") })));

    [Fact]
    public void ToolsOfBothSides_KeepTheirOrder() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"shell","input":{"a":1}},{"type":"tool_use","id":"t2","name":"shell","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"one"},{"type":"text","text":"{\"x\":1}"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQ=="}}]},{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"(no output)"}],"is_error":true},{"type":"text","text":"go on"}]}]""",
            Render(
                Claude,
                Assistant(Text("I look."), Call("t1"), Call("t2", "[1]")),
                User(Text("go on")),
                User(
                    Result("t1", new ToolContent.Text("one"), Json("""{"x":1}"""), new ToolContent.Image("image/png", [1])),
                    Result("t2", new ToolContent.Text(" ")) with { Status = HarnessToolUseStatus.Error })));

    [Fact]
    public void Images_AreShownWhereTheProviderTakesThem() =>
        Assert.Equal(
            """[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"[image: image/png, 1 bytes]"}],"is_error":true},{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"Ag=="}},{"type":"text","text":"[image: image/bmp, 1 bytes]"}]},{"role":"assistant","content":[{"type":"text","text":"[image: image/png, 1 bytes]"}]}]""",
            Render(
                Claude,
                User(new Block.Image("image/jpg", [2]), new Block.Image("image/bmp", [3]), Result("t", new ToolContent.Image("image/png", [1])) with { Status = HarnessToolUseStatus.Error }),
                Assistant(new Block.Image("image/png", [4]))));

    [Fact]
    public void WithoutTools_CallsAreToldInWords() =>
        Assert.Equal(
            """[{"role":"assistant","content":[{"type":"text","text":"[called the tool shell with {\"a\":1}]"}]},{"role":"user","content":[{"type":"text","text":"[the tool answered] one","cache_control":{"type":"ephemeral"}}]}]""",
            Member(Written(Claude, Request(tools: false, Assistant(Call("t1")), User(Result("t1", new ToolContent.Text("one")))), caching: true), "messages"));

    [Fact]
    public void ServerTool_GoesBackWithItsResult()
    {
        var call = Call("s1") with { Kind = HarnessToolUseType.ServerToolUse, State = State("anthropic", Claude, """{"call":{"type":"server_tool_use","id":"s1"},"result":{"type":"web_search_tool_result","tool_use_id":"s1"}}""") };

        Assert.Equal(
            """[{"role":"assistant","content":[{"type":"server_tool_use","id":"s1"},{"type":"web_search_tool_result","tool_use_id":"s1"},{"type":"text","text":"Found."}]}]""",
            Render(Claude, Assistant(call, Text("Found."))));
        Assert.Equal("""[{"role":"assistant","content":[{"type":"text","text":"Found."}]}]""", Render(Claude, Assistant(call with { State = State("anthropic", Claude) }, Text("Found."))));
        Assert.Equal("""[{"role":"assistant","content":[{"type":"text","text":"Found."}]}]""", Render("other", Assistant(call, Text("Found."))));
    }

    [Fact]
    public void MessagesThatHoldNothing_DisappearAndTheirNeighboursMeet() =>
        Assert.Equal(
            """[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]""",
            Render(Claude, User(Text("a")), Assistant(Text("  "), new Block.Citation("s", null, null)), User(Text("b"))));

    [Theory]
    [InlineData("call:1", "call_1_")]
    [InlineData("", "_")]
    public void Ids_ThatDoNotFit_AreRenamedOnBothSides(string id, string start)
    {
        var messages = Render(Claude, Assistant(Call(id)), User(Result(id)));

        Assert.Contains($"\"id\":\"{start}", messages, StringComparison.Ordinal);
        Assert.Contains($"\"tool_use_id\":\"{start}", messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
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
            var (model, caching) = (random.Next(20) == 0 ? "other" : Claude, random.Next(20) > 0);

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
            """{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"b"}]}""",
            Encoding.UTF8.GetString(written.Find($"anthropic/{Claude}//2", request.Messages, out var count)));
        Assert.Equal(2, count);
    }

    private static string Render(string modelId, params Message[] messages) =>
        Member(Written(modelId, Request(tools: true, messages), caching: false), "messages");

    private static ReadOnlyMemory<byte> Written(string modelId, ModelRequest request, bool caching)
    {
        using var body = new RequestBuffer();
        AnthropicRequest.Write(body, modelId, request, caching);
        return body.Written.ToArray();
    }

    private static Message Any(Random random) => random.Next(7) switch
    {
        0 => User(Text("a\"b")),
        1 => User(Text("x"), Result("t1", new ToolContent.Text("one"))),
        2 => Assistant(Text(" ")),
        3 => Assistant(Call("t1"), Text("y")),
        4 => Assistant(new Block.Reasoning("hm", "sig") { State = State("anthropic", Claude) }),
        5 => Assistant(Text("z")),
        _ => User(new Block.Image("image/gif", [3])),
    };
}
