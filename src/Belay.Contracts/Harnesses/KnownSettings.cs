using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>
/// The settings document as this version of Belay knows it. It is the one list of the settings: the server refuses other names, and a project's
/// <c>belay</c> section is read as this.
/// </summary>
public sealed record KnownSettings
{
    /// <summary>Largest value of <see cref="ToolConcurrency"/>.</summary>
    public const int MaxToolConcurrency = 64;

    /// <summary>Smallest value of <see cref="OffloadToolResultsAbove"/>: a preview has to have room.</summary>
    public const int MinOffloadTokens = 200;

    /// <summary>Largest value of <see cref="OffloadToolResultsAbove"/>.</summary>
    public const int MaxOffloadTokens = 250_000;

    /// <summary>Whether an invocation goes on when its client leaves.</summary>
    public bool? Detach { get; init; }

    /// <summary>Tokens, estimated as four characters each, above which a tool's result is stored in the session's workspace and the model is shown its
    /// beginning and end, half as much together: 200 to 250,000. Never when it is left out.</summary>
    [Bound(Min = MinOffloadTokens, Max = MaxOffloadTokens)]
    public int? OffloadToolResultsAbove { get; init; }

    /// <summary>Members of an invocation that may override the harness.</summary>
    public IReadOnlyList<string>? Overridable { get; init; }

    /// <summary>What may be done about a tool's call whose end a crash took, by tool name: <c>pure</c> and <c>idempotent</c> run it again,
    /// <c>unknown</c> tells the model.</summary>
    [Bound(Min = 0, Max = 100)]
    public IReadOnlyDictionary<string, string>? Recovery { get; init; }

    /// <summary>How many tools of one message run side by side, 1 to 64.</summary>
    [Bound(Min = 1, Max = MaxToolConcurrency)]
    public int? ToolConcurrency { get; init; }
}
