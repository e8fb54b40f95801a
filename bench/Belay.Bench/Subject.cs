namespace Belay.Bench;

/// <summary>One thing that is measured.</summary>
/// <param name="Name">Name in the table.</param>
/// <param name="PerRun">Units in one run, such as iterations of a turn.</param>
/// <param name="RunAsync">One run.</param>
internal sealed record Subject(string Name, int PerRun, Func<CancellationToken, Task> RunAsync)
{
    /// <summary>Runs in a round; null repeats for the time of a round.</summary>
    public int? Runs { get; init; }

    /// <summary>What must be so before a run, and is not timed.</summary>
    public Func<CancellationToken, Task>? PrepareAsync { get; init; }

    /// <summary>Runs for which one preparation holds.</summary>
    public int PrepareEvery { get; init; } = 1;

    /// <summary>What was measured so far, in milliseconds for each unit.</summary>
    public Sample Sample { get; } = new();
}
