using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.OpenAi;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models.OpenAi;

public sealed class OpenAiRequestTests
{
    public static TheoryData<string, string> Messages() => new()
    {
        { "text", """[{"role":"user","content":"Hi"}]""" },
        { "neighbours", """[{"role":"user","content":"a\nb"},{"role":"assistant","content":"cd"}]""" },
        {
            "tools",
            """[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"shell","arguments":"{\"a\":1}"}},{"id":"t2","type":"function","function":{"name":"shell","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t1","content":"one\n{\"x\":[1]}"},{"role":"tool","tool_call_id":"t2","content":"[error] it broke"},{"role":"user","content":"go on"}]"""
        },
        { "nothing that the protocol holds", """[{"role":"user","content":"a\nb"}]""" },
        {
            "images",
            """[{"role":"tool","tool_call_id":"t1","content":"[image: see the next message]"},{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQI="}},{"type":"image_url","image_url":{"url":"data:image/gif;base64,Aw=="}}]}]"""
        },
        { "an empty result", """[{"role":"tool","tool_call_id":"t1","content":"(no output)"}]""" },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public void Conversation_IsRendered(string name, string messages) =>
        Assert.Equal(messages, Member(Written("max_tokens", Request(tools: false, Conversation(name))), "messages"));

    [Fact]
    public void Parameters_AreMergedAndTheExplicitOnesWin()
    {
        var request = Request(tools: false, User(Text("Hi"))) with
        {
            System = ["One.", "", "Two."],
            Parameters = new ModelParameters(100, 0.7, 0.95, 5, JsonElement.Parse("""{"seed":7,"temperature":2,"max_tokens":9,"reasoning":{"effort":"low"}}""")),
        };

        Assert.Equal(
            """{"model":"m","messages":[{"role":"system","content":"One.\nTwo."},{"role":"user","content":"Hi"}],"stream":true,"max_tokens":100,"temperature":0.7,"top_p":0.95,"stream_options":{"include_usage":true},"seed":7,"reasoning":{"effort":"low"}}""",
            Encoding.UTF8.GetString(Written("max_tokens", request).Span));
        Assert.Equal("100", Member(Written("max_completion_tokens", request), "max_completion_tokens"));
    }

    [Theory]
    [InlineData("""{"stream_options":null}""", "")]
    [InlineData("""{"stream_options":{"x":1}}""", """{"x":1}""")]
    public void StreamOptions_AreTheCallersWhereGiven(string additional, string options)
    {
        var request = Request(tools: false, User(Text("Hi"))) with { Parameters = new ModelParameters(null, null, null, null, JsonElement.Parse(additional)) };

        Assert.Equal(options, Member(Written("max_tokens", request), "stream_options"));
    }

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"stream_options":{"x":1}}""", """{"x":1}""")]
    public void StreamOptions_AreLeftOutWhereTheProviderRefusesThem(string additional, string options)
    {
        var request = Request(tools: false, User(Text("Hi"))) with { Parameters = new ModelParameters(null, null, null, null, JsonElement.Parse(additional)) };

        Assert.Equal(options, Member(Written("max_tokens", request, streamOptions: false), "stream_options"));
    }

    [Fact]
    public void HalfACharacter_DoesNotBreakTheRequest() =>
        Assert.Equal(
            "[{\"role\":\"user\",\"content\":\"a\uFFFDb\"}]",
            JsonDocument.Parse(Written("max_tokens", Request(tools: false, User(Text("a\ud800b"))))).RootElement.GetProperty("messages").ToString().Replace("\\uFFFD", "\uFFFD", StringComparison.OrdinalIgnoreCase));

    [Fact]
    public void LongIds_AreShortenedAlikeInCallAndResult()
    {
        var id = new string('x', 64);

        var messages = JsonDocument.Parse(Member(Written("max_tokens", Request(tools: false, Assistant(Call(id)), User(Result(id)))), "messages")).RootElement;

        var sent = messages[0].GetProperty("tool_calls")[0].GetProperty("id").GetString()!;
        Assert.Equal(40, sent.Length);
        Assert.Equal(sent, messages[1].GetProperty("tool_call_id").GetString());
    }

    [Theory]
    [InlineData("aB3dE6gH9", true)]
    [InlineData("tooluse_1", false)]
    [InlineData("call_0fypS1hVX", false)]
    [InlineData("t1", false)]
    public void Ids_HaveTheLengthThatTheProviderWantsAlikeInCallAndResult(string id, bool same)
    {
        var written = new WrittenMessages();
        var request = Request(tools: false, Assistant(Call(id)), User(Result(id)), Assistant(Text("a")), User(Text("b"))) with { Written = written };

        // What was kept for a provider that takes any id is not sent to this one.
        Written("max_tokens", request);
        var messages = JsonDocument.Parse(Member(Written("max_tokens", request, idLength: 9), "messages")).RootElement;

        var sent = messages[0].GetProperty("tool_calls")[0].GetProperty("id").GetString()!;
        Assert.Equal(sent, messages[1].GetProperty("tool_call_id").GetString());
        Assert.Matches("^[A-Za-z0-9]{9}$", sent);
        Assert.Equal(same, sent == id);
    }

    [Theory]
    [InlineData("openai", "m", true)]
    [InlineData("openai", "other", false)]
    [InlineData("bedrock", "m", false)]
    public void ProviderState_GoesBackOnlyToTheModelThatMadeIt(string provider, string modelId, bool back)
    {
        var call = Call("t1") with { State = State(provider, modelId, """{"extra_content":{"s":1}}""") };

        var messages = Member(Written("max_tokens", Request(tools: false, Assistant(call))), "messages");

        Assert.Equal(back, messages.Contains("""},"extra_content":{"s":1}}""", StringComparison.Ordinal));
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

            var request = Request(tools: false, [.. messages]) with { System = random.Next(2) == 0 ? ["S"] : [] };
            var model = random.Next(20) == 0 ? "other" : "m";

            Assert.Equal(Encoding.UTF8.GetString(Written("max_tokens", request, model).Span), Encoding.UTF8.GetString(Written("max_tokens", request with { Written = written }, model).Span));
        }
    }

    [Fact]
    public void KeptMessages_AreNotWrittenAgain()
    {
        var written = new WrittenMessages();
        var request = Request(tools: false, User(Text("a")), Assistant(Text("b")), User(Text("c"))) with { Written = written };
        Written("max_tokens", request);

        Assert.Equal("""{"role":"user","content":"a"},{"role":"assistant","content":"b"}""", Encoding.UTF8.GetString(written.Find("openai/m", request.Messages, out var count)));
        Assert.Equal(2, count);
    }

    [Theory]
    [InlineData(true, """[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"shell","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"t1","content":"[image: text/plain, 1 bytes]"},{"role":"user","content":"go on\n[image: image/png, 0 bytes]"}]""")]
    [InlineData(false, """[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"shell","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"t1","content":"[image: text/plain, 1 bytes]"},{"role":"assistant","content":"OK."},{"role":"user","content":"go on\n[image: image/png, 0 bytes]"}]""")]
    public void UserAfterTool_IsSentAsTheProviderTakesIt(bool userAfterTool, string messages)
    {
        var request = Request(tools: false, User(Text("Hi")), Assistant(Call("t1")), User(Text("go on"), Result("t1", new ToolContent.Image("text/plain", [1])), new Block.Image("image/png", [])));
        using var body = new RequestBuffer();
        OpenAiRequest.Write(body, "m", new OpenAiDialect(UserAfterTool: userAfterTool), request);

        Assert.Equal(messages, Member(body.Written.ToArray(), "messages"));
    }

    private static Message Any(Random random) => random.Next(6) switch
    {
        0 => User(Text("a\"b")),
        1 => User(Result("t1", new ToolContent.Text("one")), Text("x")),
        2 => Assistant(Text("")),
        3 => Assistant(Call("t1"), Text("y")),
        4 => Assistant(new Block.Reasoning("hm", null)),
        _ => User(new Block.Image("image/gif", [3])),
    };

    private static ReadOnlyMemory<byte> Written(string maxTokensName, ModelRequest request, string modelId = "m", bool streamOptions = true, int? idLength = null)
    {
        using var body = new RequestBuffer();
        OpenAiRequest.Write(body, modelId, new OpenAiDialect(maxTokensName, streamOptions, idLength), request);
        return body.Written.ToArray();
    }

    private static Message[] Conversation(string name) => name switch
    {
        "text" => [User(Text("Hi"))],
        "neighbours" => [User(Text("a")), User(Text("b")), Assistant(Text("c")), Assistant(Text("d"))],
        "tools" =>
        [
            User(Text("Hi")),
            Assistant(new Block.Reasoning("hm", "sig"), Call("t1"), Call("t2", "[1]")),
            User(Result("t1", new ToolContent.Text("one"), Json("""{"x":[1]}"""))),
            User(Text("go on"), Result("t2", new ToolContent.Text("it broke")) with { Status = HarnessToolUseStatus.Error }),
        ],
        "nothing that the protocol holds" =>
        [
            User(Text("a")),
            Assistant(new Block.Reasoning("hm", null), new Block.RedactedReasoning([1]), new Block.Citation("s", null, null)),
            User(Text("b")),
        ],
        "images" => [User(Text("look"), new Block.Image("image/gif", [3]), Result("t1", new ToolContent.Image("image/png", [1, 2])))],
        _ => [User(Result("t1"))],
    };
}
