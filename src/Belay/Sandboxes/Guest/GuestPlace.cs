namespace Belay.Sandboxes.Guest;

/// <summary>
/// The isolated place that a driver has started: the two directions of the channel to the guest in it, and the power to end it.
/// Disposing ends it and everything in it, and removes what it used; it never throws and has its own deadline.
/// </summary>
internal abstract class GuestPlace : IAsyncDisposable
{
    /// <summary>What the guest sends. Hostile.</summary>
    public abstract Stream FromGuest { get; }

    /// <summary>What the guest is sent.</summary>
    public abstract Stream ToGuest { get; }

    /// <summary>Why the place has ended by itself, as far as the host can tell without asking what was inside; null when it cannot.</summary>
    public abstract Task<string?> DescribeEndAsync();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
