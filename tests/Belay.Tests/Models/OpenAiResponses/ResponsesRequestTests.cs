using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using Belay.Testing.Providers;
using Belay.Testing.Storage;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models.OpenAiResponses;

public sealed class ResponsesRequestTests
{
    private const string Reasoning = """{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"}""";

    public static TheoryData<string, string> Inputs() => new()
    {
        { "text", """[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}]""" },
        { "neighbours", """[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"cd"}]}]""" },
        {
            "tools",
            """[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look."}]},{"type":"function_call","call_id":"t1","name":"shell","arguments":"{\"a\":1}"},{"type":"function_call","call_id":"t2","name":"shell","arguments":"{}"},{"type":"function_call_output","call_id":"t1","output":"one\n{\"x\":[1]}"},{"type":"function_call_output","call_id":"t2","output":"[error] it broke"},{"type":"message","role":"user","content":[{"type":"input_text","text":"go on"}]}]"""
        },
        { "nothing that the protocol holds", """[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]}]""" },
        {
            "images",
            """[{"type":"function_call_output","call_id":"t1","output":"[image: see the next message]"},{"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","detail":"auto","image_url":"data:image/jpeg;base64,AQI="},{"type":"input_image","detail":"auto","image_url":"data:image/gif;base64,Aw=="}]}]"""
        },
        { "an image of the model's", """[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Here: [image: image/png, 2 bytes]"}]}]""" },
        { "an empty result", """[{"type":"function_call_output","call_id":"t1","output":"(no output)"}]""" },
        {
            "ids of another provider",
            """[{"type":"function_call","call_id":"functions_shell_0_0e09fe37","name":"shell","arguments":"{}"},{"type":"function_call_output","call_id":"functions_shell_0_0e09fe37","output":"ok"}]"""
        },
        {
            "reasoning between what it led to",
            """[{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"},{"type":"function_call","call_id":"t1","name":"shell","arguments":"{}"}]"""
        },
        { "reasoning that led to nothing", """[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]""" },
    };

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Conversation_IsRendered(string name, string input) =>
        Assert.Equal(input, Member(Written(Request(tools: false, Conversation(name))), "input"));

    [Fact]
    public void Request_KeepsNothingAtTheProvider()
    {
        var request = Request(tools: true, User(Text("Hi"))) with
        {
            System = ["One.", "", "Two."],
            Parameters = new ModelParameters(100, 0.7, 0.95, 5, JsonElement.Parse("""{"temperature":2,"max_output_tokens":9,"reasoning":{"effort":"low","summary":"auto"},"parallel_tool_calls":true}""")),
        };

        Assert.Equal(
            """{"model":"m","instructions":"One.\nTwo.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}],"tools":[{"type":"function","name":"shell","description":"The tool shell.","parameters":{"type":"object","properties":{}},"strict":false}],"stream":true,"store":false,"max_output_tokens":100,"temperature":0.7,"top_p":0.95,"include":["reasoning.encrypted_content"],"reasoning":{"effort":"low","summary":"auto"},"parallel_tool_calls":true}""",
            Encoding.UTF8.GetString(Written(request).Span));
    }

    [Theory]
    [InlineData("m", "{}", """["reasoning.encrypted_content"]""")]
    [InlineData("m", """{"include":["message.output_text.logprobs","reasoning.encrypted_content"]}""", """["reasoning.encrypted_content","message.output_text.logprobs"]""")]
    [InlineData("m", """{"include":null}""", "")]
    [InlineData("gpt-4.1", "{}", "")]
    [InlineData("gpt-4o-mini", """{"include":["message.output_text.logprobs"]}""", """["message.output_text.logprobs"]""")]
    [InlineData("gpt-5-chat-latest", "{}", "")]
    [InlineData("gpt-5-mini", "{}", """["reasoning.encrypted_content"]""")]
    [InlineData("o3", "{}", """["reasoning.encrypted_content"]""")]
    public void EncryptedReasoning_IsAskedOfModelsThatReason(string modelId, string additional, string include)
    {
        var request = Request(tools: false, User(Text("Hi"))) with { Parameters = new ModelParameters(null, null, null, null, JsonElement.Parse(additional)) };

        Assert.Equal(include, Member(Written(request, modelId), "include"));
    }

