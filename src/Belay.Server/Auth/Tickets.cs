using Belay.Contracts.Faults;
using Belay.Identity;
using Belay.Server.Wire;
using Belay.Storage;

namespace Belay.Server.Auth;

/// <summary>
/// Tickets of clients that cannot set headers: each stands for its maker in one request, within 30 seconds. They live in memory only, as hashes,
/// and end with the server. Safe for concurrent use.
/// </summary>
public sealed class Tickets(TimeProvider time, IdSource ids)
{
    /// <summary>How long a ticket waits for its request.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    /// <summary>Tickets of one account that wait at a time.</summary>
    public const int MaxPerAccount = 1000;

    private const int MaxTickets = 20_000;
    private const int TextLength = 43;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Waiting> _waiting = new(StringComparer.Ordinal);

    // All live equally long, so the oldest end first.
    private readonly Queue<(string Hash, DateTimeOffset ExpiresAt)> _byAge = new();
    private readonly Dictionary<string, int> _perAccount = new(StringComparer.Ordinal);

    /// <summary>Makes a ticket that stands for a caller.</summary>
    /// <exception cref="ServiceException">Too many wait already.</exception>
    public (string Text, DateTimeOffset ExpiresAt) Create(Caller caller)
    {
        var text = ids.NewAlphanumeric(TextLength);
        var hash = BearerTokens.HashOf(text);
        lock (_gate)
        {
            var now = time.GetUtcNow();
            Sweep(now);
            if (_waiting.Count >= MaxTickets || _perAccount.GetValueOrDefault(caller.Scope.Account) >= MaxPerAccount)
            {
                throw new ServiceException(FaultCode.ThrottlingException, $"Too many tickets wait for their request. Each ends after {Lifetime.TotalSeconds:0} seconds; try again then.");
            }

            var expires = now + Lifetime;
            _waiting.Add(hash, new(caller with { ByTicket = true }, expires));
            _byAge.Enqueue((hash, expires));
            _perAccount[caller.Scope.Account] = _perAccount.GetValueOrDefault(caller.Scope.Account) + 1;
            return (text, expires);
        }
    }

    /// <summary>Takes a ticket; null when it is unknown, was taken before, or is over.</summary>
    public Caller? Take(string text)
    {
        if (text.Length != TextLength)
        {
            return null;
        }

        var hash = BearerTokens.HashOf(text);
        lock (_gate)
        {
            Sweep(time.GetUtcNow());
            return Remove(hash);
        }
    }

    /// <summary>Tickets that wait now.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    private void Sweep(DateTimeOffset now)
    {
        while (_byAge.TryPeek(out var oldest) && oldest.ExpiresAt <= now)
        {
            _byAge.Dequeue();
            Remove(oldest.Hash);
        }
    }

    private Caller? Remove(string hash)
    {
        if (!_waiting.Remove(hash, out var waiting))
        {
            return null;
        }

        var account = waiting.Caller.Scope.Account;
        if (--_perAccount[account] == 0)
        {
            _perAccount.Remove(account);
        }

        return waiting.Caller;
    }

    private sealed record Waiting(Caller Caller, DateTimeOffset ExpiresAt);
}
