using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;

namespace Belay.Sessions;

/// <content>What others than its client may do with the running invocation.</content>
public sealed partial class LiveSession
{
    private const int MaxSteers = 100;

    private readonly SemaphoreSlim _oneSteer = new(1, 1);

    /// <summary>
    /// Hands a message to the running invocation; completes when it is stored. The next model call takes it, and an invocation that could have ended
    /// goes on. A repeated id is acknowledged and not taken twice.
    /// </summary>
    /// <exception cref="ServiceException">No invocation runs, or too many messages wait.</exception>
    public async Task SteerAsync(string steerId, string text, CancellationToken cancellationToken)
    {
        await _oneSteer.WaitAsync(cancellationToken);
        try
        {
            if (_conversation.SteerIds.Contains(steerId))
            {
                return;
            }

            var run = Running()?.Run;
            if (run is null || !run.Steering.TryEnter())
            {
                throw NothingRuns();
            }

            try
            {
                if (_conversation.Steers.Count >= MaxSteers)
                {
                    throw new ServiceException(FaultCode.ThrottlingException, $"{MaxSteers} messages wait for the invocation already, which is the most at a time. Try again when it has taken some.");
                }

                var message = new Message(HarnessConversationRole.User, [new Block.Text(text)]);
                await _mailbox.AppendAsync([new Steered(run.Invocation.Id, steerId, message)], Durability.Synced);
            }
            finally
            {
                run.Steering.Leave();
            }
        }
        finally
        {
            _oneSteer.Release();
        }
    }

    /// <summary>Cancels the running invocation and waits until its end is in the journal; the session stays as it is. Answers with its id.</summary>
    /// <exception cref="ServiceException">No invocation runs.</exception>
    public async Task<string> CancelAsync(CancellationToken cancellationToken)
    {
        var running = Running() ?? throw NothingRuns();
        running.Run.Signal.Fire(StopCause.Cancelled);
        await running.Ended.WaitAsync(cancellationToken);
        return running.Run.Invocation.Id;
    }

    private RunningInvocation? Running()
    {
        lock (_gate)
        {
            return _running;
        }
    }

    private ServiceException NothingRuns() =>
        ServiceException.Invalid(ValidationReason.ResourceConflict, $"No invocation runs in session {Key.SessionId}. It may just have ended; invoke the session instead.");
}
