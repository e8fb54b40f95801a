using System.Collections.Concurrent;
using System.Globalization;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Simulation;

namespace Belay.Tests.Simulation;

public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int Seeds = 2000;

    private int _crashes;
    private int _acknowledged;
    private int _effects;
    private int _resumed;
    private int _detached;
    private int _steered;
    private int _diskFailures;
    private int _switched;
    private int _offloaded;
    private int _reduced;

    [Fact]
    public async Task BadDays_NothingIsLost()
    {
        var seeds = BelayTestSettings.Seeds ?? Seeds;
        var failures = await RunAsync(seeds, BrokenRule.None);

        output.WriteLine($"{seeds} days: {_crashes} servers died, {_acknowledged} turns were acknowledged, {_effects} effects happened, {_resumed} pauses were answered.");
        output.WriteLine($"{_detached} detached invocations were accepted, {_steered} messages were handed to running ones, disks failed on {_diskFailures} days, models took over {_switched} times.");
        output.WriteLine($"On {_offloaded} days results were shown in part, on {_reduced} days the conversation was shortened.");
        Assert.True(
            seeds < 100 || (_crashes > seeds / 2 && _acknowledged > seeds / 2 && _effects > seeds && _resumed > seeds / 20 && _detached > seeds / 4 && _steered > seeds / 20 && _diskFailures > seeds / 10 && _offloaded > seeds / 20 && _reduced > seeds / 20 && _switched > seeds / 20),
            "The days were too quiet to prove anything.");
        Assert.True(failures.IsEmpty, string.Join('\n', failures.OrderBy(pair => pair.Key).Take(5).Select(pair => $"seed {pair.Key}: {pair.Value}")));
    }

    [Fact]
    public void SameSeed_IsTheSameDay()
    {
        var different = Enumerable.Range(0, 50).Where(seed => TraceOf(seed) != TraceOf(seed)).ToList();

        Assert.True(different.Count == 0, $"Seeds whose days differ: {string.Join(' ', different)}");
    }

    [Fact]
    public async Task IntentStoredAfterItsEffect_IsCaught()
    {
        var failures = await RunAsync(60, BrokenRule.IntentBeforeEffect);

        output.WriteLine($"{failures.Count} of 60 seeds caught it.");
        Assert.Contains(failures.Values, problem => problem.Contains("its intent is entry", StringComparison.Ordinal) || problem.Contains("without an intent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task StreamThatBeginsBeforeItsStartIsSafe_IsCaught()
    {
        var failures = await RunAsync(60, BrokenRule.SafeBeforeStream);

        output.WriteLine($"{failures.Count} of 60 seeds caught it.");
        Assert.Contains(failures.Values, problem => problem.Contains("its start is entry", StringComparison.Ordinal));
    }

    [Fact]
    public void OutcomeBeforeIntent_IsCaught()
    {
        var at = DateTimeOffset.UnixEpoch;
        var input = System.Text.Json.JsonElement.Parse("{}");
        Entry[] entries =
        [
            new(1, at, new InvocationStarted("i", "DEFAULT", "1", [], [], ["*"], new(5, null, 60))),
            new(2, at, new ToolOutcome("i", new("a", HarnessToolUseStatus.Success, []), 0)),
            new(3, at, new ToolIntent("i", "a", "shell", "builtin", input, "run")),
        ];

        Assert.Equal(["2: an outcome of a without its intent"], JournalCheck.Problems(entries));
    }

    [Fact]
    public void SecondOutcomeOfACall_IsCaught()
    {
        var at = DateTimeOffset.UnixEpoch;
        var outcome = new ToolOutcome("i", new("a", HarnessToolUseStatus.Success, []), 0);
        Entry[] entries =
        [
            new(1, at, new InvocationStarted("i", "DEFAULT", "1", [], [], ["*"], new(5, null, 60))),
            new(2, at, new ToolIntent("i", "a", "shell", "builtin", System.Text.Json.JsonElement.Parse("{}"), "run")),
            new(3, at, outcome),
            new(4, at, outcome),
        ];

        Assert.Equal(["4: a second outcome of a"], JournalCheck.Problems(entries));
    }

    private static string TraceOf(int seed)
    {
        var session = new SimulatedSession(seed, orderly: true);
        Assert.Empty(OneThread.Run(session.RunAsync));
        return session.Trace;
    }

    private async Task<ConcurrentDictionary<int, string>> RunAsync(int seeds, BrokenRule broken)
    {
        var failures = new ConcurrentDictionary<int, string>();
        await Parallel.ForAsync(0, seeds, (seed, _) =>
        {
            string[] problems;
            try
            {
                var session = new SimulatedSession(seed, broken);
                problems = [.. OneThread.Run(session.RunAsync)];
                Interlocked.Add(ref _crashes, session.Crashes);
                Interlocked.Add(ref _acknowledged, session.Acknowledged);
                Interlocked.Add(ref _effects, session.Effects);
                Interlocked.Add(ref _resumed, session.Resumed);
                Interlocked.Add(ref _detached, session.Detached);
                Interlocked.Add(ref _steered, session.Steered);
                Interlocked.Add(ref _diskFailures, session.DiskFailures);
                Interlocked.Add(ref _switched, session.Switched);
                Interlocked.Add(ref _offloaded, session.Offloaded > 0 ? 1 : 0);
                Interlocked.Add(ref _reduced, session.Reduced > 0 ? 1 : 0);
            }
            catch (Exception exception)
            {
                problems = [exception.ToString()];
            }

            if (problems.Length > 0)
            {
                failures[seed] = string.Join("; ", problems);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}: {problems[0]}"));
            }

            return ValueTask.CompletedTask;
        });
        return failures;
    }
}
