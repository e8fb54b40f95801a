namespace Belay.Models;

/// <summary>When a failed model call is tried again, and when another model takes over. Pure: the caller waits and counts.</summary>
/// <param name="baseSeconds">The first delay after a provider throttled or broke; every delay of our own scales with it.</param>
public class RetryPolicy(double baseSeconds)
{
    /// <summary>Calls in all for a provider that throttles or breaks.</summary>
    public const int MaxAttempts = 6;

    /// <summary>Calls in all for a provider that cannot be reached.</summary>
    public const int MaxConnectAttempts = 3;

    /// <summary>The first delay where the operator names none.</summary>
    public const double DefaultBaseSeconds = 4;

    // In units of the base: half a second for each connection attempt, and never more than 240 s, where the base is 4 s.
    private const double ConnectFactor = 0.125;
    private const double MaxFactor = 60;

    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromSeconds(60);

    /// <summary>How long to wait before the next attempt; null when there is none.</summary>
    /// <param name="failure">What the last attempt met.</param>
    /// <param name="attempt">Attempts made so far, counting from 1.</param>
    /// <param name="deltaSent">Whether the caller has seen any of the reply; then a second one would contradict it.</param>
    /// <param name="remaining">Time that is left of the invocation.</param>
    public virtual TimeSpan? Next(ModelException failure, int attempt, bool deltaSent, TimeSpan remaining)
    {
        if (deltaSent || Delay(failure, attempt) is not { } delay || delay >= remaining)
        {
            return null;
        }

        return delay;
    }

    /// <summary>Whether another model may take over from one whose call has failed and is not tried again.</summary>
    /// <param name="failure">What its last attempt met.</param>
    /// <param name="deltaSent">Whether the caller has seen any of the reply; then nothing may be said twice.</param>
    public virtual bool Switches(ModelException failure, bool deltaSent) => !deltaSent && failure.IsProviders;

    private TimeSpan? Delay(ModelException failure, int attempt)
    {
        switch (failure.Failure)
        {
            case ModelFailure.Unreachable when attempt < MaxConnectAttempts:
                return TimeSpan.FromSeconds(baseSeconds * ConnectFactor * attempt);
            case ModelFailure.Throttled or ModelFailure.Broken when attempt < MaxAttempts:
                var delay = TimeSpan.FromSeconds(baseSeconds * Math.Min(Math.Pow(2, attempt - 1), MaxFactor));
                var asked = failure.RetryAfter is { } wait && wait < MaxRetryAfter ? wait : failure.RetryAfter is null ? TimeSpan.Zero : MaxRetryAfter;
                return delay > asked ? delay : asked;
            default:
                return null;
        }
    }
}
