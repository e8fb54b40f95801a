namespace Belay.Sandboxes.Snapshots;

/// <summary>What the operator decides about saving the files of sessions.</summary>
public sealed record SnapshotSettings
{
    /// <summary>Whether files are saved at the ends of invocations.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>MiB of files that are saved of a session at a time; one that has more is not saved.</summary>
    public int MaxMiB { get; init; } = 256;

    /// <summary>Snapshots that are kept of a session; the oldest go first.</summary>
    public int Keep { get; init; } = 20;

    /// <summary>Files, directories and links that are saved of a session at a time.</summary>
    public int MaxEntries { get; init; } = 100_000;

    /// <summary><see cref="MaxMiB"/> in bytes.</summary>
    public long MaxBytes => MaxMiB * 1024L * 1024;
}
