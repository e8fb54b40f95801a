namespace Belay.Agents;

/// <summary>
/// Who may still steer a running invocation. A message is either stored before the loop looks for the last time, and then the loop goes on with
/// it, or it is refused: none is acknowledged and then passed over by an invocation that ends as if it had not been said. Safe for concurrent use.
/// </summary>
public sealed class Steering
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _quiet;
    private int _storing;
    private bool _closed;

    /// <summary>Whether a message is being stored now.</summary>
    public bool Storing
    {
        get
        {
            lock (_gate)
            {
                return _storing > 0;
            }
        }
    }

    /// <summary>Begins to store a message; false when the invocation takes none any more. <see cref="Leave"/> follows when it is true.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            _storing += _closed ? 0 : 1;
            return !_closed;
        }
    }

    /// <summary>The message is stored, or could not be.</summary>
    public void Leave()
    {
        TaskCompletionSource? quiet = null;
        lock (_gate)
        {
            if (--_storing == 0)
            {
                (quiet, _quiet) = (_quiet, null);
            }
        }

        quiet?.SetResult();
    }

    /// <summary>Takes no message from now on, unless one waits to be taken: then the answer is false, and everything stays open.</summary>
    /// <param name="waits">Whether a stored message waits; asked while none is being stored.</param>
    public async Task<bool> TryCloseAsync(Func<bool> waits)
    {
        while (true)
        {
            Task quiet;
            lock (_gate)
            {
                if (_storing == 0)
                {
                    return _closed = _closed || !waits();
                }

                quiet = (_quiet ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await quiet;
        }
    }

    /// <summary>Takes no message from now on; completes when those that were being stored are.</summary>
    public async Task CloseAsync()
    {
        Task quiet;
        lock (_gate)
        {
            _closed = true;
            if (_storing == 0)
            {
                return;
            }

            quiet = (_quiet ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        await quiet;
    }
}
