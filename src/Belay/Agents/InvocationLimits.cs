namespace Belay.Agents;

/// <summary>How far one invocation may go.</summary>
/// <param name="MaxIterations">Model calls, counting the first; at least 1.</param>
/// <param name="MaxTokens">Sum of output tokens, checked before each model call; null for no limit.</param>
/// <param name="TimeoutSeconds">Wall time; at least 1.</param>
public sealed record InvocationLimits(int MaxIterations, int? MaxTokens, int TimeoutSeconds);
