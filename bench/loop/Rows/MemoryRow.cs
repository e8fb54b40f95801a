using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>Resident memory of sessions that nobody uses, of 50 messages each, in a process that serves nothing else.</summary>
internal static class MemoryRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "memory";

    /// <summary>Sessions of a long run.</summary>
    public const int Many = 100_000;

    // More than stay in memory by design, and enough for the store's page caches (24 MiB) and the young generation (some 100 MiB) to be full, so
    // that what is measured afterwards are the others.
    private const int Before = 5000;
    private const int AtATime = 16;
    private static readonly Script Text = new(0, 16, "none");
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    /// <summary>Growth for each session, up to a number of sessions.</summary>
    public static Metric Each(int sessions) => new(Name, $"resident memory of an idle session, {sessions:N0} sessions more", "KiB");

    /// <summary>The whole process.</summary>
    public static Metric Whole(int sessions) => new(Name, $"resident memory of the server with {sessions:N0} idle sessions", "MiB");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var field = run.Field;
        IReadOnlyList<int> counts = run.Schedule == Schedule.Quick ? [1000] : run.Long ? [1000, 5000, Many] : [1000, 5000];
        await run.TryAsync(Name, Names.Floor, async () => await MeasureAsync(run, field.Plain(Names.Floor, await field.StartFloorAsync(cancellationToken)), counts, cancellationToken));
        if (run.WithPeer(Name).Count > 0)
        {
            await run.TryAsync(Name, Names.Strands, async () =>
                await MeasureAsync(run, field.Plain(Names.Strands, await field.StartStrandsAsync(cancellationToken)), [.. counts.Where(count => count < Many)], cancellationToken));
        }

        await run.TryAsync(Name, Names.Belay, async () =>
        {
            var program = await field.StartBelayAsync(Product.Variant.Shipped, cancellationToken);
            await MeasureAsync(run, field.Drive(program), counts, cancellationToken);
            if (run.Long)
            {
                await StartRow.ManySessionsAsync(run, program, cancellationToken);
            }
        });
    }

    private static async Task MeasureAsync(Run run, ISubject subject, IReadOnlyList<int> counts, CancellationToken cancellationToken)
    {
        var history = Input.Of(48);
        await FillAsync(Before);
        var before = ProcessTree.Read(subject.ProcessId!.Value).ResidentKiB;
        var made = 0;
        foreach (var count in counts)
        {
            await FillAsync(count - made);
            made = count;
            var after = ProcessTree.Read(subject.ProcessId!.Value).ResidentKiB;
            run.Results.Add(Each(count), subject.Name, (after - before) / (double)count);
            run.Results.Add(Whole(count), subject.Name, after / 1024.0);
        }

        async Task FillAsync(int sessions)
        {
            await Load.ForEachAsync(sessions, AtATime, async _ => await subject.TurnAsync(run.Field.NewSession(), Text, history, cancellationToken), cancellationToken);
            await Task.Delay(Settling, cancellationToken);
        }
    }
}
