using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>What an invocation may still use: pure arithmetic over its limits. Time is watched by <see cref="StopSignal"/>, which can also interrupt.</summary>
public static class Budget
{
    /// <summary>The stop reason when one more model call would break a limit; null when it may be made.</summary>
    /// <param name="limits">Limits in force.</param>
    /// <param name="iterations">Model calls made so far.</param>
    /// <param name="outputTokens">Output tokens of all of them.</param>
    public static HarnessStopReason? Exceeded(InvocationLimits limits, int iterations, int outputTokens)
    {
        if (iterations >= limits.MaxIterations)
        {
            return HarnessStopReason.MaxIterationsExceeded;
        }

        return outputTokens >= limits.MaxTokens ? HarnessStopReason.MaxOutputTokensExceeded : null;
    }

    /// <summary>Whether a model's last word is one to which more can be said; the other reasons end the invocation whatever waits.</summary>
    public static bool IsAnswer(HarnessStopReason reason) =>
        reason is HarnessStopReason.EndTurn or HarnessStopReason.StopSequence or HarnessStopReason.MaxTokens or HarnessStopReason.ContentFiltered;
}
