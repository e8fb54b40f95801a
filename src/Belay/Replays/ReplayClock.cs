namespace Belay.Replays;

/// <summary>A clock that stands where the recording says. Nothing falls due by itself: what time did is recorded, too.</summary>
internal sealed class ReplayClock : TimeProvider
{
    private long _now;

    /// <summary>Time since the replay of the invocation began.</summary>
    public TimeSpan Now
    {
        get => new(Volatile.Read(ref _now));
        set => Volatile.Write(ref _now, value.Ticks);
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + Now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => Still.Instance;

    private sealed class Still : ITimer
    {
        public static readonly Still Instance = new();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
