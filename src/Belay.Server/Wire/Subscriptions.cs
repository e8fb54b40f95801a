using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>The streams that follow something and would go on for ever: how many an account may have, and the word that they must end.</summary>
public sealed class Subscriptions(int mostPerAccount = Subscriptions.DefaultMost) : IDisposable
{
    /// <summary>Streams of one account at a time.</summary>
    public const int DefaultMost = 100;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _open = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _closing = new();

    /// <summary>Cancelled when streams must end: each sends what there is, and then nothing more.</summary>
    public CancellationToken Closing => _closing.Token;

    /// <summary>Streams that are open.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _open.Values.Sum();
            }
        }
    }

    /// <summary>Counts a stream until it is disposed of.</summary>
    /// <exception cref="ServiceException">429: the account has too many.</exception>
    public IDisposable Enter(string account)
    {
        lock (_gate)
        {
            var open = _open.GetValueOrDefault(account);
            if (open >= mostPerAccount)
            {
                throw new ServiceException(FaultCode.ThrottlingException, $"{open} streams of this account are open, which is the most at a time. Close one.");
            }

            _open[account] = open + 1;
        }

        return new Entered(this, account);
    }

    /// <summary>Ends every stream, and those that begin from now on as soon as they have sent what there is.</summary>
    public Task CloseAsync() => _closing.CancelAsync();

    /// <inheritdoc/>
    public void Dispose() => _closing.Dispose();

    private void Leave(string account)
    {
        lock (_gate)
        {
            if (--_open[account] == 0)
            {
                _open.Remove(account);
            }
        }
    }

    private sealed class Entered(Subscriptions subscriptions, string account) : IDisposable
    {
        private Subscriptions? _subscriptions = subscriptions;

        public void Dispose() => Interlocked.Exchange(ref _subscriptions, null)?.Leave(account);
    }
}
