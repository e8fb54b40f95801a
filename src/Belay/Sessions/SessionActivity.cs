namespace Belay.Sessions;

/// <summary>What a server does with a session.</summary>
public enum SessionActivity
{
    /// <summary>Nothing: it does not hold it, and nothing of it runs.</summary>
    Absent,

    /// <summary>It holds it, perhaps with a sandbox; no invocation and no command runs.</summary>
    Idle,

    /// <summary>An invocation or a command runs, or is about to.</summary>
    Busy,
}
