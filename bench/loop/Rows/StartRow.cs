using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>From starting the process to the end of its first turn.</summary>
internal static class StartRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "start";

    private const int ManyStarts = 5;
    private static readonly Script Turn = new(0, 16, "none");

    /// <summary>With a store that holds no session.</summary>
    public static Metric Empty { get; } = new(Name, "process start to the end of the first turn, empty store", "ms");

    /// <summary>With a store of many sessions.</summary>
    public static Metric Many { get; } = new(Name, $"process start to the end of the first turn, store of {MemoryRow.Many:N0} sessions", "ms");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var field = run.Field;
        var program = await field.StartBelayAsync(Variant.Shipped, cancellationToken);
        await program.Process.KillAsync(cancellationToken);
        var hasPeer = run.WithPeer(Name).Count > 0;
        for (var start = 0; start < run.Schedule.Rounds * run.Schedule.Starts; start++)
        {
            await run.TryAsync(Name, Names.Floor, () => PlainAsync(Names.Floor, field.StartFloorAsync));
            if (hasPeer)
            {
                await run.TryAsync(Name, Names.Strands, () => PlainAsync(Names.Strands, field.StartStrandsAsync));
            }

            await run.TryAsync(Name, Names.Belay, () => BelayAsync(run, program, Empty, cancellationToken));
        }

        async Task PlainAsync(string name, Func<CancellationToken, Task<ChildProcess>> startAsync)
        {
            var begun = Stopwatch.GetTimestamp();
            var process = await startAsync(cancellationToken);
            await field.Plain(name, process).TurnAsync(field.NewSession(), Turn, Input.One, cancellationToken);
            run.Results.Add(Empty, name, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            await process.KillAsync(cancellationToken);
        }
    }

    /// <summary>The same on a store that is full.</summary>
    public static async Task ManySessionsAsync(Run run, BelayProgram program, CancellationToken cancellationToken)
    {
        for (var start = 0; start < ManyStarts; start++)
        {
            await program.Process.KillAsync(cancellationToken);
            await BelayAsync(run, program, Many, cancellationToken, kill: false);
        }
    }

    private static async Task BelayAsync(Run run, BelayProgram program, Metric metric, CancellationToken cancellationToken, bool kill = true)
    {
        var begun = Stopwatch.GetTimestamp();
        await program.StartAgainAsync(cancellationToken);
        await run.Field.Drive(program).TurnAsync(run.Field.NewSession(), Turn, Input.One, cancellationToken);
        run.Results.Add(metric, Names.Belay, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        if (kill)
        {
            await program.Process.KillAsync(cancellationToken);
        }
    }
}
