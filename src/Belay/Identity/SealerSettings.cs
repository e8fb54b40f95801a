namespace Belay.Identity;

/// <summary>Settings of <see cref="Sealer"/>.</summary>
public sealed record SealerSettings
{
    /// <summary>Opened keys that stay in memory; the least recently used one goes first. One takes a few hundred bytes.</summary>
    public int CachedKeys { get; init; } = 4096;

    /// <summary>Everything wrong with these settings. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (CachedKeys < 1)
        {
            yield return $"cachedKeys must be at least 1, but was {CachedKeys}.";
        }
    }
}
