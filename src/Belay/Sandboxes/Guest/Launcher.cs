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
    private static readonly Lazy<BlockingCollection<Order>> Orders = new(Open);

    /// <summary>Starts a process. Throws <see cref="SandboxException"/> when it cannot be started.</summary>
    public static Task<System.Diagnostics.Process> StartAsync(ProcessStartInfo start)
    {
        var order = new Order(start, new TaskCompletionSource<System.Diagnostics.Process>(TaskCreationOptions.RunContinuationsAsynchronously));
        Orders.Value.Add(order);
        return order.Started.Task;
    }

    private static BlockingCollection<Order> Open()
    {
        var orders = new BlockingCollection<Order>();
        new Thread(() => Run(orders)) { IsBackground = true, Name = "sandbox launcher" }.Start();
        return orders;
    }

    private static void Run(BlockingCollection<Order> orders)
    {
        foreach (var (start, started) in orders.GetConsumingEnumerable())
        {
            try
            {
                started.SetResult(System.Diagnostics.Process.Start(start)!);
            }
            catch (Win32Exception exception)
            {
                started.SetException(new SandboxException($"'{start.FileName}' could not be started: {exception.Message}.", exception));
            }
        }
    }

    private sealed record Order(ProcessStartInfo Start, TaskCompletionSource<System.Diagnostics.Process> Started);
}
