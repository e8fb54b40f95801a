using System.Text.Json.Nodes;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Clients;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Models;

/// <summary>Every provider that a harness can name, over the wire: a tool turn with each, and one session that goes through them.</summary>
public sealed class EveryProviderTests(ProviderServer server)
{
    private const string Secret = "the-first-thing-that-was-said-5c1e";
    private const int Turns = 12;

    public static TheoryData<string> Formats { get; } = [.. ScriptedProviders.Formats.Select(model => model.Name)];

    public static TheoryData<string> Names { get; } = [.. ScriptedProviders.All.Select(model => model.Name)];

    private static readonly (ProviderFault Fault, bool Helped)[] Faults =
    [
        (new ProviderFault.Status(429, TimeSpan.FromSeconds(1)), true),
        (new ProviderFault.Status(500), true),
        (new ProviderFault.Status(503), true),
        (new ProviderFault.Reset(), true),
        (new ProviderFault.Cut(0), true),
        (new ProviderFault.HalfCharacter(), true),
        (new ProviderFault.Drip(), true),
        (new ProviderFault.ErrorInside(0), true),
        (new ProviderFault.NoFinish(1), false),
        (new ProviderFault.Garbage(1), false),
    ];

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task ToolTurn_WithReasoning_Works(string name)
    {
        var model = ScriptedProviders.Find(name);
        var text = $$"""
            !# {{Guid.CreateVersion7()}}
            !think I look — twice.
            !say Ich sehe nach 🙂.
            !call shell {"command":"echo one; exit 3"}
            !call file_operations {"command":"view","path":"/workspace/missing"}
            !usage 11 5
            !then
            !say They said:
            !quote
            !usage 13 7
            """;

        var (turn, calls) = await TurnAsync(NewSession(), text, model);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.Equal(["success", "error"], turn.ToolStatuses);
        Assert.StartsWith("Ich sehe nach 🙂.They said:one\n", turn.Text, StringComparison.Ordinal);
        Assert.Equal((24, 12), ((int)turn.Metadata!["usage"]!["inputTokens"]!, (int)turn.Metadata["usage"]!["outputTokens"]!));
        Assert.Equal([model.Format, model.Format], calls.Select(call => call.Format));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Fault_IsOvercomeOrTold_AndTheSessionGoesOn(string name)
    {
        var model = ScriptedProviders.Find(name);
        await Task.WhenAll(Faults.Select(async one =>
        {
            var (fault, helped) = one;
            var (session, arn) = (NewSession(), await server.HarnessAsync());
            const string Said = "Öffnet 🙂 sich, langsam und mit Geräusch.";
            var text = $"!# {session}\n!say {Said}\n!usage 11 5";
            server.FailOnce(text, fault);
            var process = await server.StartedAsync();

            var hit = await process.Client.TurnAsync(arn, session, Body(text, model), CancellationToken);
            var after = await process.Client.TurnAsync(arn, session, Body($"!# {session} again\n!say Weiter.", model), CancellationToken);

            Assert.True(helped == hit.Stops is ["end_turn"], $"{fault} ends with {string.Join(", ", hit.Stops)} {hit.Exception}");
            Assert.Equal(helped, hit.Text == Said);
            Assert.StartsWith(hit.Text, Said, StringComparison.Ordinal);
            Assert.Equal(helped ? 11 : (int?)hit.Metadata?["usage"]?["inputTokens"], (int?)hit.Metadata?["usage"]?["inputTokens"]);
            Assert.EndsWith("Weiter.", after.Text, StringComparison.Ordinal);
        }));
        Assert.Empty((await server.ProviderAsync()).Problems);
    }

    [Fact]
    public async Task Session_ThatChangesProviderAtEachTurn_StillKnowsItsFirstMessage()
    {
        // Neighbours differ in their format wherever they can.
        var providers = ScriptedProviders.All.Select((model, i) => (model, i)).OrderBy(one => ScriptedProviders.All.Take(one.i).Count(other => other.Format == one.model.Format)).Select(one => one.model).ToList();
        var session = NewSession();
        for (var i = 0; i < Turns; i++)
        {
            var model = providers[i];
            var said = i == 0 ? $"!# Remember: {Secret}" : $"!# turn {i} {session}";
            var (turn, calls) = await TurnAsync(session, $"{said}\n!think Hm.\n!call shell {{\"command\":\"echo result-{i}\"}}\n!then\n!say answer-{i}", model);

            Assert.Equal($"answer-{i}", turn.Text);
            Assert.All(calls, call => Assert.Equal(model.Format, call.Format));
        }

        var provider = await server.ProviderAsync();
        var last = providers[Turns % providers.Count];
        provider.Reply = call => call.Texts.Last() == $"What did I say first in {session}?" ? Say(call.Texts.First()) : null;
        var (asked, received) = await TurnAsync(session, $"What did I say first in {session}?", last);

        Assert.Contains(Secret, asked.Text, StringComparison.Ordinal);
        var conversation = Assert.Single(received).Asked.Messages;
        Assert.Equal(
            Enumerable.Range(0, Turns).Select(i => $"result-{i}\n"),
            conversation.SelectMany(message => message.Blocks).OfType<Block.ToolResult>().Select(result => ((ToolContent.Json)Assert.Single(result.Content)).Value.GetProperty("stdout").GetString()));
        Assert.Equal(
            Enumerable.Range(0, Turns).Select(i => $"answer-{i}"),
            conversation.Where(message => message.Role is HarnessConversationRole.Assistant).SelectMany(message => message.Blocks).OfType<Block.Text>().Select(text => text.Value));
    }

    private static IEnumerable<ModelEvent> Say(string text) =>
        [new ModelEvent.Text(0, text), new ModelEvent.BlockClosed(0), new ModelEvent.Stopped(HarnessStopReason.EndTurn)];

    private static string NewSession() => $"session-{Guid.CreateVersion7()}";

    /// <summary>A turn, and the calls that it made: the text is the turn's alone.</summary>
    private async Task<(Turn Turn, IReadOnlyList<ReceivedCall> Calls)> TurnAsync(string session, string text, ScriptedProviderModel model)
    {
        var process = await server.StartedAsync();
        var turn = await process.Client.TurnAsync(await server.HarnessAsync(), session, Body(text, model), CancellationToken);
        var provider = await server.ProviderAsync();
        Assert.Empty(provider.Problems);
        Assert.Null(turn.Exception);
        return (turn, [.. provider.Calls.Where(call => call.Texts.Contains(text) && call.Asked.Messages.Last(IsSaid).Blocks.OfType<Block.Text>().Any(block => block.Value == text))]);
    }

    private static JsonObject Body(string text, ScriptedProviderModel model)
    {
        var body = HarnessClient.UserText(text);
        body["model"] = model.Configuration.DeepClone();
        return body;
    }

    private static bool IsSaid(Message message) =>
        message.Role is HarnessConversationRole.User && message.Blocks.Any(block => block is Block.Text);
}
