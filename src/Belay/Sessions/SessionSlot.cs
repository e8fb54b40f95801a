using Belay.Agents;

namespace Belay.Sessions;

/// <summary>The place of a session that <see cref="SessionHost"/> has in memory. Its gate guards what changes.</summary>
internal sealed class SessionSlot
{
    public SessionSlot(SessionKey key)
    {
        Key = key;
        Place = new(this);
    }

    public SessionKey Key { get; }

    /// <summary>Where it stands while nobody uses it; in no list while somebody does, and when it is being closed.</summary>
    public LinkedListNode<SessionSlot> Place { get; }

    public Task<LiveSession> Opening { get; set; } = null!;

    public Task? Closing { get; set; }

    public int Users { get; set; }

    public bool IsActive => Opening.IsCompletedSuccessfully && Live.Active;

    // One that is being opened is opened for something to run in it.
    public bool Busy => !Opening.IsCompletedSuccessfully || Live.Busy;

    public bool IsSpent => Opening.IsFaulted || Opening.IsCanceled || (Opening.IsCompletedSuccessfully && Live.Broken);

    /// <summary>What its model call that runs now has said; null while it is being opened.</summary>
    public LiveReply? Reply => Opening.IsCompletedSuccessfully ? Live.Live : null;

    // Only read when it has completed.
    private LiveSession Live => Opening.GetAwaiter().GetResult();
}
