using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>An iteration in a session that already has a history: again and again in the same session, one session after the other.</summary>
internal static class HistoryRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "history";

    /// <summary>Messages of the history.</summary>
    public static IReadOnlyList<int> Messages { get; } = [10, 100, 1000];

    private const int TurnsPerSession = 20;
    private static readonly Script Seed = new(0, 16, "none");

    /// <summary>Time of an iteration.</summary>
    public static Metric Iteration(int messages) => new(Name, $"iteration in a session of {messages} messages", "ms");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var (field, schedule) = (run.Field, run.Schedule);
        var subjects = run.WithPeer(Name, [field.Raw, field.Floor, field.Belay, field.Cold, .. field.Variants]);
        foreach (var messages in Messages)
        {
            var history = Input.Of(messages);
            foreach (var subject in subjects)
            {
                await run.TryAsync(Name, subject.Name, () => RepeatAsync(field, subject, history, schedule.WarmUp, cancellationToken));
            }

            for (var round = 0; round < schedule.Rounds; round++)
            {
                foreach (var subject in subjects)
                {
                    await run.TryAsync(Name, subject.Name, async () =>
                        run.Results.Add(Iteration(messages), subject.Name, Sample.Quantile(await RepeatAsync(field, subject, history, schedule.Turn, cancellationToken), 0.5)));
                }
            }
        }
    }

    // The history itself is sent in a turn that does not count; so is the first turn after it.
    private static async Task<List<double>> RepeatAsync(Field field, ISubject subject, Input history, TimeSpan time, CancellationToken cancellationToken)
    {
        var script = new Script(1, Seed.Tokens, IterationRow.AtOnceScript(subject).Tool);
        var took = new List<double>();
        var begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < time)
        {
            var session = field.NewSession();
            await subject.TurnAsync(session, Seed, history, cancellationToken);
            for (var i = 0; i <= TurnsPerSession; i++)
            {
                var turn = await subject.TurnAsync(session, script, Input.One, cancellationToken);
                if (turn.Seen < history.Messages.Count + 4)
                {
                    throw new WrongAnswerException($"{subject.Name} showed the model {turn.Seen} messages of a session with {history.Messages.Count}.");
                }

                if (i > 0)
                {
                    took.Add(turn.TotalMs / script.ModelCalls);
                }
            }
        }

        return took;
    }
}
