using System.Text;
using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

/// <summary>
/// A provider keeps what it has read only as long as the next request begins with the same bytes. The real engine runs sessions of seeded turns,
/// and each request is written in every format.
/// </summary>
public sealed class PromptPrefixTests
{
    private const string Claude = "anthropic.claude-sonnet-4-6";
    private const string Nova = "amazon.nova-pro-v1:0";
    private const string Fork = "fork-00000000000000000000000000000001";

    private static readonly Dictionary<string, Format> Formats = new()
    {
        ["chat completions"] = new("openai", "gpt-x", (body, request) => OpenAiRequest.Write(body, "gpt-x", OpenAiDialect.Plain, request)),
        ["chat completions, ids of nine"] = new("mistral", "m", (body, request) => OpenAiRequest.Write(body, "m", new(StreamOptions: false, IdLength: 9), request, "mistral")),
        ["responses"] = new("openai", "gpt-x", (body, request) => ResponsesRequest.Write(body, "gpt-x", "here", request)),
        ["messages"] = new("anthropic", Claude, (body, request) => AnthropicRequest.Write(body, Claude, request, caching: true)) { Marked = true },
        ["converse, Claude"] = new("bedrock", Claude, (body, request) => BedrockRequest.Write(body, Claude, request, caching: true)) { Marked = true },
        ["converse, Nova"] = new("bedrock", Nova, (body, request) => BedrockRequest.Write(body, Nova, request, caching: true)) { Marked = true },
        ["generate content"] = new("gemini", "gemini-x", (body, request) => GeminiRequest.Write(body, "gemini-x", request)),
    };

