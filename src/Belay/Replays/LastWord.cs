using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>
/// Finds deaths of which no entry speaks. A server that dies between a failure or a stop of a detached invocation and its end leaves nothing open, so
/// the next one has nothing to repair and goes on. No server does that by itself: behind a last word it writes the end that belongs to it.
/// </summary>
internal sealed class LastWord
{
    private EntryBody? _last;

    /// <summary>Takes the next entry; false when another server wrote it.</summary>
    public bool Take(EntryBody body)
    {
        if (Death.IsBeside(body))
        {
            return true;
        }

        var same = _last switch
        {
            ModelOutcome outcome => MayFollow(outcome, body),
            ToolOutcome => body is ToolOutcome or HistoryRepaired || (body is InvocationEnded ended && (IsStop(ended) || ended.Fault is not null)),
            _ => true,
        };

        // Behind an answer no server goes on unless somebody had said more, and then every server does the same.
        _last = body is ModelOutcome { Iteration: 0 } or ModelOutcome { StopReason: null } or ToolOutcome { Shown: false } ? body : null;
        return same;
    }

    private static bool MayFollow(ModelOutcome outcome, EntryBody body) => body switch
    {
        ModelIntent { Iteration: 0 } or ContextReduced or ToolIntent => true,
        ModelIntent => false,
        InvocationEnded ended => ended.Why == InvocationWork.Broke || Belongs(outcome, ended),
        _ => true,
    };

    private static bool Belongs(ModelOutcome outcome, InvocationEnded ended)
    {
        // A call whose context was too long, or that summarised it, may leave nothing that could be made shorter.
        if (outcome.Iteration == 0 && ended.StopReason == HarnessStopReason.ModelContextWindowExceeded)
        {
            return true;
        }

        var mayStop = ReplayReply.IsCutOff(outcome) || outcome.FailureKind is ModelFailure.Throttled or ModelFailure.Unreachable or ModelFailure.Broken;
        return (mayStop && IsStop(ended)) || (outcome.FailureKind is not null && ended.Fault is not null);
    }

    private static bool IsStop(InvocationEnded ended) => ReplayLife.CauseOf(ended) is not null;
}
