using Belay.Contracts.Invocations;

namespace Belay.Replays;

/// <summary>How the replay of one invocation came out. The set is closed.</summary>
public enum ReplayResult
{
    /// <summary>The engine wrote what is recorded, byte for byte, to its end.</summary>
    Identical,

    /// <summary>So it did as far as the recording goes, which has no end: the invocation runs, or its server died.</summary>
    Unfinished,

    /// <summary>It did something else.</summary>
    Diverged,
}

/// <summary>One invocation, replayed.</summary>
/// <param name="InvocationId">Its id.</param>
/// <param name="First">Sequence of its first entry.</param>
/// <param name="Last">Sequence of its last entry that was read.</param>
/// <param name="Entries">Entries that were compared or, where they are not the loop's, passed on.</param>
/// <param name="Events">What its stream showed, in order.</param>
/// <param name="Result">How it came out.</param>
/// <param name="Divergence">Where it first did something else; null when it did not.</param>
public sealed record ReplayedInvocation(
    string InvocationId, long First, long Last, long Entries, IReadOnlyList<InvocationEvent> Events, ReplayResult Result, Divergence? Divergence);
