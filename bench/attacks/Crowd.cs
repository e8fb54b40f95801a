using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Belay.Bench.Attacks;

/// <summary>
/// Many sockets of one kind, in a process of their own. Whoever is closed comes back at once, so the crowd never gets smaller. Prints
/// a line with what it reached when its standard input ends.
/// </summary>
internal sealed class Crowd(string kind, Target target)
{
    private const int Starters = 16;
    private const int Waves = 100;
    private long _connected;
    private long _closed;
    private long _now;
    private long _most;
    private readonly List<(string Answer, double Milliseconds)> _refusals = [];

    private TimeSpan ComeBack => TimeSpan.FromSeconds(kind is "idle" or "slow-head" or "slow-body" ? 5 : 1);

    public static async Task RunAsync(string kind, Target target, int count)
    {
        var crowd = new Crowd(kind, target);
        using var stop = new CancellationTokenSource();
        using var gate = new SemaphoreSlim(Starters);
        var members = Enumerable.Range(0, count).Select(member => crowd.StayAsync(member, gate, stop.Token)).ToList();
        await Console.Out.WriteLineAsync("started");
        await Console.In.ReadLineAsync(CancellationToken.None);
        var report = crowd.Report();
        await stop.CancelAsync();
        await Task.WhenAll(members);
        await Console.Out.WriteLineAsync(report);
    }

    // Reached at most, connected, closed; then what was answered and how soon.
    private string Report()
    {
        lock (_refusals)
        {
            var times = _refusals.Select(refusal => refusal.Milliseconds).Order().ToList();
            var answers = string.Join(", ", _refusals.GroupBy(refusal => refusal.Answer).Select(group => $"{group.Key} x{group.Count()}"));
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{_most}|{_connected}|{_closed}|{answers}|{(times.Count == 0 ? "" : $"{times[times.Count / 2]:F0}/{times[^1]:F0}")}");
        }
    }

    private async Task StayAsync(int member, SemaphoreSlim gate, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Socket socket;
                await gate.WaitAsync(stop);
                try
                {
                    socket = await target.ConnectAsync(stop);
                }
                finally
                {
                    gate.Release();
                }

                using (socket)
                {
                    Interlocked.Increment(ref _connected);
                    var now = Interlocked.Increment(ref _now);
                    InterlockedMax(ref _most, now);
                    try
                    {
                        await BeAsync(socket, stop);
                    }
                    finally
                    {
                        Interlocked.Decrement(ref _now);
                    }
                }
            }
            catch (Exception cause) when (cause is SocketException or IOException)
            {
                // Closed, as it should be under pressure.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Interlocked.Increment(ref _closed);

            // A crowd that is closed comes back, but not all at once; without a pause, the machine's cores would measure this program.
            await Task.Delay(ComeBack * (0.5 + (member % Waves / (double)Waves)), CancellationToken.None);
        }
    }

    private async Task BeAsync(Socket socket, CancellationToken stop)
    {
        var one = new byte[1];
        switch (kind)
        {
            case "idle":
                // Ends only when the server closes it.
                await socket.ReceiveAsync(one, stop);
                return;
            case "slow-head":
                await socket.SendAsync("GET /harnesses HTTP/1.1\r\nHost: x\r\nx-a: "u8.ToArray(), stop);
                await TrickleAsync(socket, 4, TimeSpan.FromSeconds(4), stop);
                return;
            case "slow-body":
                // A signature that looks right until the body is known.
                using (var request = target.Signed(HttpMethod.Post, "/harnesses", []))
                {
                    await socket.SendAsync(Encoding.ASCII.GetBytes(Target.Head(request, "Content-Type: application/json", "Content-Length: 1000000")), stop);
                }

                await TrickleAsync(socket, 4500, TimeSpan.FromSeconds(4), stop);
                return;
            default:
                var (answer, after) = await Shot.FireAsync(kind, target, socket, stop);
                lock (_refusals)
                {
                    _refusals.Add((answer, after.TotalMilliseconds));
                }

                return;
        }
    }

    private static async Task TrickleAsync(Socket socket, int bytes, TimeSpan every, CancellationToken stop)
    {
        var blanks = new byte[bytes];
        blanks.AsSpan().Fill((byte)' ');
        while (true)
        {
            await socket.SendAsync(blanks, stop);
            await Task.Delay(every, stop);
            if (socket.Poll(0, SelectMode.SelectRead))
            {
                return;
            }
        }
    }

    private static void InterlockedMax(ref long place, long value)
    {
        long seen;
        while (value > (seen = Interlocked.Read(ref place)) && Interlocked.CompareExchange(ref place, value, seen) != seen)
        {
        }
    }
}
