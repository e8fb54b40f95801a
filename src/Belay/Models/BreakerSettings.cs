namespace Belay.Models;

/// <summary>When an endpoint whose calls keep failing is left alone, and for how long.</summary>
public sealed record BreakerSettings
{
    /// <summary>Calls in a row, each with all its retries, that open the circuit: 2 to 1000.</summary>
    public int Failures { get; init; } = 3;

    /// <summary>How long nobody is let through before one call tries again: 0.5 s to an hour.</summary>
    public TimeSpan BreakTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Everything wrong with these settings, in the operator's words. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (Failures is < 2 or > 1000)
        {
            yield return $"Models:BreakerFailures must be 2 to 1000, but was {Failures}.";
        }

        if (BreakTime < TimeSpan.FromSeconds(0.5) || BreakTime > TimeSpan.FromHours(1))
        {
            yield return $"Models:BreakerSeconds must be 0.5 to 3600, but was {BreakTime.TotalSeconds}.";
        }
    }
}
