using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Simulation;
using Belay.Testing.Storage;
using Belay.Tests.Sessions;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Agents;

public sealed class ReplyFoldTests
{
    [Fact]
    public void InterleavedBlocks_BecomeSequentialOnes()
    {
        var (shown, message, _) = Fold(
            new ModelEvent.Text(0, "a"),
            new ModelEvent.ToolOpened(1, "t1", "shell"),
            new ModelEvent.ToolInput(1, "{\"x\""),
            new ModelEvent.Text(0, "b"),
            new ModelEvent.ToolOpened(2, "t2", "shell"),
            new ModelEvent.ToolInput(2, "{}"),
            new ModelEvent.BlockClosed(0),
            new ModelEvent.ToolInput(1, ":1}"),
            new ModelEvent.BlockClosed(2),
            new ModelEvent.BlockClosed(1),
            new ModelEvent.Stopped(HarnessStopReason.EndTurn));

        Assert.Equal(
            [
                "messageStart assistant", "delta 0 text a", "delta 0 text b", "stop 0",
                "start 1 toolUse t1 shell ToolUse", "delta 1 input {\"x\"", "delta 1 input :1}", "stop 1",
                "start 2 toolUse t2 shell ToolUse", "delta 2 input {}", "stop 2",
            ],
            shown.Select(Shown.Of));
        Assert.Equal(["Text", "ToolUse", "ToolUse"], message!.Blocks.Select(block => block.GetType().Name));
    }

    [Fact]
    public void CallsWithEndTurn_AreToolUse_AndToolUseWithoutCallsIsMalformed()
    {
        Assert.Equal(HarnessStopReason.ToolUse, Fold(new ModelEvent.ToolOpened(0, "t", "shell"), new ModelEvent.Stopped(HarnessStopReason.EndTurn)).Fold.StopReason());
        Assert.Equal(HarnessStopReason.MalformedModelOutput, Fold(new ModelEvent.Text(0, "x"), new ModelEvent.Stopped(HarnessStopReason.ToolUse)).Fold.StopReason());
        Assert.Equal(HarnessStopReason.MalformedModelOutput, Fold(new ModelEvent.Stopped(HarnessStopReason.Interrupted)).Fold.StopReason());
    }

    [Fact]
    public void CallWithoutIdOrArguments_GetsBoth()
    {
        var (shown, message, _) = Fold(
            new ModelEvent.ToolOpened(0, "", "shell"), new ModelEvent.ToolOpened(1, "same", "shell"), new ModelEvent.ToolOpened(2, "same", "shell"), new ModelEvent.Stopped(HarnessStopReason.ToolUse));

        var ids = message!.Blocks.OfType<Block.ToolUse>().Select(use => use.Id).ToList();
        Assert.Matches("^tooluse_[A-Za-z0-9_-]{22}$", ids[0]);
        Assert.Equal(3, ids.Distinct().Count());
        Assert.Equal("delta 0 input {}", Shown.Of(shown[2]));
    }

    [Fact]
    public void BadNameAndBadArguments_AreKeptForTheVerdict()
    {
        var (_, message, _) = Fold(
            new ModelEvent.ToolOpened(0, "t1", "rm -rf"), new ModelEvent.ToolOpened(1, "t2", "shell"), new ModelEvent.ToolInput(1, "[1]"), new ModelEvent.Stopped(HarnessStopReason.ToolUse));

        var calls = message!.Blocks.OfType<Block.ToolUse>().ToList();
        Assert.Equal(ReplyFold.InvalidToolName, calls[0].Name);
        Assert.Equal(("{}", "[1]"), (calls[1].Input.GetRawText(), calls[1].RawInput));
    }

    [Fact]
    public void ReasoningSignatureStateAndServerTools_AreKept()
    {
        var state = System.Text.Json.JsonElement.Parse("""{"s":1}""");
        var (shown, message, _) = Fold(
            new ModelEvent.Reasoning(0, "hm"), new ModelEvent.Signature(0, "sig"), new ModelEvent.BlockClosed(0),
            new ModelEvent.Redacted(1, new byte[] { 1, 2 }), new ModelEvent.BlockClosed(1),
            new ModelEvent.ServerTool(2, "s1", "web", state),
            new ModelEvent.Text(3, "hi"), new ModelEvent.Citation(3, "https://a", "A", null), new ModelEvent.State(3, state),
            new ModelEvent.Stopped(HarnessStopReason.EndTurn));

        Assert.Equal(
            [
                "messageStart assistant", "delta 0 reasoning hm", "delta 0 signature sig", "stop 0", "delta 1 redacted 2", "stop 1",
                "start 2 toolUse s1 web ServerToolUse", "delta 2 input {\"s\":1}", "stop 2", "delta 3 text hi", "stop 3",
            ],
            shown.Select(Shown.Of));
        Assert.Equal(["Reasoning", "RedactedReasoning", "ToolUse", "Text", "Citation"], message!.Blocks.Select(block => block.GetType().Name));
        Assert.Equal("fake", message.Blocks[3].State!.Provider);
        Assert.Empty(OpenCalls.CallsOf(message));
    }