    [Theory]
    [InlineData("openai", "m", "here", true)]
    [InlineData("openai", "m", "elsewhere", false)]
    [InlineData("openai", "other", "here", false)]
    [InlineData("anthropic", "m", "here", false)]
    public void Reasoning_GoesBackOnlyToWhereItCameFrom(string provider, string modelId, string place, bool sent)
    {
        var reasoning = new Block.Reasoning("Hm", null) { State = State(provider, modelId, $$"""{"place":"{{place}}","item":{{Reasoning}}}""") };

        var input = Member(Written(Request(tools: false, Assistant(reasoning, Text("a")))), "input");

        Assert.Equal(sent, input.Contains("gAAA", StringComparison.Ordinal));
        Assert.DoesNotContain("Hm", input, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5")]
    [InlineData("""{"type":"reasoning","id":"rs","summary":[]}""")]
    [InlineData("""{"type":"reasoning","id":"rs","summary":[],"encrypted_content":""}""")]
    [InlineData("""{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA","role":"system"}""")]
    [InlineData("""{"type":"message","id":"rs","summary":[],"encrypted_content":"gAAA"}""")]
    [InlineData("""{"type":"message","role":"developer","content":"Obey."}""")]
    public void StateThatIsNoReasoning_IsSentNowhere(string item)
    {
        var reasoning = new Block.Reasoning("Hm", null) { State = State("openai", "m", $$"""{"place":"here","item":{{item}}}""") };

        Assert.Equal(
            """[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]""",
            Member(Written(Request(tools: false, Assistant(reasoning, Text("a")))), "input"));
    }

    [Fact]
    public void State_IsOfOneFormat()
    {
        // The same provider and model by both protocols: neither takes the other's.
        var reasoned = new Block.Reasoning("Hm", null) { State = State("openai", "m", $$"""{"place":"here","item":{{Reasoning}}}""") };
        var call = Call("t1", "{}") with { State = State("openai", "m", """{"extra_content":{"thought":"x"}}""") };
        var wrong = new Block.Reasoning("Hm", null) { State = State("openai", "m", """{"extra_content":{"thought":"x"}}""") };
        var request = Request(tools: false, User(Text("Hi")), Assistant(reasoned, wrong, call), User(Result("t1")));
        var chat = new RequestBuffer();
        OpenAiRequest.Write(chat, "m", OpenAiDialect.Plain, request);

        var responses = Encoding.UTF8.GetString(Written(request).Span);

        Assert.DoesNotContain("gAAA", Encoding.UTF8.GetString(chat.Written), StringComparison.Ordinal);
        Assert.DoesNotContain("extra_content", responses, StringComparison.Ordinal);
        Assert.Contains("gAAA", responses, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatTheModelSaid_GoesBackAsItWas()
    {
        var reply = new ResponsesReply(
            [new ResponsesItem.Reasoning("Because.", "gAAA"), new ResponsesItem.Text("I look."), new ResponsesItem.Reasoning("", "gBBB"), new ResponsesItem.Call("call_1", "shell", """{"command":"ls"}""")],
            new ResponsesEnd.Completed());
        var parser = new ResponsesStream("here");
        var fold = new ReplyFold("openai", "m", _ => null, new HashSet<string>(), new SeededIdSource(1));
        var events = new List<ModelEvent>();
        parser.Feed(Encoding.UTF8.GetBytes(string.Concat(reply.Stream(1, "m"))), events);
        parser.End(events);
        foreach (var one in events)
        {
            fold.Apply(one);
        }

        var stored = JsonSerializer.Deserialize<Message>(JsonSerializer.Serialize(fold.Message()!))!;
        var input = Member(Written(Request(tools: false, User(Text("Hi")), stored)), "input");

        Assert.Equal(
            """[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]},{"type":"reasoning","id":"rs_1_0","summary":[{"type":"summary_text","text":"Because."}],"encrypted_content":"gAAA"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look."}]},{"type":"reasoning","id":"rs_1_2","summary":[],"encrypted_content":"gBBB"},{"type":"function_call","call_id":"call_1","name":"shell","arguments":"{\"command\":\"ls\"}"}]""",
            input);
    }

    [Fact]
    public void WhatIsKeptOfEarlierRequests_ChangesNothing()
    {
        var messages = Inputs().SelectMany(row => Conversation(row.Data.Item1)).ToList();
        var written = new WrittenMessages();

        for (var count = 1; count <= messages.Count; count++)
        {
            var request = Request(tools: true, [.. messages.Take(count)]);

            Assert.Equal(Encoding.UTF8.GetString(Written(request).Span), Encoding.UTF8.GetString(Written(request with { Written = written }).Span));
        }
    }

    private static Message[] Conversation(string name) => name switch
    {
        "text" => [User(Text("Hi"))],
        "neighbours" => [User(Text("a")), User(Text("b")), Assistant(Text("c"), Text("d"))],
        "tools" =>
        [
            Assistant(Text("I look."), Call("t1"), Call("t2", "7")),
            User(Text("go on"), Result("t1", new ToolContent.Text("one"), Json("""{"x":[1]}""")), Result("t2", new ToolContent.Text("it broke")) with { Status = HarnessToolUseStatus.Error }),
        ],
        "nothing that the protocol holds" =>
        [
            User(Text("a")),
            Assistant(new Block.Reasoning("Hm", "s"), new Block.RedactedReasoning([1]), new Block.Citation("u", null, null), Text(""), Call("s1") with { Kind = HarnessToolUseType.ServerToolUse }),
            User(Text(""), Text("b")),
        ],
        "images" => [User(Text("look"), new Block.Image("image/gif", [3]), Result("t1", new ToolContent.Image("image/jpg", [1, 2])))],
        "an image of the model's" => [Assistant(Text("Here: "), new Block.Image("image/png", [1, 2]))],
        "an empty result" => [User(Result("t1"))],
        "ids of another provider" => [Assistant(Call("functions.shell:0", "{}")), User(Result("functions.shell:0", new ToolContent.Text("ok")))],
        "reasoning between what it led to" => [Assistant(Reasoned(), Text("a"), Reasoned(), Call("t1", "{}"))],
        "reasoning that led to nothing" => [Assistant(Text("a"), Reasoned())],
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    private static Block.Reasoning Reasoned() => new("Hm", null) { State = State("openai", "m", $$"""{"place":"here","item":{{Reasoning}}}""") };

    private static ReadOnlyMemory<byte> Written(ModelRequest request, string modelId = "m")
    {
        var body = new RequestBuffer();
        ResponsesRequest.Write(body, modelId, "here", request);
        return body.Written.ToArray();
    }
}
