namespace Belay.Bench;

/// <summary>How long the bench takes its time.</summary>
/// <param name="WarmUp">Least time that each subject runs before anything counts.</param>
/// <param name="Rounds">Rounds, in each of which every subject runs once, so that a noisy moment hits all of them.</param>
/// <param name="PerRound">Time of one subject in one round.</param>
/// <param name="ColdStarts">Sandboxes that are started from nothing in each round.</param>
internal sealed record Schedule(TimeSpan WarmUp, int Rounds, TimeSpan PerRound, int ColdStarts)
{
    /// <summary>What is reported.</summary>
    public static Schedule Full { get; } = new(TimeSpan.FromSeconds(3), 5, TimeSpan.FromSeconds(1.5), 3);

    /// <summary>A look, not a measurement.</summary>
    public static Schedule Quick { get; } = new(TimeSpan.FromSeconds(2), 1, TimeSpan.FromSeconds(0.5), 1);
}
