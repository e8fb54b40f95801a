using Belay.Testing;

namespace Belay.Tests;

public sealed class ManualTimeTests
{
    [Fact]
    public void Advance_FiresInOrderOfDueTime_WithTheClockThere()
    {
        var time = new ManualTime();
        var start = time.GetUtcNow();
        var fired = new List<(string, TimeSpan)>();
        using var late = Timer("late", 3);
        using var early = Timer("early", 1);
        using var never = Timer("never", 9);
        using var disposed = Timer("disposed", 2);
        disposed.Dispose();

        time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal([("early", TimeSpan.FromSeconds(1)), ("late", TimeSpan.FromSeconds(3))], fired);
        Assert.Equal(start.AddSeconds(5), time.GetUtcNow());

        ITimer Timer(string name, int seconds) => time.CreateTimer(
            _ => fired.Add((name, time.GetUtcNow() - start)), null, TimeSpan.FromSeconds(seconds), Timeout.InfiniteTimeSpan);
    }

    [Fact]
    public void Periodic_FiresEachPeriod_UntilStopped()
    {
        var time = new ManualTime();
        var count = 0;
        using var timer = time.CreateTimer(_ => count++, null, TimeSpan.Zero, TimeSpan.FromSeconds(1));

        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(4, count);
        timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(4, count);
        Assert.Equal(0, time.ArmedTimers);
    }

    [Fact]
    public async Task Delay_EndsWhenTheClockSaysSo()
    {
        var time = new ManualTime();
        var delay = Task.Delay(TimeSpan.FromSeconds(10), time, TestContext.Current.CancellationToken);
        var stamp = time.GetTimestamp();

        time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(delay.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));

        await delay;
        Assert.Equal(TimeSpan.FromSeconds(10), time.GetElapsedTime(stamp));
    }
}