    // As the Responses API gives it out and wants it back.
    private static readonly JsonElement State = JsonElement.Parse("""{"place":"here","item":{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"}}""");

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Runs() => [.. from format in Formats.Keys from seed in Enumerable.Range(1, 8) select (format, seed)];

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task Request_BeginsWithTheOneBefore_AcrossTurnsRestartsAndForks(string name, int seed)
    {
        var (format, random, sent) = (Formats[name], new Random(seed), new List<Body>());
        await using var world = new EngineWorld(seed)
        {
            Model = new() { Provider = format.Provider, ModelId = format.ModelId },
            Harness = EngineWorld.DefaultHarness() with { SystemPrompt = [new() { Text = "Be brief." }], Tools = [EngineWorld.Inline("zeta"), EngineWorld.Inline("alpha")] },
        };
        world.Model.Otherwise = (request, token) =>
        {
            sent.Add(Body.Of(format, request));
            return FakeModel.Yield(Reply(random, sent.Count), token);
        };

        for (var turn = 0; turn < 6; turn++)
        {
            await world.InvokeAsync(EngineWorld.User($"Turn {turn}: \"quoted\" and <é>"));
            if (random.Next(3) == 0)
            {
                world.Crash();
            }
        }

        for (var i = 1; i < sent.Count; i++)
        {
            Check(format, sent[i - 1], sent[i]);
        }

        var last = sent[^1];
        sent.Clear();
        await world.Forks.ForkAsync(world.Key, new(Fork, null, null, null), CancellationToken);
        var key = world.Key with { SessionId = Fork };
        var request = world.Request(EngineWorld.User("Otherwise")) with { RuntimeSessionId = Fork };
        await using (var accepted = await world.Host.InvokeAsync(key, world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), request), CancellationToken))
        {
            await EngineWorld.ReadAsync(accepted);
        }

        Check(format, last, sent[0]);
        sent.Clear();
        await world.InvokeAsync(EngineWorld.User("As before"));
        Check(format, last, sent[0]);
    }

    [Fact]
    public void Conversation_ThatLostItsEnd_HasItsCachePointsWhereTheyBelong()
    {
        var (format, written) = (Formats["messages"], new WrittenMessages());
        var messages = Enumerable.Range(0, 9).Select(i => i % 2 == 0 ? Conversations.User(Conversations.Text($"u{i}")) : Conversations.Assistant(Conversations.Text($"a{i}"))).ToArray();
        Body.Of(format, Conversations.Request(true, messages) with { Written = written });

        foreach (var length in (int[])[7, 5, 9])
        {
            var request = Conversations.Request(true, messages[..length]);
            Assert.Equal(Body.Of(format, request), Body.Of(format, request with { Written = written }));
        }
    }

    private static void Check(Format format, Body before, Body after)
    {
        Assert.Equal(before.Rest, after.Rest);
        Assert.True(after.Messages.Count > before.Messages.Count);
        Assert.Equal(before.Messages, after.Messages.Take(before.Messages.Count));
        if (format.Marked)
        {
            // What was written is looked up where it was written, however many blocks came since.
            Assert.Equal(before.Messages.Count - 1, before.Marks[^1]);
            Assert.Equal([before.Messages.Count - 1, after.Messages.Count - 1], after.Marks);
        }
        else
        {
            Assert.Empty(after.Marks);
        }
    }

    /// <summary>Reasoning, text, and now and then calls of tools, many at once and with arguments that a careless copy would change.</summary>
    private static List<ModelEvent> Reply(Random random, int call)
    {
        var events = new List<ModelEvent>();
        var block = 0;
        if (random.Next(2) == 0)
        {
            events.AddRange([new ModelEvent.Reasoning(block, "hm"), new ModelEvent.Signature(block, "c2ln"), new ModelEvent.State(block, State), new ModelEvent.BlockClosed(block++)]);
        }

        events.AddRange([new ModelEvent.Text(block, $"It is\t{call}."), new ModelEvent.BlockClosed(block++)]);
        var calls = random.Next(3) == 0 ? 0 : random.Next(1, 15);
        for (var i = 0; i < calls; i++)
        {
            var input = random.Next(4) switch
            {
                0 => """{ "command" : "echo \u00e9", "n": 1.50e2 }""",
                1 => """{"command":"echo <é>","command":"echo twice"}""",
                2 => """{"command":"no_such_command"}""",
                _ => """{"command": "echo one"}""",
            };
            events.AddRange([new ModelEvent.ToolOpened(block, $"call:{call}/{i}", random.Next(5) == 0 ? "none" : "shell"), new ModelEvent.ToolInput(block, input), new ModelEvent.BlockClosed(block++)]);
        }

        events.Add(new ModelEvent.Stopped(calls > 0 ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn));
        return events;
    }

    private sealed record Format(string Provider, string ModelId, Action<RequestBuffer, ModelRequest> Write)
    {
        /// <summary>Whether the provider is told where to keep.</summary>
        public bool Marked { get; init; }
    }

    /// <summary>A request's body: its messages without the marks, which of them are marked, and everything else.</summary>
    private sealed record Body(IReadOnlyList<string> Messages, IReadOnlyList<int> Marks, string Rest)
    {
        private static readonly string[] MarkForms = [",\"cache_control\":{\"type\":\"ephemeral\"}", ",{\"cachePoint\":{\"type\":\"default\"}}"];

        public static Body Of(Format format, ModelRequest request)
        {
            using var buffer = new RequestBuffer();
            format.Write(buffer, request);
            var text = Encoding.UTF8.GetString(buffer.Written);
            using var json = JsonDocument.Parse(text);
            var list = RequestReader.Messages(json.RootElement);
            var elements = list.EnumerateArray().Select(element => element.GetRawText()).ToList();
            var bare = elements.Select(element => MarkForms.Aggregate(element, (one, mark) => one.Replace(mark, "", StringComparison.Ordinal))).ToList();
            return new(
                bare,
                [.. elements.Index().Where(element => element.Item != bare[element.Index]).Select(element => element.Index)],
                text.Replace(list.GetRawText(), "", StringComparison.Ordinal));
        }

        public bool Equals(Body? other) => other is not null && Messages.SequenceEqual(other.Messages) && Marks.SequenceEqual(other.Marks) && Rest == other.Rest;

        public override int GetHashCode() => Rest.GetHashCode(StringComparison.Ordinal);
    }
}
