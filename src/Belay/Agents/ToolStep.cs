using Belay.Sessions;
using Belay.Tools;

namespace Belay.Agents;

/// <summary>What is to be done next about open calls. The set is closed.</summary>
public abstract record ToolStep
{
    private ToolStep()
    {
    }

    /// <summary>What is journaled before the step is taken.</summary>
    public abstract IReadOnlyList<EntryBody> Intents(string invocationId);

    /// <summary>Nothing: no call is open.</summary>
    public sealed record Nothing : ToolStep
    {
        /// <inheritdoc/>
        public override IReadOnlyList<EntryBody> Intents(string invocationId) => [];
    }

    /// <summary>Run these calls, side by side; a denied one only gets its answer.</summary>
    public sealed record Run(IReadOnlyList<(Block.ToolUse Call, ToolVerdict Verdict)> Calls) : ToolStep
    {
        /// <inheritdoc/>
        public override IReadOnlyList<EntryBody> Intents(string invocationId) =>
            [.. Calls.Select(item => Intent(invocationId, item.Call, (item.Verdict as ToolVerdict.Run)?.Tool.Spec.Server, item.Verdict is ToolVerdict.Run ? "run" : "deny"))];
    }

    /// <summary>Hand these calls to the caller: the invocation pauses.</summary>
    public sealed record HandOver(IReadOnlyList<Block.ToolUse> Calls) : ToolStep
    {
        /// <inheritdoc/>
        public override IReadOnlyList<EntryBody> Intents(string invocationId) =>
        [
            .. Calls.Select(call => Intent(invocationId, call, call.Name, "handToClient")),
            new InvocationPaused(invocationId, [.. Calls.Select(call => call.Id)]),
        ];
    }

    /// <summary>
    /// The next step for open calls: those before the first inline call run; inline calls next to each other are handed over together;
    /// what stands behind them waits for the caller's answers.
    /// </summary>
    public static ToolStep Next(OpenCalls? open, Toolbox toolbox)
    {
        var run = new List<(Block.ToolUse Call, ToolVerdict Verdict)>();
        var inline = new List<Block.ToolUse>();
        foreach (var call in open?.Unanswered ?? [])
        {
            var verdict = toolbox.Judge(call);
            if (verdict is not ToolVerdict.HandToClient)
            {
                if (inline.Count > 0)
                {
                    break;
                }

                run.Add((call, verdict));
            }
            else if (run.Count > 0)
            {
                break;
            }
            else
            {
                inline.Add(call);
            }
        }

        return run.Count > 0 ? new Run(run) : inline.Count > 0 ? new HandOver(inline) : new Nothing();
    }

    /// <summary>The open calls whose run has begun before.</summary>
    public static ToolStep Again(OpenCalls open, Toolbox toolbox)
    {
        var calls = open.Unanswered.Where(call => open.Begun.Contains(call.Id)).Select(call => (call, toolbox.Judge(call))).ToList();
        return calls.Count > 0 ? new Run(calls) : new Nothing();
    }

    private static ToolIntent Intent(string invocationId, Block.ToolUse call, string? server, string verdict) =>
        new(invocationId, call.Id, call.Name, server ?? string.Empty, call.Input, verdict);
}
