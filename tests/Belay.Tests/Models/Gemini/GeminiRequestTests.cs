using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.Gemini;
using Belay.Testing.Models;
using Belay.Testing.Storage;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models.Gemini;

public sealed class GeminiRequestTests
{
    private const string Old = "gemini-2.5-pro";
    private const string New = "gemini-3-pro";

    public static TheoryData<string, string, string> Contents() => new()
    {
        { "text", New, """[{"role":"user","parts":[{"text":"Hi"}]}]""" },
        { "neighbours", New, """[{"role":"user","parts":[{"text":"a"},{"text":"b"}]},{"role":"model","parts":[{"text":"c"},{"text":"d"}]}]""" },
        { "nothing that the protocol holds", New, """[{"role":"user","parts":[{"text":"a"},{"text":"b"}]}]""" },
        {
            "tools",
            Old,
            """[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"id":"t1","name":"shell","args":{"a":1}}},{"functionCall":{"id":"t2","name":"shell","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"shell","response":{"output":"one\n{\"x\":[1]}"}}},{"functionResponse":{"id":"t2","name":"shell","response":{"error":"it broke"}}},{"text":"go on"}]}]"""
        },
        {
            "signed by this model",
            New,
            """[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"r"},{"text":"","thoughtSignature":"n"},{"text":"I look.","thoughtSignature":"t"},{"functionCall":{"id":"t1","name":"shell","args":{"a":1}},"thoughtSignature":"c"},{"functionCall":{"id":"t2","name":"shell","args":{"a":1}}}]}]"""
        },
        { "signed by others", Old, """[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"I look."},{"functionCall":{"id":"t1","name":"shell","args":{"a":1}}},{"functionCall":{"id":"t2","name":"shell","args":{"a":1}}}]}]""" },
        {
            "signed by others",
            New,
            """[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"I look."},{"functionCall":{"id":"t1","name":"shell","args":{"a":1}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"t2","name":"shell","args":{"a":1}}}]}]"""
        },
        { "a result of JSON", New, """[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"shell","args":{"a":1}},"thoughtSignature":"skip_thought_signature_validator"}]},{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"shell","response":{"output":[1]}}}]}]""" },
        {
            "images",
            Old,
            """[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"shell","args":{"a":1}}}]},{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"shell","response":{"output":"[image: image/png, 2 bytes]\n[image: image/gif, 1 bytes]"}}},{"inlineData":{"mimeType":"image/png","data":"AQI="}},{"text":"look"},{"text":"[image: image/gif, 1 bytes]"},{"inlineData":{"mimeType":"image/webp","data":"BA=="}}]}]"""
        },
        {
            "images",
            New,
            """[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"shell","args":{"a":1}},"thoughtSignature":"skip_thought_signature_validator"}]},{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"shell","response":{"output":"[image: image/png, 2 bytes]\n[image: image/gif, 1 bytes]"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AQI="}}]}},{"text":"look"},{"text":"[image: image/gif, 1 bytes]"},{"inlineData":{"mimeType":"image/webp","data":"BA=="}}]}]"""
        },
        { "a result without its call", New, """[{"role":"user","parts":[{"text":"[the tool answered] (no output)"}]}]""" },
    };

    [Theory]
    [MemberData(nameof(Contents))]
    public void Conversation_IsRendered(string name, string modelId, string contents) =>
        Assert.Equal(contents, Member(Written(Request(tools: false, Conversation(name, modelId)), modelId), "contents"));

