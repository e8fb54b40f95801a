using System.IO.Pipelines;
using Belay.Sandboxes.Guest;

namespace Belay.Tests.Sandboxes.Guest;

/// <summary>A place in memory: the test is the guest.</summary>
internal sealed class MemoryPlace : GuestPlace
{
    private readonly Pipe _toHost = new(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19));
    private readonly Pipe _toGuest = new(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19));

    public MemoryPlace() => (FromGuest, ToGuest, GuestIn, GuestOut) =
        (_toHost.Reader.AsStream(), _toGuest.Writer.AsStream(), _toGuest.Reader.AsStream(), _toHost.Writer.AsStream());

    public override Stream FromGuest { get; }

    public override Stream ToGuest { get; }

    /// <summary>What the host sends.</summary>
    public Stream GuestIn { get; }

    /// <summary>What the host is sent.</summary>
    public Stream GuestOut { get; }

    public bool IsDisposed { get; private set; }

    public override Task<string?> DescribeEndAsync() => Task.FromResult<string?>(null);

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        _toHost.Writer.Complete();
        _toGuest.Writer.Complete();
        return ValueTask.CompletedTask;
    }
}
