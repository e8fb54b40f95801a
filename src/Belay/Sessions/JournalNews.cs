using Belay.Storage;

namespace Belay.Sessions;

/// <summary>
/// Who waits for the next entry of what. A store holds one and tells it what can be read; while nobody waits, that is one look at a number.
/// It holds one small object for each waiting call and nothing else.
/// </summary>
public sealed class JournalNews
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Scope Scope, SessionKey? Session), LinkedList<TaskCompletionSource>> _waiting = [];
    private int _count;

    /// <summary>Calls that wait.</summary>
    public int Waiting => Volatile.Read(ref _count);

    /// <summary>Completes with the next <see cref="Tell"/> about the session, or about any of the scope. Whoever reads after this call
    /// and awaits its task then misses nothing.</summary>
    public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var key = (scope, session);
        lock (_gate)
        {
            if (!_waiting.TryGetValue(key, out var waiters))
            {
                _waiting.Add(key, waiters = new());
            }

            waiters.AddLast(source);
        }

        // A full fence: the number is seen by whoever stores after the caller's read, or the read sees what was stored.
        Interlocked.Increment(ref _count);
        return WaitAsync(key, source, cancellationToken);
    }

    /// <summary>Entries of a session can be read that could not before.</summary>
    public void Tell(SessionKey session)
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        Wake((session.Scope, session));
        Wake((session.Scope, null));
    }

    private void Wake((Scope, SessionKey?) key)
    {
        LinkedList<TaskCompletionSource>? waiters;
        lock (_gate)
        {
            if (!_waiting.Remove(key, out waiters))
            {
                return;
            }
        }

        foreach (var waiter in waiters)
        {
            waiter.TrySetResult();
        }
    }

    private async Task WaitAsync((Scope, SessionKey?) key, TaskCompletionSource source, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(
            _ =>
            {
                if (source.TrySetCanceled(cancellationToken))
                {
                    Forget(key, source);
                }
            },
            null);
        try
        {
            await source.Task;
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }

    private void Forget((Scope, SessionKey?) key, TaskCompletionSource source)
    {
        lock (_gate)
        {
            if (_waiting.TryGetValue(key, out var waiters) && waiters.Remove(source) && waiters.Count == 0)
            {
                _waiting.Remove(key);
            }
        }
    }
}