    [Fact]
    public void Reply_GoesBackAsItCame()
    {
        const string Parts = """{"text":"hm","thought":true,"thoughtSignature":"r"},{"text":"I look.","thoughtSignature":"t"},{"functionCall":{"id":"a","name":"shell","args":{"x":1}},"thoughtSignature":"c"},{"functionCall":{"id":"b","name":"shell","args":{}}},{"text":"","thoughtSignature":"n"}""";
        var parser = new GeminiStream();
        var fold = new ReplyFold("gemini", New, _ => null, new HashSet<string>(), new SeededIdSource(1));
        var events = new List<ModelEvent>();
        parser.Feed(ProviderBytes.Events(ProviderBytes.Candidate(Parts, "STOP")), events);
        parser.End(events);
        foreach (var one in events)
        {
            fold.Apply(one);
        }

        var contents = Member(Written(Request(tools: false, User(Text("Hi")), fold.Message()!)), "contents");

        Assert.Equal($$$"""[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{{{Parts}}}]}]""", contents);
    }

    [Fact]
    public void Parameters_AreMergedAndTheExplicitOnesWin()
    {
        var request = Request(tools: false, User(Text("Hi"))) with
        {
            System = ["One.", "", "Two."],
            Parameters = new ModelParameters(100, 0.7, 0.95, 5, JsonElement.Parse("""{"system_instruction":"x","generationConfig":{"temperature":2,"max_output_tokens":9,"thinkingConfig":{"thinkingBudget":0}},"safetySettings":[]}""")),
        };

        Assert.Equal(
            """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"systemInstruction":{"parts":[{"text":"One."},{"text":"Two."}]},"generationConfig":{"maxOutputTokens":100,"temperature":0.7,"topP":0.95,"topK":5,"thinkingConfig":{"thinkingBudget":0}},"safetySettings":[]}""",
            Encoding.UTF8.GetString(Written(request).Span));
    }

    [Fact]
    public void ParametersThatAreNotSet_AreNotSent()
    {
        var request = Request(tools: false, User(Text("Hi"))) with { Parameters = new ModelParameters(null, null, null, null, JsonElement.Parse("""{"generationConfig":{"seed":1},"cachedContent":"c"}""")) };

        Assert.Equal("""{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"seed":1},"cachedContent":"c"}""", Encoding.UTF8.GetString(Written(request).Span));
        Assert.Equal("", Member(Written(request with { Parameters = new ModelParameters(null, null, null, null, null) }), "generationConfig"));
    }

    [Fact]
    public void Schemas_GoAsTheyAreButForTheirDialect()
    {
        const string Schema = """{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"$schema":{"const":1},"a":{"oneOf":[{"type":"string"},{"$ref":"#/$defs/b"}]}},"$defs":{"b":{"type":"integer","exclusiveMinimum":0}},"additionalProperties":false}""";
        var request = Request(tools: true, User(Text("Hi"))) with { Tools = [ModelContract.Tool("shell") with { Description = "", InputSchema = JsonElement.Parse(Schema) }, ModelContract.Tool("ls")] };

        Assert.Equal(
            $$$"""[{"functionDeclarations":[{"name":"shell","description":"shell","parametersJsonSchema":{{{Schema.Replace("\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",", "", StringComparison.Ordinal)}}}},{"name":"ls","description":"The tool ls.","parametersJsonSchema":{"type":"object"}}]}]""",
            Member(Written(request), "tools"));
    }

    [Theory]
    [InlineData("shell", true)]
    [InlineData("_1", true)]
    [InlineData("a-b_C9", true)]
    [InlineData("1", false)]
    [InlineData("-a", false)]
    [InlineData("", false)]
    public void ToolNames_BeginAsTheProviderWants(string name, bool same)
    {
        var fitted = GeminiToolNames.Fit(name);

        Assert.Equal(same, fitted == name);
        Assert.Matches("^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$", fitted);
        Assert.NotEqual(GeminiToolNames.Fit("_" + name), same ? "" : fitted);
    }

    [Fact]
    public void RenamedTool_IsTheSameInDeclarationCallAndResult()
    {
        Block.ToolUse call = Call("t1") with { Name = "1st" };
        var request = Request(tools: false, Assistant(call), User(Result("t1"))) with { Tools = [ModelContract.Tool("1st")] };

        var body = Encoding.UTF8.GetString(Written(request).Span);

        Assert.Equal(3, body.Split($"\"name\":\"{GeminiToolNames.Fit("1st")}\"").Length - 1);
    }

