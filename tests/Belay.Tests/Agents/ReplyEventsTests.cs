using System.Text.Json;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Storage;
using Belay.Tools;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Agents;

/// <summary>What a journaled outcome tells again is what was shown while the model spoke, byte for byte.</summary>
public sealed class ReplyEventsTests
{
    private static readonly ToolSpec Remote = new()
    {
        Name = "remote",
        Description = "Does.",
        InputSchema = JsonElement.Parse("{}"),
        Server = "there",
        Kind = HarnessToolUseType.McpToolUse,
    };

    private static readonly string[] Texts =
    [
        "text", "ünï", "\ud83d", "\ude00 half", "😀", "{\"a\":", "1}", " {} ", "", new('x', Utf8Pieces.FrameBytes + 7), new('\u0001', 50_000), new('é', 40_000),
    ];

    // Half of them are cut off, as by a cancellation, a failure or malformed output.
    [Fact]
    public void AnyReply_IsToldAgainAsItWasShown()
    {
        var one = Gen.Choose(0, 3).SelectMany(block => Gen.OneOf(
            Gen.Elements(Texts).Select(ModelEvent (text) => new ModelEvent.Text(block, text)),
            Gen.Elements(Texts).Select(ModelEvent (text) => new ModelEvent.Reasoning(block, text)),
            Gen.Elements(Texts).Select(ModelEvent (text) => new ModelEvent.Signature(block, text)),
            Gen.Choose(0, 70_000).Select(ModelEvent (length) => new ModelEvent.Redacted(block, new byte[length])),
            Gen.Elements("shell", "remote", "bad name").Select(ModelEvent (name) => new ModelEvent.ToolOpened(block, "", name)),
            Gen.Elements(Texts).Select(ModelEvent (text) => new ModelEvent.ToolInput(block, text)),
            Gen.Elements("{ \"a\" : [1, 2] }", "[1]", "\"\\ud800\"").Select(ModelEvent (json) => new ModelEvent.ServerTool(block, "", "web", JsonElement.Parse(json))),
            Gen.Constant<ModelEvent>(new ModelEvent.Citation(block, "s", null, null)),
            Gen.Constant<ModelEvent>(new ModelEvent.Image(block, "image/png", new byte[] { 1 })),
            Gen.Constant<ModelEvent>(new ModelEvent.State(block, JsonElement.Parse("1"))),
            Gen.Constant<ModelEvent>(new ModelEvent.BlockClosed(block)),
            Gen.Constant<ModelEvent>(new ModelEvent.BlockClosed(block))));

        Prop.ForAll(one.ListOf().ToArbitrary(), ArbMap.Default.ArbFor<bool>(), Check).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(" {\"a\":1}\n")]
    [InlineData("   ")]
    [InlineData("{\"a\":1}")]
    [InlineData("{\"a\":")]
    public void ArgumentText_IsKeptWithWhatStandsAroundIt(string text) =>
        Check([new ModelEvent.ToolOpened(0, "t", "shell"), new ModelEvent.ToolInput(0, text[..2]), new ModelEvent.ToolInput(0, text[2..])], complete: true);

    [Fact]
    public void BlockThatWasNotShownYet_IsNotTold() =>
        Check([new ModelEvent.Text(0, "first"), new ModelEvent.Text(1, "waits"), new ModelEvent.BlockClosed(1)], complete: false);

    [Fact]
    public void CallsThatCountAsNoIteration_TellNothing() =>
        Assert.Empty(ReplyEvents.Of(new("i", 0, new(HarnessConversationRole.Assistant, [new Block.Text("a summary")]), HarnessStopReason.EndTurn, default, [new(0, 9)], 1, 1, 1, null)));

    [Fact]
    public void OutcomeThatSaysMoreThanItsMessage_IsCut()
    {
        var outcome = new ModelOutcome("i", 1, new(HarnessConversationRole.Assistant, [new Block.Text("abc")]), HarnessStopReason.EndTurn, default, [new(0, 2), new(0, 9), new(0, -1), new(7, 1)], 1, 1, 1, null);

        Assert.Equal(["a", "b", "c"], string.Concat(ReplyEvents.Of(outcome).OfType<HarnessContentBlockDeltaEvent>().Select(delta => delta.Delta.Text)).Select(letter => letter.ToString()));
    }

    private static void Check(IList<ModelEvent> events, bool complete)
    {
        var fold = new ReplyFold("fake", "fake-1", name => name == "remote" ? Remote : null, new HashSet<string>(), new SeededIdSource(1));
        var grammar = new StreamGrammar();
        var shown = new List<InvocationEvent>();
        foreach (var item in complete ? events.Append(new ModelEvent.Stopped(HarnessStopReason.EndTurn)) : events)
        {
            try
            {
                shown.AddRange(fold.Apply(item));
            }
            catch (ModelException)
            {
                // What breaks the contract changes nothing that was shown.
            }
        }

        HarnessStopReason? reason = complete ? fold.StopReason() : null;
        if (reason is { } ended)
        {
            if (!fold.Started)
            {
                shown.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant });
            }

            shown.ForEach(grammar.Take);
            shown.AddRange(grammar.Closing(ended));
        }

        var outcome = new ModelOutcome("i", 1, fold.Message(), reason, default, fold.Deltas(), 1, 1, 1, null, Ended: fold.Ended());
        var stored = (ModelOutcome)JournalJson.Deserialize(EntryKind.ModelOutcome, JournalJson.Serialize(outcome))!;
        var sessions = new SessionEvents();
        sessions.Apply(new(7, default, new ModelIntent("i", 1, "fake", "fake-1", 1)));
        var told = sessions.Apply(new(9, default, stored));

        Assert.Equal(shown.Select(Json), told.Select(item => Json(item.Event)));
        Assert.Equal(told.Select((_, i) => new SessionEventId(7, i)), told.Select(item => item.Id));
    }

    private static string Json(InvocationEvent item) => item.EventType + JsonSerializer.Serialize(item, item.GetType(), BelayJson.Default);
}
