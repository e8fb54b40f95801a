using Belay.Agents;
using Belay.Contracts.Faults;

namespace Belay.Sessions;

/// <content>What others than its client may do with a running invocation: hear it, steer it, cancel it.</content>
public sealed partial class SessionHost
{
    /// <summary>What the model call that runs now in a session has said; null when this server does not hold the session.</summary>
    public LiveReply? Listen(SessionKey key)
    {
        lock (_gate)
        {
            return _slots.GetValueOrDefault(key)?.Reply;
        }
    }

    /// <summary>What commands of its sessions print right now.</summary>
    public CommandOutputs Outputs => services.Outputs;

    /// <summary>Hands a message to the running invocation of a session; completes when it is stored.</summary>
    /// <exception cref="ServiceException">No invocation runs, or too many messages wait.</exception>
    public async Task SteerAsync(SessionKey key, string steerId, string text, CancellationToken cancellationToken)
    {
        var found = await FindAsync(key, cancellationToken) ?? throw NotRunning(key);
        using var hold = found.Hold;
        await found.Session.SteerAsync(steerId, text, cancellationToken);
    }

    /// <summary>Cancels the running invocation of a session, and answers with its id when its end is in the journal; the session stays as it is.</summary>
    /// <exception cref="ServiceException">No invocation runs.</exception>
    public async Task<string> CancelAsync(SessionKey key, CancellationToken cancellationToken)
    {
        var found = await FindAsync(key, cancellationToken) ?? throw NotRunning(key);
        using var hold = found.Hold;
        return await found.Session.CancelAsync(cancellationToken);
    }
}