    [Fact]
    public void HalfACharacter_DoesNotBreakTheRequest() =>
        Assert.Equal("a\uFFFDb", JsonElement.Parse(Member(Written(Request(tools: false, User(Text("a\ud800b")))), "contents"))[0].GetProperty("parts")[0].GetProperty("text").GetString());

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
            var model = random.Next(20) == 0 ? Old : New;

            Assert.Equal(Encoding.UTF8.GetString(Written(request, model).Span), Encoding.UTF8.GetString(Written(request with { Written = written }, model).Span));
        }
    }

    [Fact]
    public void KeptMessages_AreNotWrittenAgain()
    {
        var written = new WrittenMessages();
        var request = Request(tools: false, User(Text("a")), Assistant(Text("b")), User(Text("c"))) with { Written = written };
        Written(request, "m");

        Assert.Equal("""{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}""", Encoding.UTF8.GetString(written.Find("gemini/m", request.Messages, out var count)));
        Assert.Equal(2, count);
    }

    private static Message Any(Random random) => random.Next(6) switch
    {
        0 => User(Text("a\"b")),
        1 => User(Result("t1", new ToolContent.Text("one")), Text("x")),
        2 => Assistant(Text("")),
        3 => Assistant(Call("t1") with { State = random.Next(2) == 0 ? State("gemini", New, """{"thoughtSignature":"c"}""") : null }, Text("y")),
        4 => Assistant(new Block.Reasoning("hm", null)),
        _ => User(new Block.Image("image/png", [3])),
    };

    private static ReadOnlyMemory<byte> Written(ModelRequest request, string modelId = New)
    {
        using var body = new RequestBuffer();
        GeminiRequest.Write(body, modelId, request);
        return body.Written.ToArray();
    }

    private static Message[] Conversation(string name, string modelId) => name switch
    {
        "text" => [User(Text("Hi"))],
        "neighbours" => [User(Text("a")), User(Text("b")), Assistant(Text("c")), Assistant(Text("d"))],
        "nothing that the protocol holds" =>
        [
            User(Text("a")),
            Assistant(Text(""), new Block.Reasoning("hm", "sig"), new Block.RedactedReasoning([1]), new Block.Citation("s", null, null), Call("s") with { Kind = HarnessToolUseType.ServerToolUse }),
            User(Text("b")),
        ],
        "tools" =>
        [
            User(Text("Hi")),
            Assistant(new Block.Reasoning("hm", "sig"), Call("t1"), Call("t2", "[1]")),
            User(Result("t1", new ToolContent.Text("one"), Json("""{"x":[1]}"""))),
            User(Text("go on"), Result("t2", new ToolContent.Text("it broke")) with { Status = HarnessToolUseStatus.Error }),
        ],
        "signed by this model" => [User(Text("Hi")), Assistant(Signed("gemini", modelId))],
        "signed by others" => [User(Text("Hi")), Assistant([.. Signed("gemini", "other")[2..], .. Signed("bedrock", modelId)[..2]])],
        "a result of JSON" => [Assistant(Call("t1")), User(Result("t1", Json("[1]")))],
        "images" =>
        [
            Assistant(Call("t1")),
            User(Text("look"), new Block.Image("image/gif", [3]), new Block.Image("image/webp", [4]), Result("t1", new ToolContent.Image("image/png", [1, 2]), new ToolContent.Image("image/gif", [3]))),
        ],
        _ => [User(Result("t1"))],
    };

    private static Block[] Signed(string provider, string modelId) =>
    [
        new Block.Reasoning("hm", "r") { State = State(provider, modelId) },
        new Block.Reasoning("", null) { State = State(provider, modelId, """{"thoughtSignature":"n"}""") },
        Text("I look.") with { State = State(provider, modelId, """{"thoughtSignature":"t"}""") },
        Call("t1") with { State = State(provider, modelId, """{"thoughtSignature":"c"}""") },
        Call("t2"),
    ];
}
