using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// Starts the first process of sandboxes, all on one thread that lives as long as the server: "die with the parent" means the
/// thread that forked, and threads of the pool come and go.
/// </summary>
internal static class Launcher
{
    private static readonly Lazy<BlockingCollection<Task<System.Diagnostics.Process>>> Orders = new(Open);

    /// <summary>Starts a process. Throws <see cref="SandboxException"/> when it cannot be started.</summary>
    public static async Task<System.Diagnostics.Process> StartAsync(ProcessStartInfo start)
    {
        // Whoever waits must not go on on the launcher's thread.
        var order = new Task<System.Diagnostics.Process>(() => System.Diagnostics.Process.Start(start)!, TaskCreationOptions.RunContinuationsAsynchronously);
        Orders.Value.Add(order);
        try
        {
            return await order;
        }
        catch (Win32Exception exception)
        {
            throw new SandboxException($"'{start.FileName}' could not be started: {exception.Message}.", exception);
        }
    }

    private static BlockingCollection<Task<System.Diagnostics.Process>> Open()
    {
        var orders = new BlockingCollection<Task<System.Diagnostics.Process>>();
        new Thread(() => Run(orders)) { IsBackground = true, Name = "sandbox launcher" }.Start();
        return orders;
    }

    private static void Run(BlockingCollection<Task<System.Diagnostics.Process>> orders)
    {
        // A task takes whatever goes wrong to whoever waits for it, so nothing can end the thread.
        foreach (var order in orders.GetConsumingEnumerable())
        {
            order.RunSynchronously(TaskScheduler.Default);
        }
    }
}
