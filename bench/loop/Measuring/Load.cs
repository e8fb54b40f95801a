using System.Diagnostics;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Provider;
using Belay.Bench.Loop.Rows;

namespace Belay.Bench.Loop.Measuring;

/// <summary>Turns, one after the other or side by side. Each takes a session of its own, and the provider must have seen exactly the calls of
/// the script: a subject that skips work cannot look fast.</summary>
internal static class Load
{
    private const int WarmingSessions = 4;

    /// <summary>Turns one after the other, for a time.</summary>
    public static async Task<List<TurnTimes>> RepeatAsync(Field field, ISubject subject, Script script, TimeSpan time, CancellationToken cancellationToken)
    {
        var before = await field.ModelCallsAsync(cancellationToken);
        var turns = new List<TurnTimes>();
        var begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < time)
        {
            turns.Add(await subject.TurnAsync(field.NewSession(), script, Input.One, cancellationToken));
        }

        await CheckAsync(field, subject, script, before, turns.Count, cancellationToken);
        return turns;
    }

    /// <summary>Turns side by side.</summary>
    public static async Task<Window> SideBySideAsync(
        Field field, ISubject subject, Script script, int sessions, TimeSpan ramp, TimeSpan time, CancellationToken cancellationToken)
    {
        var before = await field.ModelCallsAsync(cancellationToken);
        var (stop, counting, done) = (false, false, 0);
        var took = new List<double>();
        var workers = Enumerable.Range(0, sessions).Select(_ => Task.Run(WorkAsync, cancellationToken)).ToList();
        try
        {
            await Task.WhenAny([Task.Delay(ramp, cancellationToken), .. workers]);
            using var self = Process.GetCurrentProcess();
            var (server, driver) = (Cpu(subject), self.TotalProcessorTime);
            var (calls, begun) = (await field.ModelCallsAsync(cancellationToken), Stopwatch.GetTimestamp());
            Volatile.Write(ref counting, true);
            await Task.WhenAny([Task.Delay(time, cancellationToken), .. workers]);
            Volatile.Write(ref counting, false);
            var elapsed = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            calls = await field.ModelCallsAsync(cancellationToken) - calls;
            self.Refresh();
            (server, driver) = (Cpu(subject) - server, self.TotalProcessorTime - driver);
            Volatile.Write(ref stop, true);
            await Task.WhenAll(workers);
            await CheckAsync(field, subject, script, before, done, cancellationToken);
            lock (took)
            {
                // Turns that began in the window count to their end, so that slow ones are not left out.
                return new(calls / elapsed, Sample.Quantile(took, 0.99), server / calls * 1000, driver.TotalSeconds / elapsed);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
        }

        async Task WorkAsync()
        {
            while (!Volatile.Read(ref stop))
            {
                var counted = Volatile.Read(ref counting);
                var turn = await subject.TurnAsync(field.NewSession(), script, Input.One, cancellationToken);
                Interlocked.Increment(ref done);
                if (counted || Volatile.Read(ref counting))
                {
                    lock (took)
                    {
                        took.Add(turn.TotalMs);
                    }
                }
            }
        }
    }

    /// <summary>Turns of every subject side by side, with tools and without, which are not measured. What is broken is found by the rows.</summary>
    public static Task WarmUpAsync(Field field, TimeSpan time, CancellationToken cancellationToken) =>
        Task.WhenAll(field.Subjects.SelectMany(subject => Enumerable.Repeat(subject, WarmingSessions)).Select(async subject =>
        {
            var tools = IterationRow.AtOnceScript(subject);
            var text = new Script(0, tools.Tokens, tools.Tool);
            try
            {
                for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < time;)
                {
                    var session = field.NewSession();
                    await subject.TurnAsync(session, tools, Input.One, cancellationToken);
                    await subject.TurnAsync(session, text, Input.One, cancellationToken);
                }
            }
            catch (Exception broken) when (broken is WrongAnswerException or HttpRequestException or IOException)
            {
            }
        }));

    /// <summary>Runs <paramref name="count"/> pieces of work, some at a time.</summary>
    public static async Task ForEachAsync(int count, int atATime, Func<int, Task> work, CancellationToken cancellationToken) =>
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = atATime, CancellationToken = cancellationToken }, async (index, _) => await work(index));

    private static double Cpu(ISubject subject) => subject.ProcessId is { } id ? ProcessTree.Read(id).CpuSeconds : 0;

    private static async Task CheckAsync(Field field, ISubject subject, Script script, long before, int turns, CancellationToken cancellationToken)
    {
        var calls = await field.ModelCallsAsync(cancellationToken) - before;
        if (calls != (long)turns * script.ModelCalls)
        {
            throw new WrongAnswerException($"{subject.Name} made {calls} model calls in {turns} turns of {script.ModelCalls}.");
        }
    }
}

/// <summary>What a window of turns side by side showed.</summary>
/// <param name="CallsPerSecond">Model calls a second.</param>
/// <param name="P99Ms">99th percentile of a turn.</param>
/// <param name="CpuPer1000">Processor seconds of the server and its children for 1,000 model calls.</param>
/// <param name="DriverCores">Processors that the bench itself used.</param>
internal sealed record Window(double CallsPerSecond, double P99Ms, double CpuPer1000, double DriverCores);
