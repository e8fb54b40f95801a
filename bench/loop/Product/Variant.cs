namespace Belay.Bench.Loop.Product;

/// <summary>Which part of the product is replaced. The shipped program has no such choice; the bench composes its own servers.</summary>
internal enum Variant
{
    /// <summary>Nothing: the program as it is shipped.</summary>
    Shipped,

    /// <summary>Nothing, but composed by the bench, so that it can be asked what it has done.</summary>
    Composed,

    /// <summary>The journal is in memory.</summary>
    MemoryJournal,

    /// <summary>Bodies are stored as they are.</summary>
    NoSealing,

    /// <summary>Clients show a token instead of signing.</summary>
    Bearer,

    /// <summary>Nobody listens to metrics or spans.</summary>
    NoTelemetry,

    /// <summary>The journal's commits are not synced to the disk: they survive the end of the server, not a power cut.</summary>
    NotSynced,

    /// <summary>No session's conversation stays in memory: each turn opens its session from the journal.</summary>
    Cold,
}
