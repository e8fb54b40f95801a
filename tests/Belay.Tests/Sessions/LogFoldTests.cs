using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

public sealed class LogFoldTests
{
    private static readonly SessionKey Session = new(EngineWorld.Scope, "test-AAAAAAAAAA", EngineWorld.SessionId);

    public static TheoryData<EntryKind> Kinds => [.. Enum.GetValues<EntryKind>()];

    [Fact]
    public void EveryKind_HasOneClearLine()
    {
        var lines = JournalJsonTests.Samples.Select((body, index) => LogFold.Line(Session, new(index + 1, DateTimeOffset.UnixEpoch, body)));

        Assert.Equal(
            """
            Info InvocationStarted inv: Invocation began on DEFAULT, version 1: 2 messages.
            Warn HistoryRepaired -: The conversation was repaired with 2 messages: cut off
            Info ContextReduced inv: The conversation was shortened to 2 messages: window
            Debug ModelIntent inv: Asking model of bedrock, iteration 1: 3 messages, the oldest 4 left out.
            Warn ModelOutcome inv: The model failed after 12 ms and 2 attempts: failure
            Debug ToolIntent inv: Calling tool shell: 16 bytes.
            Warn ToolOutcome inv: Tool shell failed after 7 ms: text
            Info InvocationPaused inv: Waiting for the caller to answer 2 tool calls.
            Error InvocationEnded inv: Invocation ended with ModelException: done (2 iterations, 5 tokens in, 6 out, 99 ms)
            Info SandboxStarted -: Sandbox box started with process after 12 ms.
            Info SandboxEnded -: Sandbox box ended: idle.
            Debug CommandIntent -: Running a command for at most 30 s: ls
            Warn CommandOutcome -: Command ended with exit code 3, COMPLETED: 10 bytes of output, 20 of errors.
            Warn ModelVoided inv: The server ended during a model call; what was streamed of it is void.
            Info Steered inv: The running invocation was sent a message: 8 bytes.
            Info SessionForked -: Forked from session session of harness other-0123456789 at entry 7.
            Debug WorkspaceSaved -: The workspace was saved as saved: 2 files, 300 bytes.
            Warn ModelSwitched inv: other of openai takes over from model of bedrock: no room
            """.ReplaceLineEndings("\n"),
            string.Join('\n', lines.Select(line => $"{line.Level} {line.Kind} {line.InvocationId ?? "-"}: {line.Message}")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryKind_IsFolded(EntryKind kind)
    {
        var entry = new Entry(1, DateTimeOffset.UnixEpoch, JournalJsonTests.Samples.Single(body => JournalJson.KindOf(body) == kind));
        var started = new Entry(1, DateTimeOffset.UnixEpoch, JournalJsonTests.Samples[0]);

        // Each fold alone, and in an invocation: whatever comes, none of them throws.
        var (alone, within) = (new TraceFold(Session), new TraceFold(Session));
        alone.Apply(entry);
        within.Apply(started);
        within.Apply(entry);
        new SessionFold().Apply(entry);
        LogFold.Line(Session, entry);
        new Conversation().Apply(entry.Body);
        Assert.NotEmpty(within.Spans(runs: true));
    }

    [Theory]
    [InlineData(HarnessStopReason.EndTurn, null, LogLineLevel.Info)]
    [InlineData(HarnessStopReason.ToolUse, null, LogLineLevel.Info)]
    [InlineData(HarnessStopReason.TimeoutExceeded, null, LogLineLevel.Warn)]
    [InlineData(HarnessStopReason.MaxIterationsExceeded, null, LogLineLevel.Warn)]
    [InlineData(HarnessStopReason.PartialTurn, null, LogLineLevel.Warn)]
    [InlineData(null, "RuntimeClientError", LogLineLevel.Error)]
    public void End_IsAsGraveAsItsReason(HarnessStopReason? reason, string? fault, LogLineLevel level) =>
        Assert.Equal(level, Line(new InvocationEnded("inv", reason, "Because.", default, 1, 1, fault)).Level);

    [Fact]
    public void WhatFailedOrWasRefused_Warns()
    {
        Assert.Equal((LogLineLevel.Warn, "Tool shell was refused."), Told(new ToolIntent("inv", "u", "shell", "", default, "deny")));
        Assert.Equal((LogLineLevel.Debug, "Tool ask is handed to the caller: 0 bytes."), Told(new ToolIntent("inv", "u", "ask", "ask", default, "handToClient")));
        Assert.Equal(
            (LogLineLevel.Warn, "Tool shell failed after 3 ms: no such file"),
            Told(new ToolOutcome("inv", new("u", HarnessToolUseStatus.Error, [new ToolContent.Text("no such\nfile\n")]), 3, "shell")));
        Assert.Equal(
            (LogLineLevel.Info, "Tool shell answered after 3 ms: 5 bytes."),
            Told(new ToolOutcome("inv", new("u", HarnessToolUseStatus.Success, [new ToolContent.Text("quiet")]), 3, "shell")));
        Assert.Equal(
            (LogLineLevel.Warn, "The model answered end_turn after 9 ms and 3 attempts: 1 tokens in, 2 out."),
            Told(new ModelOutcome("inv", 1, null, HarnessStopReason.EndTurn, new(1, 2), [], 3, 9, 1, null)));
    }

    [Fact]
    public void WhatOthersWrote_IsOneBoundedLineWithoutControls()
    {
        var line = Line(new CommandIntent("c", "echo \u001b[31m\r\n" + new string('x', 100_000), 1));

        Assert.InRange(line.Message.Length, 200, 300);
        Assert.DoesNotContain(line.Message, char.IsControl);
        Assert.EndsWith("…", line.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Content_IsNeverInALine()
    {
        const string Secret = "what somebody said";
        var said = new Message(HarnessConversationRole.User, [new Block.Text(Secret)]);
        EntryBody[] bodies =
        [
            new InvocationStarted("inv", "DEFAULT", "1", [said], [], [], new(1, 1, 1)),
            new HistoryRepaired([said], "r"),
            new ContextReduced("inv", [said], "r"),
            new ModelOutcome("inv", 1, said, HarnessStopReason.EndTurn, default, [], 1, 1, 1, null),
            new ToolIntent("inv", "u", "shell", "", System.Text.Json.JsonElement.Parse($$"""{"command":"{{Secret}}"}"""), "run"),
            new ToolOutcome("inv", new("u", HarnessToolUseStatus.Success, [new ToolContent.Text(Secret)]), 1),
        ];

        Assert.All(bodies, body => Assert.DoesNotContain(Secret, Line(body).Message, StringComparison.Ordinal));
    }

    private static LogLine Line(EntryBody body) => LogFold.Line(Session, new(1, DateTimeOffset.UnixEpoch, body));

    private static (LogLineLevel, string) Told(EntryBody body) => (Line(body).Level, Line(body).Message);
}
