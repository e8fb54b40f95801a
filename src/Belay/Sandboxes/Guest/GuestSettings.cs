namespace Belay.Sandboxes.Guest;

/// <summary>What the host asks of a guest and how long it waits for it.</summary>
internal sealed record GuestSettings
{
    /// <summary>Directory inside in which commands start and at which relative paths begin.</summary>
    public required string Workspace { get; init; }

    /// <summary>Environment of every command.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Most processes, as the guest's own second line; 0 for none.</summary>
    public int Processes { get; init; }

    /// <summary>Most open files of a process; 0 for none.</summary>
    public int OpenFiles { get; init; } = 65_536;

    /// <summary>How long the guest may take to say hello.</summary>
    public TimeSpan Handshake { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a killed command's tree may take to be gone; a guest that takes longer is taken for broken.</summary>
    public TimeSpan Kill { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the guest may take to accept a frame, or to answer a file operation with the next one.</summary>
    public TimeSpan Answer { get; init; } = TimeSpan.FromSeconds(60);
}
