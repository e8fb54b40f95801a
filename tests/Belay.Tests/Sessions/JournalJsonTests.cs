using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Tests.Sessions;

public sealed class JournalJsonTests
{
    /// <summary>One body of each kind, with every member set and every case of the inner sets.</summary>
    public static readonly IReadOnlyList<EntryBody> Samples =
    [
        new InvocationStarted("inv", "DEFAULT", "1", Messages(), [Inline(), Remote()], ["*", "@builtin"], new InvocationLimits(75, 1000, 3600), "0af7651916cd43dd8448eb211c80319c", "ada", Detached: true, Model(), ["Be brief."], 1500),
        new HistoryRepaired(Messages(), "cut off"),
        new ContextReduced("inv", Messages(), "window"),
        new ModelIntent("inv", 1, "bedrock", "model", 3, 1, 4),
        new ModelOutcome("inv", 1, Messages()[1], HarnessStopReason.ToolUse, new TokenUsage(1, 2, 3, 4), [new(0, 5), new(1, 7)], 2, 12, 3, "failure", ModelFailure.Broken, 1),
        new ToolIntent("inv", "use", "shell", "builtin", Json("""{"command":"ls"}"""), "run"),
        new ToolOutcome("inv", Result(), 7, "shell", Shown: false, new OffloadedResult(".belay/results/a.txt", 9000, 400)),
        new InvocationPaused("inv", ["a", "b"]),
        new InvocationEnded("inv", HarnessStopReason.EndTurn, "done", new TokenUsage(5, 6), 2, 99, "ModelException"),
        new SandboxStarted("box", "process", 12),
        new SandboxEnded("box", "idle"),
        new CommandIntent("cmd", "ls", 30),
        new CommandOutcome("cmd", 3, "COMPLETED", 10, 20),
        new ModelVoided("inv", 4),
        new Steered("inv", "steer", Messages()[0]),
        new SessionForked("other-0123456789", "session", 7, "0af7", Model(), ["Be brief."], "saved"),
        new WorkspaceSaved("saved", 2, 300),
        new ModelSwitched("inv", 1, "bedrock", "model", "openai", "other", ModelFailure.Throttled, "no room"),
    ];

    public static TheoryData<EntryKind> Kinds => [.. Enum.GetValues<EntryKind>()];

    private static HarnessModelConfiguration Model() => new() { OpenAiModelConfig = new() { ModelId = "gpt", ApiKeyArn = "arn" } };

