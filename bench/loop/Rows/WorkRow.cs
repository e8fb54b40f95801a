using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Product;

namespace Belay.Bench.Loop.Rows;

/// <summary>What an iteration makes the server do, counted instead of timed: a busy machine hardly changes it.</summary>
internal static class WorkRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "work";

    private static readonly (Variant Variant, string Name)[] Composed =
    [
        (Variant.Composed, Names.Belay), (Variant.MemoryJournal, Names.MemoryJournal), (Variant.NoSealing, Names.NoSealing), (Variant.Bearer, Names.Bearer),
        (Variant.NoTelemetry, Names.NoTelemetry),
    ];

    /// <summary>Garbage of an iteration.</summary>
    public static Metric Allocated(int sessions) => new(Name, $"allocated in an iteration, {sessions} sessions", "KiB");

    /// <summary>Hops between threads.</summary>
    public static Metric Hops(int sessions) => new(Name, $"items of the thread pool in an iteration, {sessions} sessions", "items");

    /// <summary>Waits for locks.</summary>
    public static Metric Contentions(int sessions) => new(Name, $"waits for locks in 1,000 iterations, {sessions} sessions", "waits");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        var floor = await field.StartFloorAsync(cancellationToken);
        List<(ISubject Subject, ChildProcess Process)> subjects = [(field.Plain(Names.Floor, floor), floor)];
        foreach (var (variant, name) in Composed)
        {
            var program = await field.StartBelayAsync(variant, cancellationToken);
            subjects.Add((field.Drive(program, name), program.Process));
        }

        foreach (var sessions in (int[])[1, 64])
        {
            foreach (var (subject, process) in subjects)
            {
                await run.TryAsync(Name, subject.Name, async () =>
                {
                    var script = IterationRow.AtOnceScript(subject);
                    await Load.SideBySideAsync(field, subject, script, sessions, TimeSpan.Zero, schedule.WarmUp, cancellationToken);
                    var (before, calls) = (await process.CountersAsync(cancellationToken), await field.ModelCallsAsync(cancellationToken));
                    await Load.SideBySideAsync(field, subject, script, sessions, TimeSpan.Zero, schedule.Window, cancellationToken);
                    var after = await process.CountersAsync(cancellationToken);
                    var iterations = (double)(await field.ModelCallsAsync(cancellationToken) - calls);
                    run.Results.Add(Allocated(sessions), subject.Name, (after.AllocatedBytes - before.AllocatedBytes) / 1024.0 / iterations);
                    run.Results.Add(Hops(sessions), subject.Name, (after.PoolItems - before.PoolItems) / iterations);
                    run.Results.Add(Contentions(sessions), subject.Name, (after.Contentions - before.Contentions) / iterations * 1000);
                });
            }
        }
    }
}
