using Belay.Contracts.Validation;

namespace Belay.Contracts.Operators;

/// <summary>What a server logs at least. Both input and output of the log level's operations.</summary>
public sealed record LogLevelSetting
{
    /// <summary>One of <c>trace</c>, <c>debug</c>, <c>information</c>, <c>warning</c>, <c>error</c>, <c>critical</c>, <c>none</c>.</summary>
    [Bound(Min = 4, Max = 11)]
    public required string Level { get; init; }
}
