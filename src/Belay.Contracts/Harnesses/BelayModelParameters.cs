using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>What of ours rides in <c>additionalParams.belay</c> of a model configuration; no provider sees it.</summary>
public sealed record BelayModelParameters
{
    /// <summary>The member of a model configuration that carries it.</summary>
    public const string Carrier = "additionalParams";

    /// <summary>Its name in there.</summary>
    public const string Member = "belay";

    /// <summary>Nothing of ours.</summary>
    public static readonly BelayModelParameters None = new();

    /// <summary>Whether cache points are set; absent for the server's default.</summary>
    public bool? PromptCaching { get; init; }

    /// <summary>Models that take over, in this order, when the one before them fails. They have no fallbacks of their own.</summary>
    [Bound(Max = 5)]
    public IReadOnlyList<HarnessModelConfiguration>? Fallbacks { get; init; }
}
