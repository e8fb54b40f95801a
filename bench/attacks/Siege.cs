using System.Diagnostics;
using System.Globalization;

namespace Belay.Bench.Attacks;

/// <summary>One attack: kinds of sockets and how many of each there are at a time.</summary>
internal sealed record Attack(string Name, params (string Kind, int Count)[] Crowds)
{
    /// <summary>Whether it needs HTTP/2, which is offered inside TLS only.</summary>
    public bool Tls { get; init; }

    /// <summary>Connections that the server is told to hold; null for as many as it usually does.</summary>
    public int? Room { get; init; }

    /// <summary>Attackers at a time. A server with less room closes the oldest of them for each that comes.</summary>
    public int Count => Crowds.Sum(crowd => crowd.Count);
}

/// <summary>Runs every attack beside a good client, and the good client alone before each: only ratios of one moment mean something.</summary>
internal sealed class Siege(TimeSpan duration, string named, TimeProvider time)
{
    private const long MostGrowth = 512L * 1024 * 1024;

    private static readonly Attack[] Attacks =
    [
        new("10,000 idle, 10,000 slow senders", ("idle", 10_000), ("slow-head", 5_000), ("slow-body", 5_000)),
        new("10,000 idle, 10,000 slow, room", ("idle", 10_000), ("slow-head", 5_000), ("slow-body", 5_000)) { Room = 25_000 },
        new("10 GB body, length stated", ("huge-length", 20)),
        new("10 GB body, chunked", ("huge-chunks", 20)),
        new("JSON 100,000 deep", ("deep", 10)),
        new("10^6 keys", ("keys", 1)),
        new("numbers of 1e400", ("numbers", 20)),
        new("64 KB of headers", ("large-headers", 20)),
        new("HTTP/2 rapid reset", ("reset", 1)) { Tls = true },
    ];

    /// <summary>1 when a good client saw a failure or the server grew too much.</summary>
    public async Task<int> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var broken = false;
        await output.WriteLineAsync($"{Environment.ProcessorCount} cores, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}, {duration.TotalSeconds} s each; milliseconds; refusals and times are the attackers'");
        await output.WriteLineAsync($"{"attack",-34} {"tried",6} {"reached",8} {"came",7} {"ended",7} {"refusal p50/max",16} {"good",5} {"failed",6} {"p50 alone>under",18} {"p99 alone>under",18} {"ratio",6} {"p99 rush",8} {"cores",5} {"grew MiB",9}  answers");
        foreach (var group in Attacks.Where(attack => attack.Name.Contains(named, StringComparison.OrdinalIgnoreCase)).GroupBy(attack => (attack.Tls, attack.Room)))
        {
            await using var server = await ServerProcess.StartAsync(group.Key.Tls, group.Key.Room, cancellationToken);
            await output.WriteLineAsync($"  a server that may open {server.MostFiles} files and is told to hold {(group.Key.Room is { } room ? $"{room:N0}" : "the usual number of")} connections");
            using var client = new GoodClient(server.Target, server.HarnessId, time);
            await client.RunAsync(TimeSpan.FromSeconds(8), cancellationToken);
            foreach (var attack in group)
            {
                broken |= await RunAsync(attack, server, client, output, cancellationToken);
            }
        }

        return broken ? 1 : 0;
    }

    private async Task<bool> RunAsync(Attack attack, ServerProcess server, GoodClient client, TextWriter output, CancellationToken cancellationToken)
    {
        // 1. Alone.
        var alone = await client.RunAsync(duration, cancellationToken);
        var before = server.ResidentBytes();

        // 2. Under attack, from its first moment on. The rush of its beginning is counted apart from what follows.
        var crowds = new List<Process>();
        try
        {
            foreach (var (kind, count) in attack.Crowds)
            {
                crowds.Add(await StartAsync(kind, count, server.Target, cancellationToken));
            }

            using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var largest = LargestAsync(server, enough.Token);
            var rush = await client.RunAsync(TimeSpan.FromSeconds(5), cancellationToken);
            var worked = server.ProcessorTime();
            var under = await client.RunAsync(duration, cancellationToken);
            var cores = (server.ProcessorTime() - worked) / duration;
            await enough.CancelAsync();
            var grew = await largest - before;

            // 3. What the attackers saw.
            var reports = new List<string[]>();
            foreach (var crowd in crowds)
            {
                await crowd.StandardInput.WriteLineAsync();
                reports.Add((await crowd.StandardOutput.ReadLineAsync(cancellationToken))!.Split('|'));
            }

            string Sum(int column) => reports.Sum(report => long.Parse(report[column], CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture);
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{attack.Name,-34} {attack.Count,6} {Sum(0),8} {Sum(1),7} {Sum(2),7} {string.Join(' ', reports.Select(report => report[4])).Trim(),16} {rush.Count + under.Count,5} {rush.Failures + under.Failures,6} {alone.Percentile(0.5),8:F1} >{under.Percentile(0.5),8:F1} {alone.Percentile(0.99),8:F1} >{under.Percentile(0.99),8:F1} {under.Percentile(0.99) / alone.Percentile(0.99),6:F2} {rush.Percentile(0.99),8:F1} {cores,5:F2} {grew / 1048576.0,9:F0}  {string.Join(' ', reports.Select(report => report[3])).Trim()}"));
            if ((under.FirstFailure ?? rush.FirstFailure) is { } failure)
            {
                await output.WriteLineAsync($"  a good client saw: {failure}");
            }

            return rush.Failures + under.Failures > 0 || grew > MostGrowth;
        }
        finally
        {
            foreach (var crowd in crowds)
            {
                crowd.Kill();
                await crowd.WaitForExitAsync(CancellationToken.None);
                crowd.Dispose();
            }
        }
    }

    private static async Task<Process> StartAsync(string kind, int count, Target target, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Siege).Assembly.Location, "--hold", kind, $"{target.Port}", $"{count}", target.Argument])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start)!;

        // Attackers bring machines of their own; on this one they must not win the processor by being many.
        process.PriorityClass = ProcessPriorityClass.BelowNormal;
        await process.StandardOutput.ReadLineAsync(cancellationToken);
        return process;
    }

    private async Task<long> LargestAsync(ServerProcess server, CancellationToken enough)
    {
        var largest = 0L;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200), time);
        try
        {
            do
            {
                largest = Math.Max(largest, server.ResidentBytes());
            }
            while (await timer.WaitForNextTickAsync(enough));
        }
        catch (OperationCanceledException)
        {
            // Enough.
        }

        return largest;
    }
}
