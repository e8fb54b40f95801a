using System.Diagnostics;
using Belay.Bench.Loop.Measuring;

namespace Belay.Bench.Loop.Rows;

/// <summary>Commands in sandboxes, beside what the operating system takes to run a program.</summary>
internal static class SandboxRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "sandbox";

    /// <summary>Name of the floor.</summary>
    public const string Fork = "fork and exec of true";

    /// <summary>Name of a command where the sandbox runs.</summary>
    public const string Running = "command true in a running sandbox";

    /// <summary>Name of a command that starts the sandbox.</summary>
    public const string Fresh = "new session to its first command done";

    /// <summary>Time of one command over HTTP.</summary>
    public static Metric Command { get; } = new(Name, "a command, over HTTP", "ms");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        var session = field.NewSession();
        await Sandboxes.TrueAsync(field.Program, session, cancellationToken);
        await RepeatAsync(schedule.WarmUp, () => Sandboxes.TrueAsync(field.Program, session, cancellationToken));
        for (var round = 0; round < schedule.Rounds; round++)
        {
            await run.TryAsync(Name, Fork, async () => run.Results.Add(Command, Fork, await RepeatAsync(schedule.Turn, () => ForkAsync(cancellationToken))));
            await run.TryAsync(Name, Running, async () =>
                run.Results.Add(Command, Running, await RepeatAsync(schedule.Turn, () => Sandboxes.TrueAsync(field.Program, session, cancellationToken))));
            for (var start = 0; start < schedule.Starts; start++)
            {
                await run.TryAsync(Name, Fresh, async () =>
                {
                    var fresh = field.NewSession();
                    var begun = Stopwatch.GetTimestamp();
                    await Sandboxes.TrueAsync(field.Program, fresh, cancellationToken);
                    run.Results.Add(Command, Fresh, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                    await Sandboxes.StopAsync(field.Program, fresh, cancellationToken);
                });
            }
        }

        await Sandboxes.StopAsync(field.Program, session, cancellationToken);
    }

    private static async Task<double> RepeatAsync(TimeSpan time, Func<Task> work)
    {
        var took = new List<double>();
        for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < time;)
        {
            var one = Stopwatch.GetTimestamp();
            await work();
            took.Add(Stopwatch.GetElapsedTime(one).TotalMilliseconds);
        }

        return Sample.Quantile(took, 0.5);
    }

    private static async Task ForkAsync(CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/true") { RedirectStandardOutput = true })!;
        await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
    }
}
