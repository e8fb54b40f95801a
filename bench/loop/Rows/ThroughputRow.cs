using Belay.Bench.Loop.Measuring;

namespace Belay.Bench.Loop.Rows;

/// <summary>Turns of four model calls side by side, each in a session of its own.</summary>
internal static class ThroughputRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "throughput";

    /// <summary>Sessions at a time.</summary>
    public static IReadOnlyList<int> Sessions { get; } = [1, 16, 256];

    /// <summary>Model calls a second.</summary>
    public static Metric Calls(int sessions) => new(Name, $"model calls a second, {sessions} sessions", "1/s");

    /// <summary>99th percentile of a turn.</summary>
    public static Metric P99(int sessions) => new(Name, $"turn of 4 model calls, 99th percentile, {sessions} sessions", "ms");

    /// <summary>Processor time of the server.</summary>
    public static Metric Cpu(int sessions) => new(Name, $"processor time of the server for 1,000 iterations, {sessions} sessions", "s");

    /// <summary>Processor time of the bench itself.</summary>
    public static Metric Driver(int sessions) => new(Name, $"processors used by the bench itself, {sessions} sessions", "cores");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        var subjects = run.WithPeer(Name, [field.Floor, field.Belay, .. field.Variants]);
        foreach (var subject in subjects)
        {
            await run.TryAsync(Name, subject.Name, () =>
                Load.SideBySideAsync(field, subject, IterationRow.AtOnceScript(subject), 16, TimeSpan.Zero, schedule.WarmUp, cancellationToken));
        }

        for (var round = 0; round < schedule.Rounds; round++)
        {
            foreach (var sessions in Sessions)
            {
                foreach (var subject in subjects)
                {
                    await run.TryAsync(Name, subject.Name, async () =>
                    {
                        var window = await Load.SideBySideAsync(
                            field, subject, IterationRow.AtOnceScript(subject), sessions, schedule.Ramp, schedule.Window, cancellationToken);
                        run.Results.Add(Calls(sessions), subject.Name, window.CallsPerSecond);
                        run.Results.Add(P99(sessions), subject.Name, window.P99Ms);
                        run.Results.Add(Cpu(sessions), subject.Name, window.CpuPer1000);
                        run.Results.Add(Driver(sessions), subject.Name, window.DriverCores);
                    });
                }
            }
        }
    }
}
