using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Models;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Agents;

/// <summary>
/// One model call: its intent, its deltas to the client as they come, quick and slow retries before the first of them, its outcome, and
/// the model that takes over when all of that was in vain.
/// </summary>
public sealed class ModelTurn(TimeProvider time, IdSource ids, RetryPolicy retries, CircuitBreakers circuits)
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
        using var call = Begin(run, run.Conversation.Iterations + 1);
        request = request with { Circuit = call.Circuit };
        run.Telemetry.BeginCycle(call.Iteration);
        var leftOut = ContextWindow.LeftOut(run.Conversation.Context.Count + steers, History.CountOf(request.Messages), run.Invocation.Truncation);
        await run.AppendAsync(Durability.Queued, Intent(call, request, steers, leftOut));
        for (call.Attempts = 1; ; call.Attempts++)
        {
            var fold = Fold(call);
            try
            {
                await foreach (var modelEvent in run.Telemetry.ChatAsync(call.Model, request, cancellationToken))
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
                call.Circuit.End(failure);
                return new(Outcome(call, fold, request, HarnessStopReason.MalformedModelOutput, null, failure.Failure), ContextTooLong: false);
            }
            catch (ModelException failure) when (failure.Failure == ModelFailure.ContextTooLong)
            {
                // What the client has seen is not said again: the message ends here, and stays.
                call.Circuit.End(failure);
                return fold.Started
                    ? new(Outcome(call, fold, request, HarnessStopReason.ModelContextWindowExceeded, null, failure.Failure), ContextTooLong: false)
                    : await TooLongAsync(call, fold, request, failure.Message);
            }
            catch (ModelException failure) when (Next(call, failure, fold.Started) is { } next)
            {
                return await SwitchAsync(call, fold, request, failure, next);
            }
            catch (ModelException failure)
            {
                call.Circuit.End(failure);
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
        while (true)
        {
            var (text, switched) = await AskOnceAsync(run, request with { Parameters = run.Model.Parameters }, cancellationToken);
            if (!switched)
            {
                return text;
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task<(string? Text, bool Switched)> AskOnceAsync(InvocationRun run, ModelRequest request, CancellationToken cancellationToken)
    {
        using var call = Begin(run, iteration: 0);
        request = request with { Circuit = call.Circuit };
        await run.AppendAsync(Durability.Queued, Intent(call, request, steers: 0, leftOut: null));
        for (call.Attempts = 1; ; call.Attempts++)
        {
            var fold = Fold(call);
            try
            {
                await foreach (var modelEvent in run.Telemetry.ChatAsync(call.Model, request, cancellationToken))
                {
                    fold.Apply(modelEvent);
                }

                ThrowIfCutOff(call, fold);
                call.Circuit.End();
                var outcome = Outcome(call, fold, request, fold.StopReason(), null);
                await run.AppendAsync(Durability.Queued, outcome);
                return (ContextWindow.SummaryOf(outcome), Switched: false);
            }
            catch (ModelException failure) when (Delay(failure, call, deltaSent: false) is { } delay)
            {
                await WaitAsync(call, fold, request, failure, delay, cancellationToken);
            }
            catch (ModelException failure) when (Next(call, failure, deltaSent: false) is { } next)
            {
                await SwitchAsync(call, fold, request, failure, next);
                return (null, Switched: true);
            }
            catch (ModelException failure)
            {
                call.Circuit.End(failure);
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, failure.Message, failure.Failure));
                return (null, Switched: false);
            }
            catch (OperationCanceledException) when (run.Signal.Cause is { } cause && !run.GoesOnLater)
            {
                await run.AppendAsync(Durability.Queued, Outcome(call, fold, request, null, StopSignal.Describe(cause)));
                throw;
            }
        }
    }

    // The failure and the switch are one append: whoever goes on after a crash goes on with the model that took over. Iteration 0, because
    // the same iteration is tried again.
    private async Task<Reply> SwitchAsync(Call call, ReplyFold fold, ModelRequest request, ModelException failure, ResolvedModel next)
    {
        call.Circuit.End(failure);
        var run = call.Run;
        var outcome = Outcome(call, fold, request, null, failure.Message, failure.Failure) with { Iteration = 0 };
        var switched = new ModelSwitched(
            run.Invocation.Id, run.Conversation.Fallback + 1, call.Model.Provider, call.Model.ModelId, next.Model.Provider, next.Model.ModelId, failure.Failure, failure.Message);
        await run.AppendAsync(Durability.Queued, outcome, switched);
        run.Telemetry.Switched(switched);
        return new(outcome, ContextTooLong: false, Switched: true);
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
        ThrowIfCutOff(call, fold);
        call.Circuit.End();
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
        call.Circuit.End();
        var outcome = Outcome(call, fold, request, null, failure, ModelFailure.ContextTooLong) with { Iteration = 0 };
        await call.Run.AppendAsync(Durability.Queued, outcome);
        return new(outcome, ContextTooLong: true);
    }

    private static void ThrowIfCutOff(Call call, ReplyFold fold)
    {
        if (!fold.Complete)
        {
            throw new ModelException(ModelFailure.Broken, $"{call.Model.Provider}: the reply ended before it was complete.");
        }
    }

    private Call Begin(InvocationRun run, int iteration)
    {
        var model = run.Model.Model;
        return new(run, model, iteration, time.GetTimestamp(), circuits.Begin(HarnessArn.TryParse(run.Invocation.Harness.Arn)?.Scope.Account ?? "", model));
    }

    private ReplyFold Fold(Call call) => new(call.Model.Provider, call.Model.ModelId, call.Run.Toolbox.Find, call.Run.Conversation.CallIds, ids);

    // A probe is one attempt: who waits for a provider that is probably dead should not wait for six.
    private TimeSpan? Delay(ModelException failure, Call call, bool deltaSent) =>
        call.Circuit.IsProbe ? null : retries.Next(failure, call.Attempts, deltaSent, call.Run.Signal.Remaining);

    private ResolvedModel? Next(Call call, ModelException failure, bool deltaSent) =>
        call.Run.NextModel is { } next && retries.Switches(failure, deltaSent) ? next : null;

    private static ModelIntent Intent(Call call, ModelRequest request, int steers, int? leftOut) => new(
        call.Run.Invocation.Id, call.Iteration, call.Model.Provider, call.Model.ModelId, request.Messages.Count, steers, leftOut);

    private ModelOutcome Outcome(Call call, ReplyFold fold, ModelRequest request, HarnessStopReason? reason, string? failure, ModelFailure? kind = null)
    {
        // A call that failed before it said anything has cost nothing that we know of.
        var usage = fold.Reported ?? (failure is not null && fold.Characters == 0 ? default : Usage.Estimate(request, fold.Characters));
        var attempts = kind == ModelFailure.CircuitOpen ? 0 : call.Attempts;
        return new(
            call.Run.Invocation.Id, call.Iteration, fold.Message(), reason, usage, fold.Deltas(), attempts, Elapsed(call), call.FirstMs, failure, kind, fold.Ended());
    }

    private long Elapsed(Call call) => (long)time.GetElapsedTime(call.Started).TotalMilliseconds;

    private static ServiceException Fault(Call call, ModelException failure)
    {
        var message = failure.Failure == ModelFailure.Throttled
            ? $"Model throttled after {call.Attempts} attempt{(call.Attempts == 1 ? "" : "s")}: {failure.Message}"
            : failure.Message;
        return new(FaultCode.RuntimeClientError, message, failure);
    }

    private sealed record Call(InvocationRun Run, IModel Model, int Iteration, long Started, CircuitCall Circuit) : IDisposable
    {
        public int Attempts { get; set; }

        public long? FirstMs { get; set; }

        public void Dispose() => Circuit.Dispose();
    }
}
