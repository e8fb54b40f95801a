using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>Where a server died in the middle of an invocation, read from what the next one wrote about it. Pure.</summary>
internal static class Death
{
    /// <summary>Whether an entry is not the loop's: something beside it wrote it, at whatever place it came to.</summary>
    public static bool IsBeside(EntryBody body) => body is SandboxStarted or SandboxEnded or CommandIntent or CommandOutcome or Steered or WorkspaceSaved;

    /// <summary>Whether an entry was written by a server that took the session after a crash.</summary>
    public static bool IsRepair(EntryBody body) => body switch
    {
        SandboxEnded { Reason: "serverRestarted" } or ModelVoided => true,
        HistoryRepaired { Reason: SessionRepair.Reason } => true,
        ToolOutcome { Result.Content: [ToolContent.Text { Value: History.MaybeDone }] } => true,
        InvocationEnded ended => SessionRepair.IsRepair(ended),
        _ => false,
    };

    /// <summary>Index of the first entry after what one server did of an invocation.</summary>
    public static int Find(IReadOnlyList<RecordedEntry> entries, int start)
    {
        var running = new HashSet<string>(StringComparer.Ordinal);
        for (var i = start; i < entries.Count; i++)
        {
            switch (entries[i].Body)
            {
                case var body when IsRepair(body):
                case InvocationEnded { LatencyMs: 0, Fault: not null }:
                    // It could not go on, or it took no time: then nothing is left to compare but this.
                    return i;
                case ToolIntent { Verdict: "run" } again when !running.Add(again.ToolUseId):
                    return i;
                case ToolOutcome outcome:
                    running.Remove(outcome.Result.ToolUseId);
                    break;
                default:
                    break;
            }
        }

        return entries.Count;
    }

    /// <summary>Whether a call may have waited for its turn when its invocation was stopped: its outcome is that of one that was stopped at once.</summary>
    public static bool MayNotHaveBegun(ToolOutcome outcome) =>
        outcome is { DurationMs: 0, Result: { Status: HarnessToolUseStatus.Error, Content: [ToolContent.Text { Value: History.Cancelled }] } };
}