    [Fact]
    public void Map_IsTotal()
    {
        var bodies = typeof(EntryBody).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(EntryBody))).ToHashSet();

        Assert.Equal(Enum.GetValues<EntryKind>().Order(), JournalJson.Kinds.Order());
        Assert.Equal(bodies, Samples.Select(sample => sample.GetType()).ToHashSet());
        Assert.All(Samples, sample => Assert.Equal(sample.GetType().Name, JournalJson.KindOf(sample).ToString()));
        Assert.All(bodies, body => Assert.True(body.IsSealed));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RoundTrip_KeepsEverything(EntryKind kind)
    {
        var sample = Samples.Single(body => JournalJson.KindOf(body) == kind);

        var json = JournalJson.Serialize(sample);
        var back = JournalJson.Deserialize(kind, json);

        Assert.Equal(sample.GetType(), back?.GetType());
        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(JournalJson.Serialize(back!)));
        Assert.Equivalent(Flat(sample), Flat(back!), strict: true);
    }

    [Fact]
    public void Sample_EveryCaseOfTheInnerSetsIsThere()
    {
        var blocks = Messages().SelectMany(message => message.Blocks).Append(Result()).ToList();

        Assert.Equal(Cases(typeof(Block)), blocks.Select(block => block.GetType().Name).ToHashSet());
        Assert.Equal(Cases(typeof(ToolContent)), Result().Content.Select(content => content.GetType().Name).ToHashSet());
        Assert.All(blocks, block => Assert.NotNull(block.State));

        static HashSet<string> Cases(Type set) => [.. set.GetNestedTypes().Where(type => type.IsSubclassOf(set)).Select(type => type.Name)];
    }

    [Theory]
    [InlineData("""{"role":"user","blocks":[{"t":"text","value":"a\u0022b"}]}""", "User: a\"b")]
    [InlineData("""{"role":"assistant","blocks":[]}""", "Assistant:")]
    [InlineData("""{"role":"assistant","blocks":[{"t":"text","value":"a","state":{"provider":"p","modelId":"m","value":[1]}},{"t":"text","value":"b"}]}""", "Assistant: a/p b")]
    public void Messages_HaveOneForm(string json, string shown)
    {
        var body = $$"""{"messages":[{{json}}],"reason":"r"}""";
        var message = Assert.Single(Read(body));

        Assert.Equal(shown, $"{message.Role}:{string.Concat(message.Blocks.Cast<Block.Text>().Select(text => $" {text.Value}{(text.State is { } state ? "/" + state.Provider : "")}"))}");
        Assert.Equal(body, Encoding.UTF8.GetString(JournalJson.Serialize(new HistoryRepaired([message], "r"))));
    }

    [Fact]
    public void Messages_MembersOfALaterVersion_AreTolerated()
    {
        var message = Assert.Single(Read("""{"messages":[{"new":{"x":[1]},"blocks":[{"t":"text","value":"a","new":[]},{"t":"text","new":1,"value":"b"}],"role":"user","more":null}],"reason":"r"}"""));

        Assert.Equal(["a", "b"], message.Blocks.Cast<Block.Text>().Select(text => text.Value));
    }

    [Theory]
    [InlineData("""{"blocks":[]}""")]
    [InlineData("""{"role":"user"}""")]
    [InlineData("""{"role":"system","blocks":[]}""")]
    [InlineData("""{"role":1,"blocks":[]}""")]
    [InlineData("""{"role":"user","blocks":{}}""")]
    [InlineData("""{"role":"user","blocks":[null]}""")]
    [InlineData("""{"role":"user","blocks":[{"t":"sound"}]}""")]
    [InlineData("[]")]
    public void Messages_OfAnotherForm_AreRefused(string json) =>
        Assert.ThrowsAny<Exception>(() => Read($$"""{"messages":[{{json}}],"reason":"r"}"""));

    [Fact]
    public void JsonValues_KeepTheirText()
    {
        const string text = """{ "b":1.0e+2, "a":12345678901234567890123, "a":"\ud800\u0041", "é":[ ] }""";
        var intent = new ToolIntent("i", "u", "t", "s", Json(text), "run");

        var back = (ToolIntent)JournalJson.Deserialize(EntryKind.ToolIntent, JournalJson.Serialize(intent))!;

        Assert.Equal(text, back.Input.GetRawText());
    }

    [Fact]
    public void JsonValue_Undefined_IsNull()
    {
        var back = (ToolIntent)JournalJson.Deserialize(EntryKind.ToolIntent, JournalJson.Serialize(new ToolIntent("i", "u", "t", "s", default, "run")))!;

        Assert.Equal(JsonValueKind.Null, back.Input.ValueKind);
    }

    [Fact]
    public void JsonValue_AsDeepAsMayEnter_IsKept()
    {
        var deep = new string('[', 64) + new string(']', 64);
        var body = new HistoryRepaired([new Message(HarnessConversationRole.User, [new Block.ToolResult("u", HarnessToolUseStatus.Success, [new ToolContent.Json(Json(deep))])])], "r");

        var back = (HistoryRepaired)JournalJson.Deserialize(EntryKind.HistoryRepaired, JournalJson.Serialize(body))!;

        Assert.Equal(deep, ((ToolContent.Json)((Block.ToolResult)back.Messages[0].Blocks[0]).Content[0]).Value.GetRawText());
    }

    [Fact]
    public void Text_NeverThrowsAndKeepsItsLength()
    {
        // Not theory data: the metadata of attributes is UTF-8 and would mangle them first.
        foreach (var (text, kept) in new[]
        {
            ("plain", "plain"),
            ("", ""),
            ("\0\u0001\u001f\u007f\u2028\ufeff\uffff", "\0\u0001\u001f\u007f\u2028\ufeff\uffff"),
            ("\U0001F600", "\U0001F600"),
            ("a\ud800", "a\ufffd"),
            ("\udc00b", "\ufffdb"),
            ("\ud800\ud83d\ude00\ude00", "\ufffd\U0001F600\ufffd"),
        })
        {
            var back = (CommandIntent)JournalJson.Deserialize(EntryKind.CommandIntent, JournalJson.Serialize(new CommandIntent("c", text, 1)))!;

            Assert.Equal(kept, back.Command);
            Assert.Equal(text.Length, back.Command.Length);
        }
    }

    [Fact]
    public void NaughtyStrings_RoundTrip()
    {
        foreach (var text in Vectors.NaughtyStrings())
        {
            var back = (CommandIntent)JournalJson.Deserialize(EntryKind.CommandIntent, JournalJson.Serialize(new CommandIntent("c", text, 1)))!;
            Assert.Equal(text, back.Command);
        }
    }

    [Fact]
    public void UnknownMembers_AreTolerated()
    {
        var back = JournalJson.Deserialize(
            EntryKind.SandboxEnded,
            """{"later":{"x":[1]},"sandboxId":"b","reason":"idle","more":null}"""u8);

        Assert.Equal(new SandboxEnded("b", "idle"), back);
    }

    [Fact]
    public void UnknownKind_IsNull() => Assert.Null(JournalJson.Deserialize((EntryKind)999, "{}"u8));

    [Theory]
    [InlineData("[1]")]
    [InlineData("[\"a\",2]")]
    [InlineData("{}")]
    [InlineData("[1,\"a\"]")]
    public void DeltaBoundaries_OfAnotherForm_AreRefused(string deltas) =>
        Assert.ThrowsAny<Exception>(() => JournalJson.Deserialize(EntryKind.ModelOutcome, Encoding.UTF8.GetBytes($$"""{"deltas":{{deltas}}}""")));

    private static IReadOnlyList<Message> Messages()
    {
        var state = new ProviderState("bedrock", "model", Json("""{"opaque":[1,2.50]}"""));
        return
        [
            new Message(HarnessConversationRole.User, [new Block.Text("hello") { State = state }, new Block.Image("image/png", [1, 2, 255]) { State = state }]),
            new Message(
                HarnessConversationRole.Assistant,
                [
                    new Block.Reasoning("because", "signature") { State = state },
                    new Block.RedactedReasoning([0, 1, 2]) { State = state },
                    new Block.ToolUse("use", "shell", Json("""{"command":"ls"}"""), HarnessToolUseType.ToolUse, "builtin", "{broken") { State = state },
                    new Block.Citation("https://example.com", "title", "quote") { State = state },
                ]),
        ];
    }

    private static Block.ToolResult Result() => new(
        "use",
        HarnessToolUseStatus.Error,
        [new ToolContent.Text("text"), new ToolContent.Json(Json("[1]")), new ToolContent.Image("image/png", [9])],
        Json("""{"exitCode":1}"""))
    {
        State = new ProviderState("p", "m", Json("1")),
    };

    private static HarnessTool Inline() => new()
    {
        Type = HarnessToolType.InlineFunction,
        Name = "approve",
        Config = new() { InlineFunction = new() { Description = "d", InputSchema = Json("""{"type":"object"}""") } },
    };

    private static HarnessTool Remote() => new()
    {
        Type = HarnessToolType.RemoteMcp,
        Name = "mcp",
        Config = new() { RemoteMcp = new() { Url = "https://example.com", Headers = new Dictionary<string, string> { ["A"] = "b" } } },
    };

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    /// <summary>The values of a body without its lists' identities, made by reflection, so that no member can be left out.</summary>
    private static object Flat(object value) => value switch
    {
        JsonElement json => json.GetRawText(),
        string or byte[] or Enum => value,
        System.Collections.IDictionary map => map.Keys.Cast<object>().ToDictionary(key => key, key => map[key]),
        System.Collections.IEnumerable list => list.Cast<object>().Select(Flat).ToList(),
        _ when value.GetType().IsPrimitive => value,
        _ => value.GetType().GetProperties()
            .Where(property => property.GetIndexParameters().Length == 0)
            .Select(property => (property.Name, Value: property.GetValue(value)))
            .Append((Name: "is", Value: value.GetType().FullName))
            .ToDictionary(pair => pair.Name, pair => pair.Value is null ? "<null>" : Flat(pair.Value)),
    };

    private static IReadOnlyList<Message> Read(string body) => ((HistoryRepaired)JournalJson.Deserialize(EntryKind.HistoryRepaired, Encoding.UTF8.GetBytes(body))!).Messages;
}
