using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Rows;

/// <summary>
/// The server is killed while turns run, and started again: until a session that was there before answers with its history. It must not matter
/// how many others are stored.
/// </summary>
internal static class RecoveryRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "recovery";

    private const int Busy = 16;
    private static readonly int[] Stored = [1, 10_000];
    private static readonly TimeSpan BeforeKill = TimeSpan.FromMilliseconds(300);
    private static readonly Script Text = new(0, 16, "none");

    /// <summary>From starting again to the answer.</summary>
    public static Metric Answer(int stored) => new(Name, $"restart after kill -9 to an answer with the history, {stored:N0} stored session{(stored == 1 ? "" : "s")}", "ms");

    /// <summary>Runs the row.</summary>
    public static Task RunAsync(Run run, CancellationToken cancellationToken) => run.TryAsync(Name, Names.Belay, async () =>
    {
        var servers = new List<Server>();
        foreach (var stored in Stored)
        {
            servers.Add(await Server.StartAsync(run.Field, stored, cancellationToken));
        }

        // One after the other, so that whatever else the machine does is the same for all.
        for (var kill = 0; kill < run.Schedule.Rounds * run.Schedule.Starts; kill++)
        {
            foreach (var server in servers)
            {
                run.Results.Add(Answer(server.Stored), Names.Belay, await server.RecoverAsync(cancellationToken));
            }
        }
    });

    /// <summary>A server with a store of its own: one session that answers, those that are cut off, and others that nobody asks.</summary>
    private sealed class Server(Field field, BelayProgram program, int stored)
    {
        private static readonly Input History = Input.Of(48);
        private readonly string _session = field.NewSession();
        private readonly string[] _busy = [.. Enumerable.Range(0, Busy).Select(_ => field.NewSession())];
        private ISubject _subject = field.Drive(program);
        private int _seen = History.Messages.Count;

        /// <summary>Finished sessions in its store.</summary>
        public int Stored => stored;

        /// <summary>Fills a store and starts a server on it. One life more lets the server do what it does once about sessions that are new to it.</summary>
        public static async Task<Server> StartAsync(Field field, int stored, CancellationToken cancellationToken)
        {
            var program = await field.StartBelayAsync(Variant.Shipped, cancellationToken);
            if (stored > 1)
            {
                await program.Process.KillAsync(cancellationToken);
                await program.StoreSessionsAsync(stored - 1, cancellationToken);
                await program.StartAgainAsync(cancellationToken);
            }

            var server = new Server(field, program, stored);
            await server._subject.TurnAsync(server._session, Text, History, cancellationToken);
            await server.RecoverAsync(cancellationToken);
            return server;
        }

        /// <summary>Kills it while turns run. Answers the milliseconds from starting again to the answer.</summary>
        public async Task<double> RecoverAsync(CancellationToken cancellationToken)
        {
            var busy = _busy.Select(session => UntilKilledAsync(_subject, session, cancellationToken)).ToList();
            await Task.Delay(BeforeKill, cancellationToken);
            await program.Process.KillAsync(cancellationToken);
            await Task.WhenAll(busy);

            var begun = Stopwatch.GetTimestamp();
            await program.StartAgainAsync(cancellationToken);
            _subject = field.Drive(program);
            var turn = await _subject.TurnAsync(_session, Text, Input.One, cancellationToken);
            var took = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            _seen += 2;
            if (turn.Seen != _seen)
            {
                throw new WrongAnswerException($"After the restart the model was shown {turn.Seen} messages, not {_seen}.");
            }

            return took;
        }

        private static async Task UntilKilledAsync(ISubject subject, string session, CancellationToken cancellationToken)
        {
            try
            {
                while (true)
                {
                    await subject.TurnAsync(session, IterationRow.AtOnceScript(subject), Input.One, cancellationToken);
                }
            }
            catch (Exception killed) when (killed is HttpRequestException or IOException or WrongAnswerException)
            {
                // That is what was wanted.
            }
        }
    }
}
