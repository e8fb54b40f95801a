using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Testing.Simulation;
using Belay.Tools;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Agents;

public sealed class ContextWindowTests
{
    [Fact]
    public void Slide_CutsAtAPlainUserMessage()
    {
        Message[] messages = [User("1"), Assistant("2"), User("3"), Call("a"), Result("a"), Assistant("4"), User("5"), Assistant("6")];

        Assert.Equal([User("5"), Assistant("6")], ContextWindow.Slide(messages, 5), SameBlocks);
        Assert.Equal(messages[2..], ContextWindow.Slide(messages, 6), SameBlocks);
    }

    [Fact]
    public void Slide_FallsBackToAPair_ElseKeepsEverything()
    {
        Message[] tools = [User("1"), Call("a"), Result("a"), Call("b"), Result("b")];
        Message[] talk = [User("1"), Assistant("2"), Assistant("3"), Assistant("4")];

        Assert.Equal(tools[3..], ContextWindow.Slide(tools, 3), SameBlocks);
        Assert.Same(talk, ContextWindow.Slide(talk, 2));
    }

    // A whole conversation in, a whole one out, never longer, always with the newest message.
    [Fact]
    public void EveryCut_KeepsCallsAndResultsTogether() =>
        Prop.ForAll(Conversations(), Gen.Choose(1, 12).ToArbitrary(), (messages, count) =>
        {
            var slid = ContextWindow.Slide(messages, count);
            Assert.Empty(JournalCheck.PairProblems(slid));
            Assert.Same(messages[^1], slid[^1]);
            IReadOnlyList<Message> smaller = messages;
            for (var steps = 0; ContextWindow.Shrink(smaller) is { } next; steps++)
            {
                smaller = next.Messages;
                Assert.Empty(JournalCheck.PairProblems(smaller));
                Assert.True(steps < 100, "it never ends");
            }

            if (ContextWindow.SummaryLength(messages, new() { SummaryRatio = count / 12.0, PreserveRecentMessages = count % 3 }) is { } length)
            {
                Assert.InRange(length, 1, messages.Count - 1);
                Assert.Empty(JournalCheck.PairProblems([User("summary"), .. messages.Skip(length)]));
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Shrink_ShortensAResultOnce()
    {
        Message[] messages = [User("1"), Call("a"), Result("a", new string('x', 300) + new string('y', 300))];

        var (once, _) = ContextWindow.Shrink(messages)!.Value;

        var text = Assert.IsType<ToolContent.Text>(Assert.IsType<Block.ToolResult>(once[2].Blocks[0]).Content[0]).Value;
        Assert.Equal($"{new string('x', 200)}\n[… 200 characters removed …]\n{new string('y', 200)}", text);
        Assert.Null(ContextWindow.Shrink(once));
    }

    [Theory]
    [InlineData(10, 0.3, 2, 3)]
    [InlineData(10, 0.05, 2, 1)]
    [InlineData(10, 0.99, 2, 8)]
    [InlineData(10, 0.8, 10, null)]
    public void SummaryLength_IsClampedAndLeavesTheRecent(int count, double ratio, int preserve, int? expected) =>
        Assert.Equal(expected, ContextWindow.SummaryLength([.. Enumerable.Range(0, count).Select(_ => User("x"))], new() { SummaryRatio = ratio, PreserveRecentMessages = preserve }));

    [Fact]
    public void View_SlidesOnlyWhereTheStrategySaysSo()
    {
        Message[] messages = [User("1"), User("2"), User("3")];

        Assert.Equal(2, ContextWindow.View(messages, new() { Strategy = HarnessTruncationStrategy.SlidingWindow, Config = new() { SlidingWindow = new() { MessagesCount = 2 } } }).Count);
        Assert.Equal(3, ContextWindow.View(messages, new() { Strategy = HarnessTruncationStrategy.None }).Count);
    }

    private static Arbitrary<IReadOnlyList<Message>> Conversations() =>
        Gen.Choose(0, 3).ListOf().Where(kinds => kinds.Count > 0).Select(IReadOnlyList<Message> (kinds) =>
        {
            var messages = new List<Message> { User("start") };
            foreach (var kind in kinds)
            {
                switch (kind)
                {
                    case 0:
                        messages.Add(User("u"));
                        break;
                    case 1:
                        messages.Add(Assistant("a"));
                        break;
                    default:
                        var id = $"t{messages.Count}";
                        messages.Add(Call(id));
                        messages.Add(Result(id, kind == 2 ? "short" : new string('x', 1000)));
                        break;
                }
            }

            return messages;
        }).ToArbitrary();

    private static Message User(string text) => new(HarnessConversationRole.User, [new Block.Text(text)]);

    private static Message Assistant(string text) => new(HarnessConversationRole.Assistant, [new Block.Text(text)]);

    private static Message Call(string id) => new(HarnessConversationRole.Assistant, [new Block.ToolUse(id, "shell", ToolArguments.Empty, HarnessToolUseType.ToolUse, null)]);

    private static Message Result(string id, string text = "ok") => new(HarnessConversationRole.User, [new Block.ToolResult(id, HarnessToolUseStatus.Success, [new ToolContent.Text(text)])]);

    private static bool SameBlocks(Message a, Message b) => a.Role == b.Role && a.Blocks.Select(block => block.ToString()).SequenceEqual(b.Blocks.Select(block => block.ToString()));
}
