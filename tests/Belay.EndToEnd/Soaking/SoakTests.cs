using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Soaking;

/// <summary><c>belay test --soak N</c>: many turns in sessions that come back, on a server that is killed and started again, and what must be true afterwards.</summary>
public sealed class SoakTests
{
    private const int Steps = 20;

    // Most that resident memory may grow in the second half of the turns, after its first fifth.
    private const double MostGrowthMiB = 96;
    private const int MostNewHandles = 64;
    private const int MostNewThreads = 32;
    private static readonly TimeSpan VerifyLimit = TimeSpan.FromMinutes(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task ManyTurns_WithDeaths_LoseNothing_AndNothingGrows()
    {
        Assert.SkipWhen(BelayTestSettings.Soak is null, "Takes as long as it is told to: belay test --soak N");
        var turns = BelayTestSettings.Soak!.Value;
        var seed = BelayTestSettings.Seed ?? Environment.TickCount & 0xFFFFFF;
        var plan = new SoakPlan(seed, turns);
        Say($"{turns:N0} turns in {plan.Sessions:N0} sessions with seed {seed}; kill -9 around turns {string.Join(", ", plan.Deaths)}");
        await using var server = await BelayProcess.StartAsync(Token);
        var harness = await server.Client.CreateHarnessAsync("soaked", new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, Token);
        var world = new SoakWorld(server, (string)harness["arn"]!, plan);

        // 1. The first half, with deaths; the second half in one life.
        var began = TimeProvider.System.GetTimestamp();
        var half = turns / 2;
        await world.RunThroughDeathsAsync(half, Report, Token);
        var (first, last) = ((ProcessFigures?)null, (ProcessFigures?)null);
        for (var step = 1; step <= Steps && world.Problems.Count == 0; step++)
        {
            var to = half + (int)((long)(turns - half) * step / Steps);
            await world.RunToAsync(to, Token);
            last = ProcessFigures.Of(server.Id);
            first ??= step == Steps / 5 ? last : null;
            Report(to);
        }

        // 2. Nothing failed, and nothing was logged as failed.
        Assert.Empty(world.Problems);
        var errors = File.ReadLines(server.LogFile).Where(line => line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains(" crit: ", StringComparison.Ordinal)).Take(5).ToList();
        Assert.Empty(errors);

        // 3. What was acknowledged is in a journal, once.
        var (begun, ended) = await world.ReadJournalsAsync(Token);
        Say($"{world.Acknowledged.Count:N0} turns were acknowledged; the journals hold {begun.Count:N0} that began and {ended.Count:N0} that ended");
        Assert.Empty(world.Acknowledged.Where(turn => !ended.Contains(turn)).Take(5));
        Assert.Empty(begun.Where(turn => turn.Value != 1).Take(5));

        // 4. The chain and its signed heads hold.
        var verify = await ProgramRun.SucceedAsync(server.Verb("verify"), VerifyLimit, Token);
        Say($"verify: {verify.Output.Trim().Split('\n')[^1]}");

        // 5. What the second half cost.
        Say($"first {first}; last {last}; growth {last!.ResidentMiB - first!.ResidentMiB:0} MiB");
        Assert.InRange(last.ResidentMiB - first.ResidentMiB, double.MinValue, MostGrowthMiB);
        Assert.InRange(last.Handles - first.Handles, int.MinValue, MostNewHandles);
        Assert.InRange(last.Threads - first.Threads, int.MinValue, MostNewThreads);

        void Report(int turn)
        {
            var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
            Say($"turn {turn:N0} after {seconds:0} s, {turn / seconds:0} a second, life {world.Lives}: {ProcessFigures.Of(server.Id)}");
        }
    }

    // While it runs, not at its end: it takes long.
    private static void Say(FormattableString text) => Console.Error.WriteLine($"soak: {text.ToString(CultureInfo.InvariantCulture)}");
}
