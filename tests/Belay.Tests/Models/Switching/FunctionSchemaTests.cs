using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Testing.Storage;
using Belay.Tools;

namespace Belay.Tests.Models.Switching;

/// <summary>Published declarations of functions go to every provider, and published calls of them come back, without a loss.</summary>
public sealed class FunctionSchemaTests
{
    private static readonly Dictionary<string, string?> Words = new()
    {
        ["dict"] = "object",
        ["float"] = "number",
        ["tuple"] = "array",
        ["any"] = null,
        ["string"] = "string",
        ["integer"] = "integer",
        ["boolean"] = "boolean",
        ["array"] = "array",
    };

    public static TheoryData<string, string, int> Files()
    {
        var files = new TheoryData<string, string, int>();
        foreach (var writer in RequestWriter.All)
        {
            files.Add(writer.Name, "BFCL_v4_simple_python", 400);
            files.Add(writer.Name, "BFCL_v4_multiple", 200);
        }

        return files;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Declarations_MeanTheSameToEveryProvider(string name, string file, int cases)
    {
        var writer = RequestWriter.Named(name);
        var lines = Lines(file, cases);
        foreach (var line in lines)
        {
            var functions = line.GetProperty("function").EnumerateArray().ToList();
            var tools = functions.ConvertAll(Tool);

            var read = Read(writer, tools, line);

            Assert.Equal(functions.Count, read.Asked.Tools.Count);
            foreach (var (function, tool) in functions.Zip(read.Asked.Tools))
            {
                AssertSame(function.GetProperty("parameters"), tool.InputSchema, function.GetProperty("name").GetString()!);
            }
        }

        Assert.Equal(cases, lines.Count);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Calls_ComeBackWithTheirArguments(string name, string file, int cases)
    {
        var writer = RequestWriter.Named(name);
        var random = new Random(cases);
        var answers = Lines(file + ".answers", cases);
        foreach (var (line, answer) in Lines(file, cases).Zip(answers))
        {
            var tools = line.GetProperty("function").EnumerateArray().Select(Tool).ToList();
            var called = answer.GetProperty("ground_truth").EnumerateArray().SelectMany(one => one.EnumerateObject()).ToList();
            var wanted = called.ConvertAll(call => (Name: ToolName(call.Name), Arguments: Arguments(call.Value)));
            var offered = Read(writer, tools, line);
            var bytes = offered.Reply(
                wanted.SelectMany((call, block) => (IEnumerable<ModelEvent>)
                [
                    new ModelEvent.ToolOpened(block, $"call_{block}", offered.Asked.Tools[tools.FindIndex(tool => tool.Name == call.Name)].Name),
                    .. Pieces(random, call.Arguments).Select(piece => new ModelEvent.ToolInput(block, piece)),
                    new ModelEvent.BlockClosed(block),
                ]),
                HarnessStopReason.ToolUse);

            var message = Fold(writer, tools, random, bytes);

            var calls = message.Blocks.OfType<Block.ToolUse>().ToList();
            Assert.Equal(wanted.Count, calls.Count);
            foreach (var (want, call) in wanted.Zip(calls))
            {
                Assert.Equal(want.Name, call.Name);
                Assert.Null(call.RawInput);
                Assert.True(JsonElement.DeepEquals(JsonElement.Parse(want.Arguments), call.Input), $"{answer.GetProperty("id")}: {want.Arguments} came back as {call.Input}.");
            }
        }

        Assert.Equal(cases, answers.Count);
    }

    private static ReceivedCall Read(RequestWriter writer, List<ToolSpec> tools, JsonElement line) => writer.Read(
        writer.Body(Conversations.Request(tools: false, Conversations.User(Conversations.Text("Hi"))) with { Tools = tools }), line.GetProperty("id").GetString()!);

    private static List<JsonElement> Lines(string file, int cases) =>
        [.. File.ReadLines(Path.Combine(Vectors.Require("function-schemas", cases), file + ".json")).Where(line => line.Length > 0).Select(line => JsonElement.Parse(line))];

    private static ToolSpec Tool(JsonElement function) => ModelContract.Tool(ToolName(function.GetProperty("name").GetString()!)) with
    {
        Description = function.GetProperty("description").GetString()!,
        InputSchema = function.GetProperty("parameters"),
    };

    // Tools have names of 1 to 64 letters, digits, '_' and '-'; these declarations have dots in theirs.
    private static string ToolName(string name) => ToolUseId.Fit(name, 64);

    /// <summary>The first of the values that count as right for each argument.</summary>
    private static string Arguments(JsonElement answer) =>
        "{" + string.Join(',', answer.EnumerateObject()
            .Where(argument => argument.Value.ValueKind is JsonValueKind.Array && argument.Value.GetArrayLength() > 0)
            .Select(argument => $"\"{JsonEncodedText.Encode(argument.Name)}\":{argument.Value[0].GetRawText()}")) + "}";

    private static List<string> Pieces(Random random, string text)
    {
        var pieces = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var length = Math.Min(random.Next(1, 12), text.Length - at);
            length -= length > 1 && char.IsHighSurrogate(text[at + length - 1]) ? 1 : 0;
            pieces.Add(text.Substring(at, length));
            at += length;
        }

        return pieces;
    }

    private static Message Fold(RequestWriter writer, IReadOnlyList<ToolSpec> tools, Random random, byte[] bytes)
    {
        var parser = writer.Parser(tools);
        var fold = new ReplyFold(writer.Provider, writer.ModelId, name => tools.FirstOrDefault(tool => tool.Name == name), new HashSet<string>(), new SeededIdSource(1));
        var events = new List<ModelEvent>();
        for (var at = 0; at < bytes.Length && !parser.Ended;)
        {
            var length = Math.Min(random.Next(1, 200), bytes.Length - at);
            parser.Feed(bytes.AsSpan(at, length), events);
            at += length;
        }

        parser.End(events);
        foreach (var one in events)
        {
            fold.Apply(one);
        }

        return fold.Message()!;
    }

    /// <summary>The two say the same: Python's words for types apart, and what means nothing.</summary>
    private static void AssertSame(JsonElement published, JsonElement sent, string at)
    {
        foreach (var keyword in published.EnumerateObject().Where(keyword => keyword.Name is not "optional" || sent.TryGetProperty(keyword.Name, out _)))
        {
            var where = $"{at}/{keyword.Name}";
            if (keyword.NameEquals("type") && Words[keyword.Value.GetString()!] is not { } word)
            {
                Assert.False(sent.TryGetProperty("type", out _), where);
                continue;
            }

            Assert.True(sent.TryGetProperty(keyword.Name, out var value), where);
            switch (keyword.Name)
            {
                case "type":
                    Assert.Equal(Words[keyword.Value.GetString()!], value.GetString());
                    break;
                case "items":
                    AssertSame(keyword.Value, value, where);
                    break;
                case "properties":
                    Assert.Equal(keyword.Value.EnumerateObject().Select(property => property.Name), value.EnumerateObject().Select(property => property.Name));
                    foreach (var property in keyword.Value.EnumerateObject())
                    {
                        AssertSame(property.Value, value.GetProperty(property.Name), $"{where}/{property.Name}");
                    }

                    break;
                default:
                    Assert.True(JsonElement.DeepEquals(keyword.Value, value), where);
                    break;
            }
        }

        Assert.Empty(sent.EnumerateObject().Select(keyword => keyword.Name).Except([.. published.EnumerateObject().Select(keyword => keyword.Name), "items"]));
    }
}
