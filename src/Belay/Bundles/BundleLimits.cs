namespace Belay.Bundles;

/// <summary>How much of a bundle is read. It comes from anywhere.</summary>
public sealed record BundleLimits
{
    /// <summary>Bytes of a bundle.</summary>
    public long Bytes { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Bytes of one line; one entry may hold a whole conversation.</summary>
    public int LineBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Entries of the session and of those that it goes on from.</summary>
    public int Entries { get; init; } = 1_000_000;

    /// <summary>Bytes of the archive of its files.</summary>
    public long FileBytes { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Versions of the harness.</summary>
    public int Versions { get; init; } = 10_000;
}
