using System.Diagnostics.CodeAnalysis;
using Belay.Contracts.Invocations;

namespace Belay.Sessions;

/// <summary>
/// The reading end of an invocation. Whoever holds it disposes it; leaving before the end cancels the invocation, unless it is detached,
/// and waits until the session is free.
/// </summary>
public sealed class AcceptedInvocation : IAsyncDisposable
{
    private readonly RunningInvocation _running;

    internal AcceptedInvocation(RunningInvocation running) => _running = running;

    /// <summary>Id of the invocation.</summary>
    public string InvocationId => _running.Run.Invocation.Id;

    /// <summary>Completes when the invocation is over and its end is in the journal, whether anybody reads or not.</summary>
    public Task Ended => _running.Ended;

    /// <summary>The events, to be read once. A fault after the start is thrown as <see cref="Contracts.Faults.ServiceException"/>.</summary>
    public IAsyncEnumerable<InvocationEvent> ReadAsync(CancellationToken cancellationToken) => _running.Events.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Waits until an event is there; false when there will be none. A fault after the start is thrown like by <see cref="ReadAsync"/>.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _running.Events.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes an event that is there.</summary>
    public bool TryRead([NotNullWhen(true)] out InvocationEvent? item) => _running.Events.Reader.TryRead(out item);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _running.Leave();
        if (!_running.Run.Invocation.Detached)
        {
            await _running.Work;
        }
    }
}
