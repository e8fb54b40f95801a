using Belay.Contracts.Faults;

namespace Belay.Sessions;

/// <content>How a session comes to be that goes on with another one.</content>
public sealed partial class SessionHost
{
    /// <summary>
    /// Makes a session that does not exist yet: nobody else can take it until it has begun. Whoever calls it meanwhile waits.
    /// </summary>
    /// <param name="key">The session.</param>
    /// <param name="beginAsync">Appends its first entries.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServiceException">It exists already, or is just being made.</exception>
    public async Task BeginAsync(SessionKey key, Func<SessionJournal, CancellationToken, Task> beginAsync, CancellationToken cancellationToken)
    {
        // Looked up before it is taken, so that nobody who uses it is kept waiting.
        if (await journal.FindAsync(key, cancellationToken) is { LastSequence: > 0 })
        {
            throw Exists(key);
        }

        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_draining)
            {
                throw ShuttingDown();
            }

            if (!_slots.TryAdd(key, new(key) { Opening = NeverAsync(over.Task), Closing = over.Task }))
            {
                throw Exists(key);
            }
        }

        try
        {
            await using var opened = await SessionJournal.OpenAsync(journal, sealer, services.Time, key, owner, cancellationToken);
            if (opened.LastSequence > 0)
            {
                throw Exists(key);
            }

            await beginAsync(opened, cancellationToken);
        }
        catch (SessionOwnedElsewhereException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, $"Session {key.SessionId} is held by another server.", exception);
        }
        finally
        {
            lock (_gate)
            {
                _slots.Remove(key);
            }

            over.SetResult();
        }
    }

    /// <summary>Waits until the files of a session's last invocation are saved, where this server holds the session.</summary>
    public async Task SavedAsync(SessionKey key, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_slots.ContainsKey(key))
            {
                return;
            }
        }

        if (await FindAsync(key, cancellationToken) is { } found)
        {
            using var hold = found.Hold;
            await found.Session.SavedAsync(cancellationToken);
        }
    }

    private static async Task<LiveSession> NeverAsync(Task over)
    {
        await over;
        throw new OperationCanceledException();
    }

    private static ServiceException Exists(SessionKey key) =>
        new(FaultCode.ConflictException, $"Harness {key.HarnessId} has a session {key.SessionId} already. Choose another id.");

    private static ServiceException ShuttingDown() => new(FaultCode.RuntimeClientError, "The server is shutting down.");
}
