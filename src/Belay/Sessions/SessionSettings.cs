namespace Belay.Sessions;

/// <summary>What the operator decides about sessions.</summary>
public sealed record SessionSettings
{
    /// <summary>Sessions of one account that may be active at a time: running, or with a sandbox.</summary>
    public int MaxActive { get; init; } = 100;

    /// <summary>Idle sessions whose conversation stays in memory.</summary>
    public int MaxIdle { get; init; } = 256;

    /// <summary>Commands that may run at a time in one session.</summary>
    public int MaxCommands { get; init; } = 8;

    /// <summary>How long stopping a session may take.</summary>
    public TimeSpan StopTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long opening a session may take.</summary>
    public TimeSpan OpenTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Appends of one session that wait for the store before their writers do.</summary>
    public int MailboxDepth { get; init; } = 256;

    /// <summary>Everything wrong with these settings, in the operator's words. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var (name, value, least) in new[]
        {
            (nameof(MaxActive), MaxActive, 1), (nameof(MaxIdle), MaxIdle, 0), (nameof(MaxCommands), MaxCommands, 1), (nameof(MailboxDepth), MailboxDepth, 1),
        })
        {
            if (value < least)
            {
                yield return $"Sessions:{name} must be at least {least}, but was {value}.";
            }
        }
    }
}
