using Belay.Contracts.Invocations;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>The loop. It only sequences; the numbers are those of the invocation's path in ARCHITECTURE.md.</summary>
public sealed class AgentLoop(ModelTurn turn, ContextReduction context, ToolDispatch tools)
{
    /// <summary>Runs calls again whose first run a crash took the end of. No model is asked.</summary>
    public async Task RunAgainAsync(InvocationRun run, CancellationToken cancellationToken)
    {
        if (run.Conversation.Open is { } open && ToolStep.Again(open, run.Toolbox) is ToolStep.Run again)
        {
            await run.AppendAsync(Durability.Synced, again.Intents(run.Invocation.Id));
            await tools.RunAsync(run, again, cancellationToken);
        }
    }

    /// <summary>
    /// Runs an invocation whose messages are in the conversation, until a stop reason. Throws when it is cancelled or ends with a fault;
    /// the journal is whole up to there.
    /// </summary>
    public async Task<HarnessStopReason> RunAsync(InvocationRun run, CancellationToken cancellationToken)
    {
        // A resumed invocation begins in the middle: with the calls that its answers set free.
        var step = ToolStep.Next(run.Conversation.Open, run.Toolbox);
        await run.AppendAsync(Durability.Synced, step.Intents(run.Invocation.Id));
        while (true)
        {
            // 8. Tool calls: each has its verdict and its intent by now; outcomes in call order.
            while (step is ToolStep.Run calls)
            {
                await tools.RunAsync(run, calls, cancellationToken);
                step = ToolStep.Next(run.Conversation.Open, run.Toolbox);
                await run.AppendAsync(Durability.Synced, step.Intents(run.Invocation.Id));
            }

            if (step is ToolStep.HandOver)
            {
                return HarnessStopReason.ToolUse;
            }

            // 9. Back to 6, within the limits.
            cancellationToken.ThrowIfCancellationRequested();
            if (Budget.Exceeded(run.Invocation.Limits, run.Conversation.Iterations, run.Usage.Output) is { } limit)
            {
                return limit;
            }

            // 6. The context window.
            var steers = run.Conversation.Steers;
            var request = ContextReduction.Assemble(run, steers);

            // 7. Model call: intent, deltas out, outcome.
            var reply = await turn.RunAsync(run, request, steers.Count, cancellationToken);
            if (reply.Switched)
            {
                // The same iteration again, with the model that took over.
                continue;
            }

            if (reply.ContextTooLong)
            {
                if (!await context.ReduceAsync(run, cancellationToken))
                {
                    return HarnessStopReason.ModelContextWindowExceeded;
                }

                continue;
            }

            if (reply.Outcome.StopReason!.Value is not HarnessStopReason.ToolUse and var reason)
            {
                // The end of the invocation is synced with it, and only then does the client see the message end.
                var steered = run.Steering.Storing || run.Conversation.Steers.Count > 0;
                await run.AppendAsync(steered ? Durability.Synced : Durability.Queued, reply.Outcome);
                if (!Budget.IsAnswer(reason) || await run.Steering.TryCloseAsync(() => run.Conversation.Steers.Count > 0))
                {
                    return reason;
                }

                // Somebody has said more meanwhile: the turn goes on.
                await run.Events.StopAsync(reason, cancellationToken);
                continue;
            }

            // One synced append carries the outcome and the intents of what it asks for; only then does the client see the message end.
            step = ToolStep.Next(reply.OpenCalls(run.Invocation.Tools, run.Invocation.AllowedTools), run.Toolbox);
            await run.AppendAsync(Durability.Synced, [reply.Outcome, .. step.Intents(run.Invocation.Id)]);
            await run.Events.StopAsync(HarnessStopReason.ToolUse, cancellationToken);
        }
    }
}
