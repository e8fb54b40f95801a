using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>
/// Memory that request bodies share. When it is used up, whoever still sends and has brought the fewest bytes a second so far gives way,
/// so that a body that comes at once finds room beside any number of slow ones.
/// </summary>
internal sealed class BodyBudget(long limit, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly HashSet<Share> _arriving = [];
    private long _held;

    /// <summary>Bytes held at this moment.</summary>
    public long Held
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>Opens a share of a body that arrives; <paramref name="giveWay"/> is called, at most once and until the body has arrived,
    /// when it has to end for the sake of others.</summary>
    public Share Open(Action giveWay)
    {
        var share = new Share(this, giveWay, time.GetTimestamp());
        lock (_gate)
        {
            _arriving.Add(share);
        }

        return share;
    }

    internal static ServiceException Full() =>
        new(FaultCode.ThrottlingException, "The server holds too many request bodies at once. Try again in a moment.");

    private void Take(Share share, long bytes)
    {
        lock (_gate)
        {
            if (share.Ended || (_held + bytes > limit && !MakeRoom(share, bytes)))
            {
                throw Full();
            }

            _held += bytes;
            share.Bytes += bytes;
        }
    }

    // Makes more room than is asked for, so that the next ones need not look again.
    private bool MakeRoom(Share asking, long bytes)
    {
        var now = time.GetTimestamp();
        var rate = Rate(asking, bytes, now);
        var wanted = Math.Max(0, limit - bytes - (limit / 8));
        foreach (var (slower, _) in _arriving
            .Where(share => share != asking && share.Bytes > 0)
            .Select(share => (Share: share, Rate: Rate(share, 0, now)))
            .Where(candidate => candidate.Rate < rate)
            .OrderBy(candidate => candidate.Rate)
            .ToList())
        {
            if (_held <= wanted)
            {
                break;
            }

            Release(slower);
            slower.GiveWay();
        }

        return _held + bytes <= limit;
    }

    private double Rate(Share share, long bytes, long now) =>
        (share.Bytes + bytes) / Math.Max(time.GetElapsedTime(share.Since, now).TotalSeconds, 0.001);

    private void Release(Share share)
    {
        share.Ended = true;
        _arriving.Remove(share);
        _held -= share.Bytes;
        share.Bytes = 0;
    }

    /// <summary>What one body holds. Disposing it gives everything back.</summary>
    internal sealed class Share(BodyBudget owner, Action giveWay, long since) : IDisposable
    {
        internal long Since { get; } = since;

        internal long Bytes { get; set; }

        internal bool Ended { get; set; }

        /// <summary>Takes more; throws the fault that there is no room.</summary>
        public void Take(long bytes) => owner.Take(this, bytes);

        /// <summary>The body has arrived: from now on it stays until it is disposed. Throws when it had to give way before.</summary>
        public void Arrived()
        {
            lock (owner._gate)
            {
                if (Ended)
                {
                    throw Full();
                }

                owner._arriving.Remove(this);
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (owner._gate)
            {
                if (!Ended)
                {
                    owner.Release(this);
                }
            }
        }

        internal void GiveWay() => giveWay();
    }
}
