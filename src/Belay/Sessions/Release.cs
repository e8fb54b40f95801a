namespace Belay.Sessions;

/// <summary>Gives back what was taken, once, however often it is disposed.</summary>
internal sealed class Release(Action action) : IDisposable
{
    private Action? _action = action;

    public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
}
