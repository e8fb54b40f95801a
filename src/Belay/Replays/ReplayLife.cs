using Belay.Agents;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>
/// What one server did of one invocation, as a script: it answers whatever the engine asks for with what is recorded, compares each entry
/// that the engine writes, and stops the invocation where it was stopped. The loop is one flow; the tools that it runs side by side come here
/// from others, hence the lock.
/// </summary>
/// <param name="entries">The invocation's entries.</param>
/// <param name="start">Index of the first entry of this life.</param>
/// <param name="end">Index after the last one.</param>
/// <param name="conversation">The session's conversation up to there; it goes on with each entry.</param>
/// <param name="clock">The clock of the replay.</param>
internal sealed class ReplayLife(IReadOnlyList<RecordedEntry> entries, int start, int end, Conversation conversation, ReplayClock clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ToolOutcome> _outcomes = Outcomes(entries, start, end);
    private readonly HashSet<string> _waiting = WaitingFor(entries, start, end);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StopCause? _cause = CauseOf(entries[^1].Body);
    private readonly TimeSpan _began = clock.Now;
    private readonly Queue<Steered> _unseen = [];
    private int _next = start;
    private bool _missing;
    private bool _over;
    private bool _broke;

    /// <summary>Where the engine first did something else; null when it did not.</summary>
    public Divergence? Divergence { get; private set; }

    /// <summary>What the invocation is stopped with.</summary>
    public required Action<StopCause> Fire { get; init; }

    private string Id => ((InvocationStarted)entries[0].Body).InvocationId;

    private EntryBody? Next => _next < end ? entries[_next].Body : null;

    /// <summary>Begins: passes on what stands before the engine's first entry.</summary>
    public void Begin()
    {
        StopCause? cause;
        lock (_gate)
        {
            PassOn();
            cause = Look();
        }

        FireIf(cause);
    }

    /// <summary>Ends: what is left of the recording is what the engine should have written.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            if (!_over && Divergence is null && _next < end)
            {
                Divergence = Divergence.Of(Id, entries[_next].Sequence, entries[_next], null, [], entries);
            }

            Show(int.MaxValue);
        }
    }

    /// <summary>Takes what the engine writes.</summary>
    public Task AppendAsync(IReadOnlyList<EntryBody> bodies)
    {
        StopCause? cause;
        lock (_gate)
        {
            foreach (var body in bodies)
            {
                Compare(body);
                conversation.Apply(body);
                _next++;
                PassOn();
            }

            cause = Look();
        }

        FireIf(cause);
        return Task.CompletedTask;
    }

    /// <summary>The outcome of the model call that is being made, and its iteration.</summary>
    public (ModelOutcome Outcome, int Iteration) Ask()
    {
        lock (_gate)
        {
            for (var i = _next; i < end && entries[i].Body is not ModelIntent; i++)
            {
                if (entries[i].Body is ModelOutcome outcome)
                {
                    return (outcome, conversation.Asking?.Iteration ?? 0);
                }
            }

            ThrowIfBroken();
            if (Next is not null)
            {
                throw new ModelException(ModelFailure.Refused, "No answer is recorded for this call.");
            }
        }

        End();
        throw new ReplayOverException();
    }

    /// <summary>The wait before the next attempt; null when there was none.</summary>
    public TimeSpan? NextAttempt(int attempt)
    {
        ModelOutcome outcome;
        lock (_gate)
        {
            outcome = (ModelOutcome)entries.Skip(_next).First(entry => entry.Body is ModelOutcome).Body;
            if (attempt < outcome.Attempts)
            {
                return TimeSpan.Zero;
            }

            // A call that failed and was the last thing before a stop was waiting for its next attempt.
            var after = entries.Take(end).Skip(_next + 1).Select(entry => entry.Body).Where(body => !Death.IsBeside(body)).SkipWhile(body => body is HistoryRepaired).FirstOrDefault();
            if (_cause is null || after is not InvocationEnded || outcome.FailureKind is not (ModelFailure.Throttled or ModelFailure.Unreachable or ModelFailure.Broken))
            {
                return null;
            }
        }

        Fire(_cause.Value);
        return TimeSpan.FromMilliseconds(1);
    }

    /// <summary>Whether another model took over when the call that is being made had failed.</summary>
    public bool Switches()
    {
        lock (_gate)
        {
            return entries.Take(end).Skip(_next).Select(entry => entry.Body).SkipWhile(body => body is not ModelOutcome).Skip(1).FirstOrDefault(body => !Death.IsBeside(body)) is ModelSwitched;
        }
    }

    /// <summary>The model's answer was cut off: the invocation is stopped.</summary>
    public void Stop(ModelOutcome outcome) =>
        Fire(_cause ?? (outcome.Failure == StopSignal.Describe(StopCause.ClientLeft) ? StopCause.ClientLeft : StopCause.Stopped));

    /// <summary>The outcome of a tool call, when it has ended; null when it never does.</summary>
    public async Task<ToolOutcome?> RunAsync(string toolUseId)
    {
        StopCause? cause = null;
        ToolOutcome? outcome;
        var over = false;
        lock (_gate)
        {
            if (!_outcomes.TryGetValue(toolUseId, out outcome))
            {
                // A server that died takes the results of what ran with it, and writes nothing afterwards.
                if (entries.Take(end).Skip(_next).Any(entry => entry.Body is not ToolOutcome && !Death.IsBeside(entry.Body)))
                {
                    return null;
                }

                _missing = true;
                over = Next is null;
            }
            else if (outcome.Shown != false)
            {
                return outcome;
            }
            else
            {
                _waiting.Remove(toolUseId);
                cause = Look();
            }
        }

        if (over)
        {
            End();
        }

        FireIf(cause);
        await _stopped.Task;
        return outcome;
    }

    // What is not the loop's has its place in the recording and no other meaning.
    private void PassOn()
    {
        while (Next is { } body && Death.IsBeside(body))
        {
            if (body is Steered steered)
            {
                _unseen.Enqueue(steered);
            }
            else
            {
                conversation.Apply(body);
            }

            _next++;
        }

        // A message may have been stored when the loop had already assembled its next request: the call's intent says how many it saw.
        if (_unseen.Count > 0)
        {
            Show(entries.Take(end).Skip(_next).Select(entry => entry.Body).OfType<ModelIntent>().FirstOrDefault(intent => intent.Iteration > 0)?.Steers ?? int.MaxValue);
        }
    }

    // Lets the loop see as many messages that steer it as it saw then.
    private void Show(int steers)
    {
        while (conversation.Steers.Count < steers && _unseen.TryDequeue(out var steered))
        {
            conversation.Apply(steered);
        }
    }

    private void Compare(EntryBody got)
    {
        if (_over || Divergence is not null)
        {
            throw new ReplayOverException();
        }

        var json = JournalJson.Serialize(got);
        if (_next < end && entries[_next].Json.Span.SequenceEqual(json))
        {
            return;
        }

        ThrowIfBroken();
        if (_next == end && (end < entries.Count || entries[^1].Body is not InvocationEnded))
        {
            // The server died, or the recording was made, before this was stored.
            _over = true;
            throw new ReplayOverException();
        }

        var expected = _next < end ? entries[_next] : null;
        Divergence = Divergence.Of(Id, expected?.Sequence ?? entries[^1].Sequence + 1, expected, got, json, entries);
        throw new ReplayOverException();
    }

    // A fault of ours is not in the recording, only that there was one: it strikes where nothing else is left.
    private void ThrowIfBroken()
    {
        if (Upcoming() is InvocationEnded { Why: InvocationWork.Broke, Fault: not null } && !_over && Divergence is null && !_broke)
        {
            _broke = true;
            throw new RecordedFaultException();
        }
    }

    private EntryBody? Upcoming() => Next is HistoryRepaired && _next + 1 < end ? entries[_next + 1].Body : Next;

    // Decides what the place in the recording means for the engine: a stop, an end, or nothing.
    private StopCause? Look()
    {
        if (Upcoming() is InvocationEnded ended)
        {
            clock.Now = _began + TimeSpan.FromMilliseconds(ended.LatencyMs);
            return _cause;
        }

        if (Next is ToolOutcome { Shown: false } && _waiting.Count == 0)
        {
            return _cause ?? StopCause.Stopped;
        }

        _over |= Next is null && _missing;
        return _over ? StopCause.Stopped : null;
    }

    private void End()
    {
        lock (_gate)
        {
            _over = true;
        }

        FireIf(StopCause.Stopped);
    }

    // First the stop, so that nothing of what it lets go can come before it.
    private void FireIf(StopCause? cause)
    {
        if (cause is { } fired)
        {
            Fire(fired);
            _stopped.TrySetResult();
        }
    }

    /// <summary>What stopped an invocation that has this last entry; null when nothing did.</summary>
    public static StopCause? CauseOf(EntryBody last) => last is InvocationEnded ended
        ? Enum.GetValues<StopCause>().Where(cause => StopSignal.Describe(cause) == ended.Why && StopSignal.ReasonOf(cause) == ended.StopReason).Select(cause => (StopCause?)cause).FirstOrDefault()
        : null;

    private static Dictionary<string, ToolOutcome> Outcomes(IReadOnlyList<RecordedEntry> entries, int start, int end)
    {
        var outcomes = new Dictionary<string, ToolOutcome>(StringComparer.Ordinal);
        for (var i = start; i < end; i++)
        {
            if (entries[i].Body is ToolOutcome outcome)
            {
                outcomes[outcome.Result.ToolUseId] = outcome;
            }
        }

        return outcomes;
    }

    // The calls that were running when the invocation was stopped.
    private static HashSet<string> WaitingFor(IReadOnlyList<RecordedEntry> entries, int start, int end)
    {
        var ran = new HashSet<string>(StringComparer.Ordinal);
        var waiting = new HashSet<string>(StringComparer.Ordinal);
        for (var i = start; i < end; i++)
        {
            switch (entries[i].Body)
            {
                case ToolIntent { Verdict: "run" } intent:
                    ran.Add(intent.ToolUseId);
                    break;
                case ToolOutcome { Shown: false } outcome when ran.Contains(outcome.Result.ToolUseId) && !Death.MayNotHaveBegun(outcome):
                    waiting.Add(outcome.Result.ToolUseId);
                    break;
                default:
                    break;
            }
        }

        return waiting;
    }
}
