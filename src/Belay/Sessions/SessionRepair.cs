using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;

namespace Belay.Sessions;

/// <summary>What a session's journal needs after a server died in the middle of something. Pure.</summary>
public static class SessionRepair
{
    /// <summary>Why an entry was written after a crash.</summary>
    internal const string Reason = "The server ended before this was finished.";

    /// <summary>Whether an end was written after a crash, long after the invocation itself had ended.</summary>
    public static bool IsRepair(InvocationEnded ended) => ended is { Why: Reason, LatencyMs: 0 };

    /// <summary>The entries that make the journal whole: everything that began has an end, every call has a result or waits for the caller.</summary>
    public static IReadOnlyList<EntryBody> Of(Conversation conversation)
    {
        var entries = new List<EntryBody>();
        if (conversation.SandboxId is { } sandbox)
        {
            entries.Add(new SandboxEnded(sandbox, "serverRestarted"));
        }

        entries.AddRange(conversation.Commands.Select(command => new CommandOutcome(command, -1, "FAILED", 0, 0)));
        var paused = conversation.Open is { Paused: true };
        if (conversation.Open is { } open && !paused)
        {
            entries.Add(History.Repair(open, History.Interrupted, Reason));
        }

        if (conversation.Unfinished is { InvocationId: var invocation })
        {
            entries.Add(paused
                ? new InvocationEnded(invocation, HarnessStopReason.ToolUse, Reason, conversation.Usage, conversation.Iterations, 0, null)
                : new InvocationEnded(invocation, null, Reason, conversation.Usage, conversation.Iterations, 0, nameof(FaultCode.InternalServerException)));
        }

        return entries;
    }
}
