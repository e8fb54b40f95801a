using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>What is added to each model call, by the wire format that the model speaks. The floor speaks chat completions.</summary>
internal static class ProvidersRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "providers";

    /// <summary>Time of a model call in a turn with three tool calls.</summary>
    public static Metric Call { get; } = new(Name, "added time of a model call, by wire format", "ms");

    /// <summary>The product with a model that speaks a format.</summary>
    public static string Subject(WireFormat format) => $"{Names.Belay}, {format.Name}";

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        var program = await field.StartBelayAsync([], cancellationToken);
        IReadOnlyList<ISubject> subjects = [field.Raw, field.Floor, .. WireFormat.All.Select(format => field.Drive(program, Subject(format), format))];
        foreach (var subject in subjects)
        {
            await run.TryAsync(Name, subject.Name, () => Load.RepeatAsync(field, subject, IterationRow.AtOnceScript(subject), schedule.WarmUp, cancellationToken));
        }

        for (var round = 0; round < schedule.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                await run.TryAsync(Name, subject.Name, async () =>
                {
                    var script = IterationRow.AtOnceScript(subject);
                    var turns = await Load.RepeatAsync(field, subject, script, schedule.Turn, cancellationToken);
                    run.Results.Add(Call, subject.Name, Sample.Quantile([.. turns.Select(turn => turn.TotalMs)], 0.5) / script.ModelCalls);
                });
            }
        }
    }
}
