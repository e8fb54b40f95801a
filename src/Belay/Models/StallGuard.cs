namespace Belay.Models;

/// <summary>
/// Watches a reply for silence: a wait for bytes that takes longer than the limit is cancelled, and whoever waited learns
/// whether the caller left or the provider fell silent. It counts bytes, not events, because a provider that is thinking keeps
/// its connection alive with comments.
/// </summary>
internal sealed class StallGuard : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;

    /// <summary>Begins to watch.</summary>
    public StallGuard(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        _limit = limit;
        _caller = cancellationToken;
        _source = new CancellationTokenSource(limit, time);
        _registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    /// <summary>Fires when the caller leaves or the provider is silent for too long.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Something arrived: the limit begins anew.</summary>
    public void Rearm() => _source.CancelAfter(_limit);

    /// <summary>The consumer is busy with what arrived; silence does not count until <see cref="Rearm"/>.</summary>
    public void Pause() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>What a cancelled wait means: throws for a caller who left, else answers with the failure.</summary>
    public ModelException Stalled(string provider, Exception cause)
    {
        _caller.ThrowIfCancellationRequested();
        return new ModelException(ModelFailure.Broken, $"{provider}: sent nothing for {_limit.TotalSeconds:0} s", cause: cause);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
