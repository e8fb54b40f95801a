using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Tools;

namespace Belay.Sessions;

/// <content>What is done about an invocation that a crash cut off: decision 0015.</content>
public sealed partial class LiveSession
{
    private DateTimeOffset _startedAt;

    /// <summary>
    /// Settles an invocation that a server left unfinished when it died or was stopped. A detached one goes on by itself, and an attached one has
    /// ended when this completes. Does nothing when there is none.
    /// </summary>
    /// <param name="hold">Keeps the session in use; what it answers is disposed when a detached invocation is over.</param>
    /// <param name="cancellationToken">Ends the waiting for tools that run again.</param>
    public async Task RecoverAsync(Func<IDisposable> hold, CancellationToken cancellationToken)
    {
        if (_conversation.Unfinished is not { } started)
        {
            return;
        }

        RestoredInvocation restored;
        try
        {
            restored = await _services.RestoreAsync(Key, started, cancellationToken);
        }
        catch (ServiceException fault)
        {
            await _mailbox.AppendAsync(SessionRepair.Failed(_conversation, started, fault), Durability.Synced);
            return;
        }

        var invocation = restored.Invocation;
        var toolbox = Toolbox.For(_services.BuiltIns, invocation.Tools, invocation.AllowedTools, _conversation.Offloads(invocation.OffloadAbove));
        var settled = SessionRepair.MaybeDone(
            _conversation, started, call => restored.Recovery.TryGetValue(call.Name, out var recovery) ? recovery : toolbox.RecoveryOf(call));
        if (settled.Count > 0)
        {
            await _mailbox.AppendAsync(settled, Durability.Queued);
        }

        if (invocation.Detached)
        {
            Reserve(invocation.Harness);
            var running = Start(invocation, Already());
            running.Run.Events.Detach();
            running.Work = new InvocationWork(_services, Key, _sandbox, running).RunAsync(Free, hold());
            return;
        }

        if (_conversation.Open is { } open && open.Unanswered.Any(call => open.Begun.Contains(call.Id)))
        {
            await RunAgainAsync(invocation, cancellationToken);
        }

        await _mailbox.AppendAsync(SessionRepair.Interrupted(_conversation, started), Durability.Synced);
    }

    // The wall clock may have been set back; time that was used is never negative.
    private TimeSpan Already() => _services.Time.GetUtcNow() - _startedAt is var gone && gone > TimeSpan.Zero ? gone : TimeSpan.Zero;

    // Nobody reads, and nothing else of the session has begun: whoever asks for it waits for this.
    private async Task RunAgainAsync(Invocation invocation, CancellationToken cancellationToken)
    {
        Reserve(invocation.Harness);
        try
        {
            var run = Start(invocation, Already()).Run;
            run.Events.Detach();
            using var signal = run.Signal;
            using var work = _sandbox.Work();
            using var leave = cancellationToken.Register(() => signal.Fire(StopCause.Stopped));
            try
            {
                await _services.Loop.RunAgainAsync(run, signal.Token);
            }
            catch (OperationCanceledException) when (signal.Cause is not null)
            {
                // What did not end in time is answered as interrupted.
            }
        }
        finally
        {
            Free();
        }
    }
}
