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

    /// <summary>Whether an entry is the end that a server wrote because it could not go on, and not one that the loop came to.</summary>
    public static bool IsRefusal(EntryBody body) => body is InvocationEnded { LatencyMs: 0, Fault: not null };

    /// <summary>Index of the first entry after what one server did of an invocation.</summary>
    public static int Find(IReadOnlyList<RecordedEntry> entries, int start)
    {
        var begun = new HashSet<string>(StringComparer.Ordinal);
        var last = entries[0].Body is InvocationStarted { Detached: true } ? new LastWord() : null;
        for (var i = start; i < entries.Count; i++)
        {
            var body = entries[i].Body;
            if (IsRepair(body) || IsRefusal(body) || (body is ToolIntent intent && !begun.Add(intent.ToolUseId)) || last?.Take(body) == false)
            {
                return i;
            }
        }

        return entries.Count;
    }

    /// <summary>Whether a call may have waited for its turn when its invocation was stopped: its outcome is that of one that was stopped at once.</summary>
    public static bool MayNotHaveBegun(ToolOutcome outcome) =>
        outcome is { DurationMs: 0, Result: { Status: HarnessToolUseStatus.Error, Content: [ToolContent.Text { Value: History.Cancelled }] } };
}
