using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>What a turn costs more in an idle session of 50 messages that has to be opened from the journal than in one whose conversation is
/// still in memory.</summary>
internal static class WakingRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "waking";

    private const int Sessions = 20;
    private static readonly Script Text = new(0, 16, "none");

    /// <summary>A whole turn.</summary>
    public static Metric Turn { get; } = new(Name, "turn of one model call in an idle session of 50 messages", "ms");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        ISubject[] subjects = [field.Floor, field.Belay, field.Cold];
        foreach (var subject in subjects)
        {
            await run.TryAsync(Name, subject.Name, () => RepeatAsync(field, subject, schedule.WarmUp, cancellationToken));
        }

        for (var round = 0; round < schedule.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                await run.TryAsync(Name, subject.Name, async () =>
                    run.Results.Add(Turn, subject.Name, Sample.Quantile(await RepeatAsync(field, subject, schedule.Turn, cancellationToken), 0.5)));
            }
        }
    }

    // Several sessions in turn, so that the one that is woken has long been given back.
    private static async Task<List<double>> RepeatAsync(Field field, ISubject subject, TimeSpan time, CancellationToken cancellationToken)
    {
        var history = Input.Of(48);
        var took = new List<double>();
        var begun = Stopwatch.GetTimestamp();
        do
        {
            string[] sessions = [.. Enumerable.Range(0, Sessions).Select(_ => field.NewSession())];
            foreach (var session in sessions)
            {
                await subject.TurnAsync(session, Text, history, cancellationToken);
            }

            foreach (var session in sessions)
            {
                var turn = await subject.TurnAsync(session, Text, Input.One, cancellationToken);
                if (turn.Seen != history.Messages.Count + 2)
                {
                    throw new WrongAnswerException($"{subject.Name} showed the model {turn.Seen} messages, not {history.Messages.Count + 2}.");
                }

                took.Add(turn.TotalMs);
            }
        }
        while (Stopwatch.GetElapsedTime(begun) < time);
        return took;
    }
}
