using System.Diagnostics;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>Why a running invocation must stop. The set is closed.</summary>
public enum StopCause
{
    /// <summary>The reader of the stream is gone.</summary>
    ClientLeft,

    /// <summary>Its time is over.</summary>
    TimedOut,

    /// <summary>The session was stopped, or its sandbox reached the end of its life.</summary>
    Stopped,

    /// <summary>The server shuts down.</summary>
    ShuttingDown,
}

/// <summary>
/// A token that knows why it fired. The first cause wins; the loop maps it to a stop reason in one place.
/// </summary>
public sealed class StopSignal : IDisposable
{
#pragma warning disable CA2213 // It holds no timer and no handle, and outlives the clock on purpose.
    private readonly CancellationTokenSource _source = new();
#pragma warning restore CA2213
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly TimeSpan _limit;
    private readonly TimeSpan _already;
    private readonly ITimer _timer;
    private int _cause = -1;

    /// <summary>Starts the clock.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="limit">How long it may take in all.</param>
    /// <param name="already">How long it took before, in a server that died.</param>
    public StopSignal(TimeProvider time, TimeSpan limit, TimeSpan already = default)
    {
        _already = already;
        _time = time;
        _limit = limit;
        _started = time.GetTimestamp();
        if (already >= limit)
        {
            Fire(StopCause.TimedOut);
        }

        // Timers refuse more than about 49 days; a limit beyond that is no limit of ours.
        var left = already < limit ? limit - already : TimeSpan.Zero;
        _timer = time.CreateTimer(_ => Fire(StopCause.TimedOut), null, left < TimeSpan.FromDays(49) ? left : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Fires when the invocation must stop.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Why it fired; null while it has not.</summary>
    public StopCause? Cause => Volatile.Read(ref _cause) is var cause and >= 0 ? (StopCause)cause : null;

    /// <summary>Time since the start, with what it took before.</summary>
    public TimeSpan Elapsed => _already + _time.GetElapsedTime(_started);

    /// <summary>Time that is left, never negative.</summary>
    public TimeSpan Remaining => Elapsed < _limit ? _limit - Elapsed : TimeSpan.Zero;

    /// <summary>Fires, unless it has already.</summary>
    public void Fire(StopCause cause)
    {
        if (Interlocked.CompareExchange(ref _cause, (int)cause, -1) == -1)
        {
            _source.Cancel();
        }
    }

    /// <summary>The stop reason of a cause.</summary>
    public static HarnessStopReason ReasonOf(StopCause cause) => cause switch
    {
        StopCause.TimedOut => HarnessStopReason.TimeoutExceeded,
        StopCause.ShuttingDown => HarnessStopReason.PartialTurn,
        StopCause.Stopped or StopCause.ClientLeft => HarnessStopReason.Interrupted,
        _ => throw new UnreachableException(),
    };

    /// <summary>A cause in words, for the journal.</summary>
    public static string Describe(StopCause cause) => cause switch
    {
        StopCause.ClientLeft => "The client left the stream.",
        StopCause.TimedOut => "The time limit was reached.",
        StopCause.Stopped => "The session was stopped.",
        StopCause.ShuttingDown => "The server shut down.",
        _ => throw new UnreachableException(),
    };

    /// <summary>Stops the clock. The token stays usable: whoever leaves late may still fire it.</summary>
    public void Dispose() => _timer.Dispose();
}
