using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>Given these entries, this tree of spans: start in ms, duration, status.</summary>
public sealed class TraceFoldTests
{
    private static readonly SessionKey Session = new(EngineWorld.Scope, "my-agent-AAAAAAAAAA", EngineWorld.SessionId);
    private static readonly InvocationStarted Started = new("inv", "DEFAULT", "3", [], [], [], new(1, 1, 1), "0af7651916cd43dd8448eb211c80319c", "ada");

    [Fact]
    public void Turn_WithParallelTools_IsATree() => AssertTree(
        """
        0 invoke_agent my-agent 300 Ok
          10 execute_event_loop_cycle 150 Ok
            10 chat 40 Ok
            50 execute_tool shell 110 Ok
              40 sandbox.start 20 Ok
              60 execute_command 100 Ok
            50 execute_tool file_operations 5 Error: no such file
          170 execute_event_loop_cycle 100 Ok
            170 chat 100 Ok
        """,
        runs: false,
        (0, Started),
        (10, Intent(1)),
        (50, Outcome(1, 40, HarnessStopReason.ToolUse)),
        (50, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("{}"), "run")),
        (50, new ToolIntent("inv", "b", "file_operations", "builtin", JsonElement.Parse("{}"), "run")),
        (60, new SandboxStarted("box", "process", 20)),
        (160, Exited("a", 110, 3)),
        (160, Result("b", 5, "no such file")),
        (170, Intent(2)),
        (270, Outcome(2, 100, HarnessStopReason.EndTurn)),
        (300, Ended(300)));

    [Fact]
    public void CommandThatRanOutOfTime_FailedWithItsCall_AndACallWithoutOneHasNone() => AssertTree(
        """
        0 invoke_agent my-agent 300 Ok
          10 execute_event_loop_cycle 150 Ok
            10 chat 40 Ok
            50 execute_tool shell 110 Error: Error: command timed out after 1 seconds
              50 execute_command 110 Error: The command ran out of time.
            50 execute_tool shell 5 Error: Error: 'command' is required
        """,
        runs: false,
        (0, Started),
        (10, Intent(1)),
        (50, Outcome(1, 40, HarnessStopReason.ToolUse)),
        (50, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("""{"command":"sleep 9"}"""), "run")),
        (50, new ToolIntent("inv", "b", "shell", "builtin", JsonElement.Parse("{}"), "run")),
        (160, Result("a", 110, "Error: command timed out after 1 seconds")),
        (160, Result("b", 5, "Error: 'command' is required")),
        (300, Ended(300)));

    [Fact]
    public void WhatHasNotEnded_Runs()
    {
        (int, EntryBody)[] entries =
        [
            (0, Started),
            (10, Intent(1)),
            (50, Outcome(1, 40, HarnessStopReason.ToolUse)),
            (50, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("{}"), "run")),
        ];

        AssertTree(
            """
            0 invoke_agent my-agent - Running
              10 execute_event_loop_cycle - Running
                10 chat 40 Ok
                50 execute_tool shell - Running
            """,
            runs: true,
            entries);
        AssertTree(
            """
            0 invoke_agent my-agent - Error: It was cut off.
              10 execute_event_loop_cycle - Error: It was cut off.
                10 chat 40 Ok
                50 execute_tool shell - Error: It was cut off.
            """,
            runs: false,
            entries);
        AssertTree("0 invoke_agent my-agent - Running\n  10 execute_event_loop_cycle - Running\n    10 chat - Running", runs: true, entries[..2]);
    }

    [Fact]
    public void CrashThatWasRepaired_IsCutOff()
    {
        var conversation = new Conversation();
        (int, EntryBody)[] before = [(0, Started), (10, Intent(1)), (50, Outcome(1, 40, HarnessStopReason.ToolUse)), (50, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("{}"), "run"))];
        foreach (var (_, body) in before)
        {
            conversation.Apply(body);
        }

        AssertTree(
            $"""
            0 invoke_agent my-agent - Error: It was cut off.
              10 execute_event_loop_cycle - Error: It was cut off.
                10 chat 40 Ok
                50 execute_tool shell - Error: {History.Interrupted}
            """,
            runs: false,
            [.. before, .. SessionRepair.Interrupted(conversation, conversation.Unfinished!).Select(body => (900_000, body))]);
    }

    [Fact]
    public void RefusedHandedOverRetriedAndSummarised_AreSeen() => AssertTree(
        """
        0 invoke_agent my-agent 90 Ok
          10 execute_event_loop_cycle 70 Ok
            10 chat 5 Error: too long
            15 chat 5 Ok
            20 chat 60 Ok
            80 execute_tool rm 0 Error: not allowed
            80 execute_tool ask 0 Ok
        """,
        runs: false,
        (0, Started),
        (10, Intent(1)),
        (15, Outcome(0, 5, null, failure: "too long")),
        (15, Intent(0)),
        (20, Outcome(0, 5, HarnessStopReason.EndTurn)),
        (20, new ContextReduced("inv", [], "summary")),
        (20, Intent(1)),
        (80, Outcome(1, 60, HarnessStopReason.ToolUse, attempts: 3)),
        (80, new ToolIntent("inv", "a", "rm", "", JsonElement.Parse("{}"), "deny")),
        (80, Result("a", 0, "not allowed")),
        (80, new ToolIntent("inv", "b", "ask", "ask", JsonElement.Parse("{}"), "handToClient")),
        (80, new InvocationPaused("inv", ["b"])),
        (90, Ended(90, HarnessStopReason.ToolUse)));

    [Fact]
    public void ResumedTurn_BeginsWithToolsUnderTheRoot_AndForeignAnswersAreNoSpans() => AssertTree(
        """
        0 invoke_agent my-agent 30 Error: the model is gone
          5 execute_tool shell 5 Ok
            5 execute_command 5 Ok
          10 execute_event_loop_cycle 20 Error: the model is gone
            10 chat 20 Error: the model is gone
        """,
        runs: false,
        (0, Started),
        (0, Result("of the invocation before", 0)),
        (5, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("{}"), "run")),
        (10, Result("a", 5)),
        (10, Intent(1)),
        (30, Outcome(1, 20, null, failure: "the model is gone")),
        (30, Ended(30, null, "RuntimeClientError", "the model is gone")));

    [Fact]
    public void Commands_BesideTheTurn_OutliveIt() => AssertTree(
        """
        0 invoke_agent my-agent 20 Ok
          5 execute_command 35 Ok
          6 execute_command - Running
          7 execute_command - Error: The command failed.
        """,
        runs: true,
        (0, Started),
        (5, new CommandIntent("a", "ls", 1)),
        (6, new CommandIntent("b", "ls", 1)),
        (7, new CommandIntent("c", "ls", 1)),
        (20, Ended(20)),
        (21, new CommandIntent("after the end", "ls", 1)),
        (40, new CommandOutcome("a", 1, "COMPLETED", 1, 2)),
        (41, new CommandOutcome("c", -1, "FAILED", 0, 0)));

    [Fact]
    public void Attributes_AndSizes_AreThoseOfExportedTraces()
    {
        var spans = Fold(
            runs: false,
            (0, Started),
            (10, Intent(1)),
            (50, Outcome(1, 40, HarnessStopReason.ToolUse, attempts: 2)),
            (50, new ToolIntent("inv", "use-1", "shell", "builtin", JsonElement.Parse("""{"command":"ls"}"""), "run")),
            (60, Result("use-1", 10)),
            (70, Ended(70)));

        Assert.Equal(
            """
            invoke_agent: actor.id="ada" gen_ai.agent.name="my-agent" gen_ai.operation.name="invoke_agent" gen_ai.request.model="m1" harness.qualifier="DEFAULT" harness.version="3" session.id="session-0000000000000000000000000000001" stop_reason="end_turn"
            execute_event_loop_cycle: event_loop.cycle_id="inv/1" gen_ai.operation.name="execute_event_loop_cycle" session.id="session-0000000000000000000000000000001"
            chat: belay.model.attempts=2 gen_ai.operation.name="chat" gen_ai.provider.name="fake" gen_ai.request.model="m1" gen_ai.response.finish_reasons=["tool_use"] gen_ai.server.request.duration=40 gen_ai.server.time_to_first_token=4 session.id="session-0000000000000000000000000000001"
            execute_tool: belay.tool.verdict="run" gen_ai.operation.name="execute_tool" gen_ai.tool.call.id="use-1" gen_ai.tool.name="shell" gen_ai.tool.status="success" session.id="session-0000000000000000000000000000001"
            execute_command: gen_ai.operation.name="execute_command" session.id="session-0000000000000000000000000000001"
            """.ReplaceLineEndings("\n"),
            string.Join('\n', spans.Select(span => $"{span.Operation}: {string.Join(' ', span.Attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value.GetRawText()}"))}")));
        Assert.Equal((16L, 6L), (spans[3].InputBytes, spans[3].OutputBytes));
        Assert.Equal((10L, 5L), (spans[2].Usage!.Input, spans[0].Usage!.Output));
    }

    [Fact]
    public void Switch_IsSaidByTheCallThatTookOver()
    {
        var spans = Fold(
            runs: false,
            (0, Started),
            (10, Intent(1)),
            (50, Outcome(0, 40, null, failure: "no room")),
            (50, new ModelSwitched("inv", 1, "fake", "m1", "other", "m2", ModelFailure.Throttled, "no room")),
            (50, new ModelIntent("inv", 1, "other", "m2", 1)),
            (60, Outcome(1, 10, HarnessStopReason.EndTurn)),
            (70, Ended(70)));

        var chats = spans.Where(span => span.Operation == "chat").ToList();
        Assert.Equal(["no room", null], chats.Select(chat => chat.Error));
        Assert.Single(spans, span => span.Operation == "execute_event_loop_cycle" && span.Error is null);
        Assert.DoesNotContain(chats[0].Attributes.Keys, name => name.StartsWith("belay.model.switch", StringComparison.Ordinal));
        Assert.Equal(
            ["belay.model.fallback=1", "belay.model.switch_reason=\"Throttled\"", "belay.model.switched_from=\"m1\"", "gen_ai.request.model=\"m2\""],
            chats[1].Attributes.Where(pair => pair.Key.Contains(".model", StringComparison.Ordinal) && pair.Key != "belay.model.attempts").Select(pair => $"{pair.Key}={pair.Value.GetRawText()}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void WhatTheModelWasNotShown_IsOnTheSpans()
    {
        var spans = Fold(
            false,
            (0, Started),
            (10, Intent(1)),
            (15, Outcome(0, 5, null, failure: "too long")),
            (15, new ContextReduced("inv", [], "The oldest 4 messages were left out.")),
            (20, Intent(1) with { LeftOut = 4 }),
            (50, Outcome(1, 30, HarnessStopReason.ToolUse)),
            (50, new ToolIntent("inv", "a", "shell", "builtin", JsonElement.Parse("{}"), "run")),
            (60, Result("a", 10) with { Offloaded = new(".belay/results/a.txt", 9000, 400) }));

        Assert.Equal("The oldest 4 messages were left out.", spans[1].Attributes["belay.context.reduced"].GetString());
        Assert.False(spans[2].Attributes.ContainsKey("belay.context.left_out"));
        Assert.Equal(4, spans[3].Attributes["belay.context.left_out"].GetInt32());
        Assert.Equal(".belay/results/a.txt", spans[4].Attributes["belay.tool.offloaded"].GetString());
    }

    [Fact]
    public void SpanIds_AreTheSameWheneverTheyAreRead_AndDiffer()
    {
        (int, EntryBody)[] entries = [(0, Started), (10, Intent(1)), (50, Outcome(1, 40, HarnessStopReason.EndTurn)), (60, Ended(60))];

        var ids = Fold(false, entries).Select(span => span.SpanId).ToList();

        Assert.Equal(ids, Fold(false, entries).Select(span => span.SpanId));
        Assert.Equal(ids[..2], Fold(true, entries[..2]).Take(2).Select(span => span.SpanId));
        Assert.Equal(3, ids.Distinct().Count());
        Assert.All(ids, id => Assert.Matches("^[0-9a-f]{16}$", id));
    }

    private static ModelIntent Intent(int iteration) => new("inv", iteration, "fake", "m1", 1);

    private static ModelOutcome Outcome(int iteration, long duration, HarnessStopReason? reason, int attempts = 1, string? failure = null) =>
        new("inv", iteration, reason is null ? null : new(HarnessConversationRole.Assistant, [new Block.ToolUse("a", "shell", JsonElement.Parse("{}"), default, null)]), reason, new(10, 5), [], attempts, duration, 4, failure);

    private static ToolOutcome Result(string id, long duration, string? error = null) =>
        new("inv", new(id, error is null ? HarnessToolUseStatus.Success : HarnessToolUseStatus.Error, [new ToolContent.Text(error ?? "a file")]), duration);

    private static ToolOutcome Exited(string id, long duration, int exitCode) =>
        new("inv", new(id, HarnessToolUseStatus.Success, [new ToolContent.Json(JsonElement.Parse($$"""{"stdout":"","stderr":"","exit_code":{{exitCode}}}"""))]), duration);

    private static InvocationEnded Ended(long latency, HarnessStopReason? reason = HarnessStopReason.EndTurn, string? fault = null, string why = "The turn is complete.") =>
        new("inv", reason, why, new(10, 5), 1, latency, fault);

    private static IReadOnlyList<Span> Fold(bool runs, params (int Ms, EntryBody Body)[] entries)
    {
        var fold = new TraceFold(Session);
        foreach (var (index, (ms, body)) in entries.Index())
        {
            fold.Apply(new(index + 1, DateTimeOffset.UnixEpoch.AddMilliseconds(ms), body));
        }

        return fold.Spans(runs);
    }

    private static void AssertTree(string expected, bool runs, params (int Ms, EntryBody Body)[] entries)
    {
        var spans = Fold(runs, entries);
        var text = new StringBuilder();
        Show(null, "");
        Assert.Equal(expected.ReplaceLineEndings("\n"), text.ToString().TrimEnd('\n'));
        Assert.Equal(spans.Count, text.ToString().Count(character => character == '\n'));

        void Show(string? parent, string indent)
        {
            foreach (var span in spans.Where(span => span.ParentSpanId == parent))
            {
                var start = (span.StartedAt - DateTimeOffset.UnixEpoch).TotalMilliseconds;
                var error = span.Error is null ? "" : $": {span.Error}";
                text.Append(CultureInfo.InvariantCulture, $"{indent}{start} {span.Name} {span.DurationMs?.ToString(CultureInfo.InvariantCulture) ?? "-"} {span.Status}{error}\n");
                Show(span.SpanId, indent + "  ");
            }
        }
    }
}
