using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Tools;

namespace Belay.Sessions;

/// <summary>What a session's journal needs after a server died in the middle of something. Pure; the rule is decision 0015.</summary>
public static class SessionRepair
{
    /// <summary>Why an entry was written after a crash.</summary>
    internal const string Reason = "The server ended before this was finished.";

    /// <summary>Whether an end was written after a crash, long after the invocation itself had ended.</summary>
    public static bool IsRepair(InvocationEnded ended) => ended is { Why: Reason, LatencyMs: 0 };

    /// <summary>The ends of what ran in the dead server and cannot go on: its sandbox, its commands, its model call; and of an invocation of which
    /// nothing but the end was missing, because the model had answered or the caller was waited for.</summary>
    /// <param name="conversation">The fold of the journal.</param>
    /// <param name="asking">Sequence of the newest model intent.</param>
    public static IReadOnlyList<EntryBody> Over(Conversation conversation, long asking)
    {
        var entries = new List<EntryBody>();
        if (conversation.SandboxId is { } sandbox)
        {
            entries.Add(new SandboxEnded(sandbox, "serverRestarted"));
        }

        entries.AddRange(conversation.Commands.Select(command => new CommandOutcome(command, -1, "FAILED", 0, 0)));
        if (conversation.Asking is { } call)
        {
            entries.Add(new ModelVoided(call.InvocationId, asking));
        }

        if (conversation.Unfinished is { } invocation && (conversation.Open is { Paused: true } ? HarnessStopReason.ToolUse : conversation.Answered) is { } reason)
        {
            entries.Add(new InvocationEnded(invocation.InvocationId, reason, Reason, conversation.Usage, conversation.Iterations, 0, null));
        }

        return entries;
    }

    /// <summary>The answers of calls that were running and may not be run again.</summary>
    public static IReadOnlyList<EntryBody> MaybeDone(Conversation conversation, InvocationStarted invocation, Func<Block.ToolUse, ToolRecovery> recoveryOf) =>
        conversation.Open is not { } open
            ? []
            :
            [
                .. open.Unanswered
                    .Where(call => open.Begun.Contains(call.Id) && recoveryOf(call) == ToolRecovery.Unknown)
                    .Select(EntryBody (call) => new ToolOutcome(invocation.InvocationId, History.Error(call.Id, History.MaybeDone), 0, call.Name)),
            ];

    /// <summary>The end of an invocation that nobody reads any more, with answers for its calls that never began.</summary>
    public static IReadOnlyList<EntryBody> Interrupted(Conversation conversation, InvocationStarted invocation) =>
        [.. Unanswered(conversation), new InvocationEnded(invocation.InvocationId, HarnessStopReason.Interrupted, Reason, conversation.Usage, conversation.Iterations, 0, null)];

    /// <summary>The end of an invocation that cannot go on here.</summary>
    public static IReadOnlyList<EntryBody> Failed(Conversation conversation, InvocationStarted invocation, ServiceException fault) =>
        [.. Unanswered(conversation), new InvocationEnded(invocation.InvocationId, null, fault.Message, conversation.Usage, conversation.Iterations, 0, fault.Code.ToString())];

    private static IReadOnlyList<EntryBody> Unanswered(Conversation conversation) =>
        conversation.Open is { } open ? [History.Repair(open, History.Interrupted, Reason)] : [];
}
