using System.Collections.Concurrent;

namespace Belay.Testing.Simulation;

/// <summary>Runs a task and everything that it awaits on the calling thread, in the order in which it becomes ready: chance is the seed's alone.</summary>
public sealed class OneThread : SynchronizationContext, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _ready = [];

    private OneThread()
    {
    }

    /// <summary>Runs a task to its end.</summary>
    /// <exception cref="TimeoutException">It waits for something that does not come.</exception>
    public static T Run<T>(Func<Task<T>> run)
    {
        var before = Current;
        using var thread = new OneThread();
        SetSynchronizationContext(thread);
        try
        {
            var task = run();
            while (!task.IsCompleted)
            {
                if (!thread._ready.TryTake(out var next, Patience))
                {
                    throw new TimeoutException("Everything waits, and nobody is left to go on.");
                }

                next.Callback(next.State);
            }

            return task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <inheritdoc/>
    public override void Post(SendOrPostCallback d, object? state)
    {
        try
        {
            _ready.Add((d, state));
        }
        catch (Exception exception) when (exception is ObjectDisposedException or InvalidOperationException)
        {
            // What a dead server's tasks still want, nobody waits for.
        }
    }

    /// <inheritdoc/>
    public override SynchronizationContext CreateCopy() => this;

    /// <inheritdoc/>
    public void Dispose() => _ready.Dispose();
}
