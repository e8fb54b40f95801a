using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>When the first text is there, one turn at a time.</summary>
internal static class FirstTokenRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "first-token";

    /// <summary>Median of turns.</summary>
    public static Metric Median { get; } = new(Name, "time to the first token", "ms");

    /// <summary>95th percentile of turns.</summary>
    public static Metric P95 { get; } = new(Name, "time to the first token, 95th percentile", "ms");

    private static readonly Script Text = new(0, 64, "none");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var field = run.Field;
        var subjects = run.WithPeer(Name, [field.Raw, field.Floor, field.Belay, .. field.Variants]);
        foreach (var subject in subjects)
        {
            await run.TryAsync(Name, subject.Name, () => Load.RepeatAsync(field, subject, Text, run.Schedule.WarmUp, cancellationToken));
        }

        for (var round = 0; round < run.Schedule.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                await run.TryAsync(Name, subject.Name, async () =>
                {
                    var turns = await Load.RepeatAsync(field, subject, Text, run.Schedule.Turn, cancellationToken);
                    double[] first = [.. turns.Select(turn => turn.FirstMs)];
                    run.Results.Add(Median, subject.Name, Sample.Quantile(first, 0.5));
                    run.Results.Add(P95, subject.Name, Sample.Quantile(first, 0.95));
                });
            }
        }
    }
}
