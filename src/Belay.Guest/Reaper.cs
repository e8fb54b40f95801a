using System.Collections.Concurrent;

namespace Belay.Guest;

/// <summary>
/// Takes in every process that ends, ours and orphans, as process 1 must, on a thread of its own: waiting is the only way that
/// loses no exit and leaves no zombie, whatever else the guest is busy with.
/// </summary>
internal sealed unsafe class Reaper : IDisposable
{
    private readonly ConcurrentQueue<(int Pid, int Status)> _ended = new();
    private readonly AutoResetEvent _started = new(false);
    private readonly int _wakeWrite;

    public Reaper()
    {
        if (!Native.TryPipe(out var readEnd, out _wakeWrite))
        {
            throw new InvalidOperationException("no descriptors are left");
        }

        Wake = readEnd;
        Native.NonBlock(_wakeWrite);
        new Thread(Run, 128 * 1024) { IsBackground = true, Name = "reaper" }.Start();
    }

    /// <summary>Becomes readable when a process has ended.</summary>
    public int Wake { get; }

    /// <summary>Says that there is a child to wait for.</summary>
    public void ChildStarted() => _started.Set();

    public void Dispose() => _started.Dispose();

    /// <summary>The next process that ended: its number and wait status.</summary>
    public bool TryNext(out (int Pid, int Status) ended) => _ended.TryDequeue(out ended);

    public void DrainWake()
    {
        var buffer = stackalloc byte[256];
        while (Native.read(Wake, buffer, 256) == 256)
        {
        }
    }

    private void Run()
    {
        byte one = 1;
        while (true)
        {
            var pid = Native.waitpid(-1, out var status, 0);
            if (pid > 0)
            {
                _ended.Enqueue((pid, status));
                // A full pipe means that the reader has yet to wake up.
                Native.write(_wakeWrite, &one, 1);
            }
            else if (Native.LastError != Native.EINTR)
            {
                // No children: descendants of a child become ours before it ends, so nothing can end until the next start.
                _started.WaitOne();
            }
        }
    }
}
