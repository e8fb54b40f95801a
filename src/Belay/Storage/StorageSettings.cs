namespace Belay.Storage;

/// <summary>Settings of the store in a data directory.</summary>
public sealed record StorageSettings
{
    /// <summary>What a synced write survives.</summary>
    public SynchronousMode Synchronous { get; init; } = SynchronousMode.Full;

    /// <summary>Bytes of writes that may wait for the disk; who comes after waits until there is room.</summary>
    public long MaxQueuedBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Connections that read at the same time.</summary>
    public int Readers { get; init; } = 4;

    /// <summary>Everything wrong with these settings. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (!Enum.IsDefined(Synchronous))
        {
            yield return $"synchronous must be Full or Normal, but was {Synchronous}.";
        }

        if (MaxQueuedBytes < 1024 * 1024)
        {
            yield return $"maxQueuedBytes must be at least 1048576, but was {MaxQueuedBytes}.";
        }

        if (Readers is < 1 or > 64)
        {
            yield return $"readers must be 1 to 64, but was {Readers}.";
        }
    }
}

/// <summary>What a synced write survives.</summary>
public enum SynchronousMode
{
    /// <summary>The end of the server and a power cut: every commit that somebody waits for is on the disk first.</summary>
    Full,

    /// <summary>The end of the server, not a power cut: the newest commits may be lost then, never the order or the integrity.</summary>
    Normal,
}
