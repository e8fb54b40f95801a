using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Agents;

/// <summary>One model call: its intent, its deltas to the client as they come, quick and slow retries before the first of them, its outcome.</summary>
public sealed class ModelTurn(TimeProvider time, IdSource ids, RetryPolicy retries)
{
    /// <summary>
    /// Calls the model and streams what it says. A reply comes back to be journaled together with the intents of its calls; a call that
    /// failed or was cut off is journaled here, and throws.
    /// </summary>
    /// <param name="run">The invocation.</param>
    /// <param name="request">What the model is shown.</param>
    /// <param name="steers">How many of the messages that steer the invocation are taken with it.</param>
    /// <param name="cancellationToken">Cuts it off.</param>
    public async Task<Reply> RunAsync(InvocationRun run, ModelRequest request, int steers, CancellationToken cancellationToken)
    {
        var call = new Call(run, run.Conversation.Iterations + 1, time.GetTimestamp());
        run.Telemetry.BeginCycle(call.Iteration);
        var leftOut = ContextWindow.LeftOut(run.Conversation.Context.Count + steers, request.Messages.Count, run.Invocation.Truncation);
        await run.AppendAsync(Durability.Queued, Intent(call, request, steers, leftOut));
        for (call.Attempts = 1; ; call.Attempts++)
        {
            var fold = Fold(run);
            try
            {
                await foreach (var modelEvent in run.Telemetry.ChatAsync(run.Invocation.Model, request, cancellationToken))
                {
                    call.FirstMs ??= modelEvent is ModelEvent.Usage ? null : Elapsed(call);
                    var events = fold.Apply(modelEvent);
                    run.Live.Add(events);
                    foreach (var shown in events)
                    {
                        await run.Events.WriteAsync(shown, cancellationToken);
                    }
                }

                return await CompleteAsync(call, fold, request, cancellationToken);
            }
            catch (ModelException failure) when (Delay(failure, call, fold.Started) is { } delay)
            {
                await WaitAsync(call, fold, request, failure, delay, cancellationToken);
            }
            catch (ModelException failure) when (fold.Started && failure.Failure == ModelFailure.Malformed)
            {
                return new(Outcome(call, fold, request, HarnessStopReason.MalformedModelOutput, null, failure.Failure), ContextTooLong: false);
            }
            catch (ModelException failure) when (failure.Failure == ModelFailure.ContextTooLong)
            {
                // What the client has seen is not said again: the message ends here, and stays.
                return fold.Started
                    ? new(Outcome(call, fold, request, HarnessStopReason.ModelContextWindowExceeded, null, failure.Failure), ContextTooLong: false)
                    : await TooLongAsync(call, fold, request, failure.Message);
            }
            catch (ModelException failure)
            {
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, failure.Message, failure.Failure));
                throw Fault(call, failure);
            }
            catch (OperationCanceledException) when (run.Signal.Cause is { } cause && !run.GoesOnLater)
            {
                // What was said stays, unless nobody was there to read it.
                var failure = cause == StopCause.ClientLeft ? StopSignal.Describe(cause) : null;
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, failure));
                throw;
            }
        }
    }

    /// <summary>Asks the model for a summary, without tools and without showing the answer; the call counts into usage but is no iteration. Null when there is no
    /// summary, whatever the model did instead: the journal says why.</summary>
    public async Task<string?> AskAsync(InvocationRun run, ModelRequest request, CancellationToken cancellationToken)
    {
        var call = new Call(run, 0, time.GetTimestamp());
        await run.AppendAsync(Durability.Queued, Intent(call, request, steers: 0, leftOut: null));
        for (call.Attempts = 1; ; call.Attempts++)
        {
            var fold = Fold(run);
            try
            {
                await foreach (var modelEvent in run.Telemetry.ChatAsync(run.Invocation.Model, request, cancellationToken))
                {
                    fold.Apply(modelEvent);
                }

                ThrowIfCutOff(run, fold);
                var outcome = Outcome(call, fold, request, fold.StopReason(), null);
                await run.AppendAsync(Durability.Queued, outcome);
                return ContextWindow.SummaryOf(outcome);
            }
            catch (ModelException failure) when (Delay(failure, call, deltaSent: false) is { } delay)
            {
                await WaitAsync(call, fold, request, failure, delay, cancellationToken);
            }
            catch (ModelException failure)
            {
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, failure.Message, failure.Failure));
                return null;
            }
            catch (OperationCanceledException) when (run.Signal.Cause is { } cause && !run.GoesOnLater)
            {
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, StopSignal.Describe(cause)));
                throw;
            }
        }
    }

    // Before the next attempt. An invocation that stops here leaves the call with the outcome that it had so far.
    private async Task WaitAsync(Call call, ReplyFold fold, ModelRequest request, ModelException failure, TimeSpan delay, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(delay, time, cancellationToken);
        }
        catch (OperationCanceledException) when (!call.Run.GoesOnLater)
        {
            await call.Run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, failure.Message, failure.Failure));
            throw;
        }
    }

    private async Task<Reply> CompleteAsync(Call call, ReplyFold fold, ModelRequest request, CancellationToken cancellationToken)
    {
        ThrowIfCutOff(call.Run, fold);
        var reason = fold.StopReason();
        if (reason == HarnessStopReason.ModelContextWindowExceeded && !fold.Started)
        {
            return await TooLongAsync(call, fold, request, "The model says that the conversation is too long.");
        }

        if (!fold.Started)
        {
            await call.Run.Events.WriteAsync(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant }, cancellationToken);
        }

        return new(Outcome(call, fold, request, reason, null), ContextTooLong: false);
    }

    private async Task<Reply> TooLongAsync(Call call, ReplyFold fold, ModelRequest request, string failure)
    {
        // Iteration 0, because the same iteration is tried again with less.
        var outcome = Outcome(call, fold, request, null, failure, ModelFailure.ContextTooLong) with { Iteration = 0 };
        await call.Run.AppendAsync(Durability.Queued, outcome);
        return new(outcome, ContextTooLong: true);
    }

    private static void ThrowIfCutOff(InvocationRun run, ReplyFold fold)
    {
        if (!fold.Complete)
        {
            throw new ModelException(ModelFailure.Broken, $"{run.Invocation.Model.Provider}: the reply ended before it was complete.");
        }
    }

    private ReplyFold Fold(InvocationRun run) => new(run.Invocation.Model.Provider, run.Invocation.Model.ModelId, run.Toolbox.Find, run.Conversation.CallIds, ids);

    private TimeSpan? Delay(ModelException failure, Call call, bool deltaSent) =>
        retries.Next(failure, call.Attempts, deltaSent, call.Run.Signal.Remaining);

    private static ModelIntent Intent(Call call, ModelRequest request, int steers, int? leftOut) => new(
        call.Run.Invocation.Id, call.Iteration, call.Run.Invocation.Model.Provider, call.Run.Invocation.Model.ModelId, request.Messages.Count, steers, leftOut);

    private ModelOutcome Outcome(Call call, ReplyFold fold, ModelRequest request, HarnessStopReason? reason, string? failure, ModelFailure? kind = null)
    {
        // A call that failed before it said anything has cost nothing that we know of.
        var usage = fold.Reported ?? (failure is not null && fold.Characters == 0 ? default : Usage.Estimate(request, fold.Characters));
        return new(
            call.Run.Invocation.Id, call.Iteration, fold.Message(), reason, usage, fold.Deltas(), call.Attempts, Elapsed(call), call.FirstMs, failure, kind, fold.Ended());
    }

    private long Elapsed(Call call) => (long)time.GetElapsedTime(call.Started).TotalMilliseconds;

    private static ServiceException Fault(Call call, ModelException failure)
    {
        var message = failure.Failure == ModelFailure.Throttled
            ? $"Model throttled after {call.Attempts} attempts: {failure.Message}"
            : failure.Message;
        return new(FaultCode.RuntimeClientError, message, failure);
    }

    private sealed record Call(InvocationRun Run, int Iteration, long Started)
    {
        public int Attempts { get; set; }

        public long? FirstMs { get; set; }
    }
}
