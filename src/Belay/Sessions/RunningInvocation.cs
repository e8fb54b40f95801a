using System.Threading.Channels;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Sessions;

/// <summary>An invocation between its acceptance and its end.</summary>
internal sealed class RunningInvocation(InvocationRun run, Channel<InvocationEvent> events)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public InvocationRun Run { get; } = run;

    public Channel<InvocationEvent> Events { get; } = events;

    /// <summary>What runs it; never fails.</summary>
    public Task Work { get; set; } = Task.CompletedTask;

    /// <summary>Completes when its end is in the journal, or cannot be written.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The session is free again.</summary>
    public void End() => _ended.TrySetResult();

    /// <summary>The reader is gone: nothing waits for it any more.</summary>
    public void Leave()
    {
        if (!Run.Invocation.Detached)
        {
            Abandon();
            return;
        }

        Detach();
    }

    /// <summary>It ends, and nobody reads it.</summary>
    public void Abandon()
    {
        if (!Ended.IsCompleted)
        {
            Run.Signal.Fire(StopCause.ClientLeft);
        }

        Detach();
    }

    private void Detach()
    {
        Run.Events.Detach();

        // Sets a writer free that waits for room.
        while (Events.Reader.TryRead(out _))
        {
        }
    }
}
