using Belay.Sandboxes;
using Belay.Sessions;

namespace Belay.Testing.Sandboxes;

/// <summary>The sandbox of a session, in memory: starts on first use, ends when told.</summary>
public sealed class InMemorySessionSandbox(InMemoryDisk disk, TimeProvider time, Func<EntryBody, Task> report, int server = 0) : ISessionSandbox
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _starting;
    private int _started;
    private int _working;

    /// <summary>The running sandbox; null when there is none.</summary>
    public InMemorySandbox? Current { get; private set; }

    /// <summary>What starting throws; null when it works.</summary>
    public SandboxException? Refusal { get; set; }

    /// <summary>Invocations and commands under way.</summary>
    public int Working => Volatile.Read(ref _working);

    public async ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        try
        {
            if (Current is { Ended.IsCompleted: false } running)
            {
                return running;
            }

            await EndAsync("crashed");

            var started = Refusal is null ? new InMemorySandbox($"sandbox-{++_started}", disk, time, server) : throw Refusal;
            await report(new SandboxStarted(started.Id, "memory", 0));
            Current = started;
            return started;
        }
        finally
        {
            Leave();
        }
    }

    public IDisposable Work()
    {
        Interlocked.Increment(ref _working);
        return new Activity(this);
    }

    public Task StopAsync(string reason, CancellationToken cancellationToken) => EndAsync(reason);

    // No semaphore, because whoever waits for one goes on on any thread: the simulator has one.
    private async Task EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task other;
            lock (_gate)
            {
                if (_starting is null)
                {
                    _starting = new(TaskCreationOptions.RunContinuationsAsynchronously);
                    return;
                }

                other = _starting.Task;
            }

            await other;
        }
    }

    private void Leave()
    {
        TaskCompletionSource? done;
        lock (_gate)
        {
            (done, _starting) = (_starting, null);
        }

        done?.SetResult();
    }

    private async Task EndAsync(string reason)
    {
        if (Current is { } current)
        {
            Current = null;
            try
            {
                await report(new SandboxEnded(current.Id, reason));
            }
            finally
            {
                current.End(reason);
            }
        }
    }

    private sealed class Activity(InMemorySessionSandbox owner) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref owner._working);
    }
}
