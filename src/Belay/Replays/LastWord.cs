using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>
/// Finds deaths of which no entry speaks. A server that dies between the last word of a detached invocation and its end leaves nothing open, so the
/// next one has nothing to repair and asks the model again. No server does that by itself: behind a last word it writes the end that belongs to it.
/// </summary>
/// <param name="waiting">Messages that steer the invocation and wait to be taken.</param>
internal sealed class LastWord(int waiting)
{
    private EntryBody? _last;
    private int _waiting = waiting;

    /// <summary>Takes the next entry; false when another server wrote it.</summary>
    public bool Take(EntryBody body)
    {
        if (Death.IsBeside(body))
        {
            _waiting += body is Steered ? 1 : 0;
            return true;
        }

        var same = _last switch
        {
            ModelOutcome outcome => MayFollow(outcome, body),
            ToolOutcome => body is ToolOutcome or HistoryRepaired || (body is InvocationEnded ended && (IsStop(ended) || ended.Fault is not null)),
            _ => true,
        };
        _waiting -= body is ModelIntent intent ? intent.Steers : 0;
        _last = body is ModelOutcome or ToolOutcome { Shown: false } ? body : null;
        return same;
    }

    private bool MayFollow(ModelOutcome outcome, EntryBody body) => body switch
    {
        ModelIntent { Iteration: 0 } or ContextReduced or ToolIntent => true,
        ModelIntent intent => GoesOn(outcome) && intent.Steers > 0,
        InvocationEnded ended => ended.Why == InvocationWork.Broke || GoesOn(outcome) || Belongs(outcome, ended),
        _ => true,
    };

    // An answer to which somebody had said more.
    private bool GoesOn(ModelOutcome outcome) => outcome is { Iteration: > 0, StopReason: { } reason } && Budget.IsAnswer(reason) && _waiting > 0;

    private static bool Belongs(ModelOutcome outcome, InvocationEnded ended)
    {
        if (outcome is { Iteration: > 0, StopReason: { } reason })
        {
            return ended.StopReason == reason && !IsStop(ended);
        }

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
