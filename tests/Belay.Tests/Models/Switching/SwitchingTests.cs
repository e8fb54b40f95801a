using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Providers;

namespace Belay.Tests.Models.Switching;

/// <summary>One provider made the history, another one is called: the request is one that it takes, and nothing is lost or told that should not be.</summary>
public sealed class SwitchingTests
{
    private const int Runs = 120;
    private const int Seed = 20261121;

    private static readonly IReadOnlyList<string> Plain = ["Hello.", "Wie geht's?", "line\nline", "\"quoted\" \\ </script>", "日本語 🦊", "\u0000\u001f\u007f\ufffe\u2028"];

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var maker in RequestWriter.All)
        {
            foreach (var called in RequestWriter.All)
            {
                pairs.Add(maker.Name, called.Name);
            }
        }

        return pairs;
    }

    public static TheoryData<string> Writers() => [.. RequestWriter.All.Select(writer => writer.Name)];

    [Theory]
    [MemberData(nameof(Pairs))]
    public void AnyHistory_IsTakenByAnyProvider(string makerName, string calledName) => ForEach(makerName, calledName, Plain, Runs, AssertTaken);

    [Theory]
    [MemberData(nameof(Pairs))]
    public void ThereAndBack_ChangesNothingOfWhatTheFirstMade(string makerName, string calledName) => ForEach(makerName, calledName, Plain, Runs, AssertBack);

    [Theory]
    [MemberData(nameof(Writers))]
    public void NaughtyStrings_AreTakenAsTheyAre(string name) => ForEach(name, name, [.. Vectors.NaughtyStrings()], 2 * Runs, AssertTaken);

    [Theory]
    [MemberData(nameof(Writers))]
    public void HistoryWithoutTools_IsTaken(string name) => ForEach(name, name, Plain, Runs, (histories, _, called, when) =>
    {
        var messages = History.ForModel(histories.Next());
        called.Read(called.Body(Request(messages, tools: false)), when);
    });

    private static void AssertTaken(Histories histories, RequestWriter maker, RequestWriter called, string when)
    {
        var messages = History.ForModel(histories.Next());
        var body = called.Body(Request(messages, tools: true));

        var read = called.Read(body, when);

        // 1. Each call of a tool of ours is there once, with an id of its own.
        var calls = CallsIn(messages);
        var received = CallsIn(read.Asked.Messages);
        Assert.Equal(calls.Count, received.Count);
        Assert.Equal(calls.Count, received.Select(call => call.Id).Distinct().Count());
        Assert.True(calls.Zip(received).All(pair => pair.Second.Name.EndsWith(pair.First.Name[^1..], StringComparison.Ordinal) || pair.Second.Name.Contains(pair.First.Name, StringComparison.Ordinal)), when);

        // 2. Whatever was said is said still.
        var told = string.Join('\n', Said(read.Asked.Messages));
        foreach (var text in Said(messages))
        {
            Assert.True(told.Contains(text, StringComparison.Ordinal), $"{when}: {text} is lost.");
        }

        // 3. Nobody reads what is only for its maker, and who made it gets it back.
        var known = Encoding.UTF8.GetString(body);
        if (!called.Reads.Contains(maker.Name))
        {
            Assert.DoesNotContain(Histories.Secret, known, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(Histories.Secret))[..12], known, StringComparison.Ordinal);
        }
        else
        {
            Assert.All(histories.Signatures, signature => Assert.Contains(signature, known, StringComparison.Ordinal));
        }
    }

    private static void AssertBack(Histories histories, RequestWriter maker, RequestWriter called, string when)
    {
        var written = new WrittenMessages();
        var before = histories.Next();
        var first = maker.Body(Request(History.ForModel(before), tools: true, written));

        // 1. Another provider goes on, with the same cache.
        var other = called.Body(Request(History.ForModel(before), tools: true, written));
        Assert.Equal(called.Body(Request(History.ForModel(before), tools: true)), other);
        List<Message> after = [.. before, new(HarnessConversationRole.Assistant, [new Block.Text("I am another.")]), new(HarnessConversationRole.User, [new Block.Text("Go on.")])];
        Others(called).AddTurn(after);
        after.Add(new(HarnessConversationRole.User, [new Block.Text("And back.")]));
        Assert.Equal(called.Body(Request(History.ForModel(after), tools: true)), called.Body(Request(History.ForModel(after), tools: true, written)));

        // 2. Back at the first, everything up to there is written as it was.
        var last = maker.Body(Request(History.ForModel(after), tools: true, written));
        Assert.Equal(maker.Body(Request(History.ForModel(after), tools: true)), last);
        maker.Read(last, when);
        var (messages, more) = (Messages(first), Messages(last));
        Assert.True(more.Count > messages.Count, when);
        Assert.Equal(messages, more.Take(messages.Count));
    }

    private static Histories Others(RequestWriter called) => new(new Random(Seed), called, Plain);

    private static List<string> Messages(byte[] body) => [.. RequestReader.Messages(JsonElement.Parse(body)).EnumerateArray().Select(message => message.GetRawText())];

    private static List<Block.ToolUse> CallsIn(IEnumerable<Message> messages) =>
        [.. messages.SelectMany(message => message.Blocks).OfType<Block.ToolUse>().Where(call => call.Kind is not HarnessToolUseType.ServerToolUse)];

    private static IEnumerable<string> Said(IEnumerable<Message> messages) =>
        from message in messages
        from block in message.Blocks
        from text in block switch
        {
            Block.Text said => [said.Value],
            Block.ToolResult result => result.Content.Select(content => content switch
            {
                ToolContent.Text told => told.Value,
                ToolContent.Json { Value.ValueKind: JsonValueKind.Object } json => json.Value.GetRawText(),
                _ => "",
            }),
            _ => Array.Empty<string>(),
        }
        where !string.IsNullOrWhiteSpace(text)
        select text;

    private static ModelRequest Request(IReadOnlyList<Message> messages, bool tools, WrittenMessages? written = null) =>
        Conversations.Request(tools, [.. messages]) with { System = ["Be brief.", ""], Written = written };

    private static void ForEach(string makerName, string calledName, IReadOnlyList<string> words, int runs, Action<Histories, RequestWriter, RequestWriter, string> assert)
    {
        var (maker, called) = (RequestWriter.Named(makerName), RequestWriter.Named(calledName));
        for (var run = 0; run < runs; run++)
        {
            assert(new(new Random(Seed + run), maker, words), maker, called, $"Seed {Seed + run}, history of {makerName}");
        }
    }
}
