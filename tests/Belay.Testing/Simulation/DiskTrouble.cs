namespace Belay.Testing.Simulation;

/// <summary>What a disk does on a bad day. The n-th append or sync since it was told fails, or each one takes its time.</summary>
/// <param name="FailAt">Append or sync that fails; 0 for none.</param>
/// <param name="FailAfter">Whether it is stored all the same.</param>
/// <param name="Slow">How long each takes.</param>
public sealed record DiskTrouble(int FailAt, bool FailAfter, TimeSpan Slow)
{
    /// <summary>A good day.</summary>
    public static DiskTrouble None { get; } = new(0, false, TimeSpan.Zero);
}
