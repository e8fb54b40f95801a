using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Models;

/// <summary>
/// The circuit breakers of a server: one for each account, endpoint, key and model that fails, so that a dead provider costs a probe now
/// and then, and not all its retries with every call. Accounts are apart, or one could have its own failures keep another from its
/// provider; models are, because providers throttle them apart. Nothing is kept of what works.
/// </summary>
public sealed class CircuitBreakers(BreakerSettings settings, TimeProvider time)
{
    private const int MaxKept = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, CircuitBreaker> _failing = new(StringComparer.Ordinal);

    /// <summary>Begins a call.</summary>
    /// <param name="account">Whose call it is.</param>
    /// <param name="model">The model that is asked.</param>
    public CircuitCall Begin(string account, IModel model) => new(this, account, model);

    /// <summary>What is not asked now; of one account, or of all when it is null.</summary>
    public IReadOnlyList<OpenCircuit> Open(string? account)
    {
        lock (_gate)
        {
            return [.. _failing.Values.Where(breaker => !breaker.IsClosed && (account is null || breaker.Account == account)).Select(breaker => new OpenCircuit(breaker.Provider, breaker.ModelId))];
        }
    }

    /// <summary>What a circuit is known by. A key is part of it and cannot be read from it.</summary>
    internal static string IdOf(string account, Uri? endpoint, string? key, string modelId)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in (ReadOnlySpan<string>)[account, endpoint?.AbsoluteUri ?? "", key ?? "", modelId])
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{part.Length}:{part}"));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Lets a call through; the answer is null where nobody waits for what becomes of it.</summary>
    /// <exception cref="ModelException">It may not pass.</exception>
    internal CircuitBreaker.Pass? Admit(string id, IModel model)
    {
        CircuitBreaker? breaker;
        lock (_gate)
        {
            if (!_failing.TryGetValue(id, out breaker) || breaker.IsClosed)
            {
                return null;
            }
        }

        return breaker.TryPass(out var after) ?? throw new ModelException(ModelFailure.CircuitOpen, $"{model.Provider}: {model.ModelId} is not asked now, because its last calls failed; {Again(after)}.");
    }

    /// <summary>Counts a call that failed for good.</summary>
    internal void Fail(string id, string account, IModel model)
    {
        CircuitBreaker? breaker;
        lock (_gate)
        {
            if (!_failing.TryGetValue(id, out breaker))
            {
                if (_failing.Count >= MaxKept)
                {
                    // Whoever names many endpoints makes the server forget, and nothing worse.
                    _failing.Remove(_failing.Keys.First());
                }

                _failing.Add(id, breaker = new(settings, time, account, model.Provider, model.ModelId));
            }
        }

        breaker.Fail();
    }

    /// <summary>A call worked. One that began before the circuit opened does not close it: that is the probe's to do.</summary>
    internal void Work(string id)
    {
        lock (_gate)
        {
            if (_failing.TryGetValue(id, out var breaker) && breaker.IsClosed)
            {
                _failing.Remove(id);
            }
        }
    }

    private string Again(TimeSpan? after) => after is { } wait
        ? string.Create(CultureInfo.InvariantCulture, $"it is tried again in {Math.Ceiling(wait.TotalSeconds)} s, at {time.GetUtcNow() + wait:HH:mm:ss} UTC")
        : "a call that tries it again is under way";
}

/// <summary>A model that is not asked, because its last calls failed.</summary>
/// <param name="Provider">Its provider.</param>
/// <param name="ModelId">The model.</param>
public sealed record OpenCircuit(string Provider, string ModelId);
