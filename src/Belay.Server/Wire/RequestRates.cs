using System.Collections.Concurrent;
using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>Counts authenticated requests, one bucket for each account and plane. Accounts are configured, so the buckets are few.</summary>
internal sealed class RequestRates(WireSettings settings, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string Account, Plane Plane), Bucket> _buckets = new();

    /// <summary>Takes one request out of the account's bucket, or throws the fault that says it is empty.</summary>
    public void Take(string account, Plane plane)
    {
        var rate = plane == Plane.Data ? settings.DataRate : settings.ControlRate;
        if (rate is null)
        {
            return;
        }

        var bucket = _buckets.GetOrAdd((account, plane), static (_, state) => new Bucket(state.rate, state.time), (rate, time));
        if (!bucket.TryTake())
        {
            throw new ServiceException(
                FaultCode.ThrottlingException,
                FormattableString.Invariant($"Rate exceeded: account {account} may make {rate.PerSecond} {plane.ToString().ToLowerInvariant()}-plane requests a second."));
        }
    }

    private sealed class Bucket(RequestRate rate, TimeProvider time)
    {
        private readonly Lock _gate = new();
        private double _tokens = rate.Burst;
        private long _filledAt = time.GetTimestamp();

        public bool TryTake()
        {
            lock (_gate)
            {
                var now = time.GetTimestamp();
                _tokens = Math.Min(rate.Burst, _tokens + (rate.PerSecond * time.GetElapsedTime(_filledAt, now).TotalSeconds));
                _filledAt = now;
                if (_tokens < 1)
                {
                    return false;
                }

                _tokens--;
                return true;
            }
        }
    }
}