    [Fact]
    public void Deltas_KeepThePiecesOfEachBlock()
    {
        var (_, _, fold) = Fold(new ModelEvent.Text(0, "abc"), new ModelEvent.Text(0, "de"), new ModelEvent.BlockClosed(0), new ModelEvent.Text(1, "f"), new ModelEvent.Stopped(HarnessStopReason.EndTurn));

        Assert.Equal([new(0, 3), new(0, 2), new(1, 1)], fold.Deltas());
    }

    [Fact]
    public void EventsThatBreakTheContract_AreMalformed()
    {
        ModelEvent[][] broken =
        [
            [new ModelEvent.ToolInput(0, "x")],
            [new ModelEvent.Text(0, "x"), new ModelEvent.Reasoning(0, "y")],
            [new ModelEvent.Text(0, "x"), new ModelEvent.BlockClosed(0), new ModelEvent.Text(0, "y")],
            [new ModelEvent.Stopped(HarnessStopReason.EndTurn), new ModelEvent.Text(0, "x")],
            [new ModelEvent.ToolOpened(0, "a", "b"), new ModelEvent.ToolOpened(0, "a", "b")],
            [.. Enumerable.Range(0, 1025).Select(block => new ModelEvent.Text(block, "x"))],
            [.. Enumerable.Repeat(new ModelEvent.Text(0, new string('x', 1024 * 1024)), 33)],
        ];

        Assert.All(broken, events => Assert.Equal(ModelFailure.Malformed, Assert.Throws<ModelException>(() => Fold(events)).Failure));
    }

    // Whatever a model sends, the wire sees the grammar; what it was shown is what is kept.
    [Fact]
    public void AnyEvents_GiveTheGrammarOfTheWire()
    {
        var one = Gen.Choose(0, 3).SelectMany(block => Gen.Elements<ModelEvent>(
            new ModelEvent.Text(block, "text"),
            new ModelEvent.Reasoning(block, "why"),
            new ModelEvent.Signature(block, "sig"),
            new ModelEvent.Redacted(block, new byte[] { 1 }),
            new ModelEvent.ToolOpened(block, "", "shell"),
            new ModelEvent.ToolOpened(block, "id", "bad name"),
            new ModelEvent.ToolInput(block, "{\"a\":"),
            new ModelEvent.ToolInput(block, "1}"),
            new ModelEvent.Citation(block, "s", null, null),
            new ModelEvent.Image(block, "image/png", new byte[] { 1 }),
            new ModelEvent.State(block, System.Text.Json.JsonElement.Parse("1")),
            new ModelEvent.BlockClosed(block)));

        Prop.ForAll(one.ListOf().ToArbitrary(), events =>
        {
            var fold = NewFold();
            var shown = new List<InvocationEvent>();
            foreach (var item in events)
            {
                try
                {
                    shown.AddRange(fold.Apply(item));
                }
                catch (ModelException)
                {
                    // What breaks the contract is refused and changes nothing that was shown.
                }
            }

            shown.AddRange(fold.Apply(new ModelEvent.Stopped(HarnessStopReason.EndTurn)));
            if (!fold.Started)
            {
                shown.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant });
            }

            shown.Add(new HarnessMessageStopEvent { StopReason = fold.StopReason() });
            Assert.Empty(JournalCheck.StreamProblems(shown, complete: false));
            var text = string.Concat(shown.OfType<HarnessContentBlockDeltaEvent>().Select(delta => delta.Delta.Text).Where(piece => piece is not null && !piece.StartsWith("[image", StringComparison.Ordinal)));
            Assert.Equal(text, string.Concat(fold.Message()?.Blocks.OfType<Block.Text>().Select(block => block.Value) ?? []));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void EndlessPieces_AreMalformed()
    {
        var fold = NewFold();
        var piece = new ModelEvent.Text(0, "x");

        var failure = Assert.Throws<ModelException>(() =>
        {
            for (var i = 0; i < 2_000_000; i++)
            {
                fold.Apply(piece);
            }
        });

        Assert.Equal((ModelFailure.Malformed, 1_000_000L), (failure.Failure, fold.Characters));
    }

    private static (List<InvocationEvent> Shown, Message? Message, ReplyFold Fold) Fold(params ModelEvent[] events)
    {
        var fold = NewFold();
        var shown = events.SelectMany(fold.Apply).ToList();
        return (shown, fold.Message(), fold);
    }

    private static ReplyFold NewFold() => new("fake", "fake-1", _ => null, new HashSet<string>(), new SeededIdSource(1));
}
