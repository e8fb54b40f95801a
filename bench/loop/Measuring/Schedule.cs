namespace Belay.Bench.Loop.Measuring;

/// <summary>How long the bench takes its time.</summary>
/// <param name="Common">Time that all servers run side by side before the first row: compiling what is hot takes them far longer than two
/// seconds, and would be charged to whoever is measured then.</param>
/// <param name="WarmUp">Least time that each subject runs before anything of a row counts.</param>
/// <param name="Rounds">Rounds, in each of which every subject runs once, so that a noisy moment hits all of them.</param>
/// <param name="Turn">Time of one subject in one round of turns one after the other.</param>
/// <param name="Ramp">Time that sessions run side by side before they are counted.</param>
/// <param name="Window">Time in which they are counted.</param>
/// <param name="Starts">Starts of a process or a sandbox in each round.</param>
internal sealed record Schedule(TimeSpan Common, TimeSpan WarmUp, int Rounds, TimeSpan Turn, TimeSpan Ramp, TimeSpan Window, int Starts)
{
    /// <summary>What is reported.</summary>
    public static Schedule Full { get; } = new(Seconds(30), Seconds(4), 5, Seconds(1), Seconds(1), Seconds(3), 2);

    /// <summary>A look, not a measurement.</summary>
    public static Schedule Quick { get; } = new(Seconds(8), Seconds(2.5), 1, Seconds(0.5), Seconds(0.5), Seconds(1), 1);

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
