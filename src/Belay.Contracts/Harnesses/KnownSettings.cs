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

    /// <summary>Whether an invocation goes on when its client leaves.</summary>
    public bool? Detach { get; init; }

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
