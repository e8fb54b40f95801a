using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>The server is killed while turns run, and started again: until a session that was there before answers with its history.</summary>
internal static class RecoveryRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "recovery";

    private const int Busy = 16;
    private static readonly TimeSpan BeforeKill = TimeSpan.FromMilliseconds(300);
    private static readonly Script Text = new(0, 16, "none");

    /// <summary>From starting again to the answer.</summary>
    public static Metric Answer { get; } = new(Name, "restart after kill -9 to an answer with the history", "ms");

    /// <summary>Runs the row.</summary>
    public static Task RunAsync(Run run, CancellationToken cancellationToken) => run.TryAsync(Name, Names.Belay, async () =>
    {
        var field = run.Field;
        var program = await field.StartBelayAsync(Variant.Shipped, cancellationToken);
        var subject = field.Drive(program);
        var history = Input.Of(48);
        for (var kill = 0; kill < run.Schedule.Rounds * run.Schedule.Starts; kill++)
        {
            var session = field.NewSession();
            await subject.TurnAsync(session, Text, history, cancellationToken);
            var busy = Enumerable.Range(0, Busy).Select(_ => UntilKilledAsync(field, subject, cancellationToken)).ToList();
            await Task.Delay(BeforeKill, cancellationToken);
            await program.Process.KillAsync(cancellationToken);
            await Task.WhenAll(busy);

            var begun = Stopwatch.GetTimestamp();
            await program.StartAgainAsync(cancellationToken);
            subject = field.Drive(program);
            var turn = await subject.TurnAsync(session, Text, Input.One, cancellationToken);
            run.Results.Add(Answer, Names.Belay, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            if (turn.Seen != history.Messages.Count + 2)
            {
                throw new WrongAnswerException($"After the restart the model was shown {turn.Seen} messages, not {history.Messages.Count + 2}.");
            }
        }
    });

    private static async Task UntilKilledAsync(Field field, ISubject subject, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await subject.TurnAsync(field.NewSession(), IterationRow.AtOnceScript(subject), Input.One, cancellationToken);
            }
        }
        catch (Exception killed) when (killed is HttpRequestException or IOException or WrongAnswerException)
        {
            // That is what was wanted.
        }
    }
}
