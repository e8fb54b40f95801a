using System.Globalization;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>How fast a session is run again from its journal: entries that are read, opened, replayed and compared.</summary>
internal static class ReplayRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "replay";

    private const int Turns = 20;
    private static readonly Script Work = new(8, 64, "none");

    /// <summary>Entries of one session in a second.</summary>
    public static Metric Speed { get; } = new(Name, $"a session of {Turns} turns with {Work.ModelCalls} model calls each is replayed", "entries/s");

    /// <summary>Runs the row.</summary>
    public static Task RunAsync(Run run, CancellationToken cancellationToken) => run.TryAsync(Name, Names.Belay, async () =>
    {
        var (field, program) = (run.Field, run.Field.Program);
        var session = field.NewSession();
        for (var turn = 0; turn < Turns; turn++)
        {
            await field.Belay.TurnAsync(session, Work, Input.One, cancellationToken);
        }

        var target = $"/belay/v1/harnesses/{program.HarnessArn.Split('/')[^1]}/sessions/{session}/replay";
        for (var round = 0; round <= run.Schedule.Rounds; round++)
        {
            var verdict = await program.Client.CallAsync(HttpMethod.Post, target, null, cancellationToken);
            if (!(bool)verdict["identical"]!)
            {
                throw new WrongAnswerException($"The replay diverged: {verdict["invocations"]!.AsArray()[^1]!.ToJsonString()}");
            }

            // The first one warms up.
            if (round > 0)
            {
                run.Results.Add(Speed, Names.Belay, (double)verdict["entries"]! * 1000 / Math.Max(1, double.Parse(verdict["durationMs"]!.ToString(), CultureInfo.InvariantCulture)));
            }
        }
    });
}
