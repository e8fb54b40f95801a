using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Crashes;

/// <summary>
/// The server is killed with SIGKILL before and after everything that it writes to a session's journal, in every scenario: after a restart nothing
/// that the client was told is lost, no effect is there twice, and the session answers. The points are those of an undisturbed run.
/// </summary>
public sealed class CrashPointTests(ITestOutputHelper output)
{
    /// <summary>Every how many points the kills begin; a later pass takes the next ones, so that whatever time there is sees all scenarios.</summary>
    private const int Stride = 5;

    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(150);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LastBreath = TimeSpan.FromSeconds(2);

    private int _sessions;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sigkill_AtAnyPointOfTheJournal_LosesNothingAndRepeatsNothing()
    {
        var began = TimeProvider.System.GetTimestamp();
        await using var provider = await ChatCompletionsServer.StartAsync(CrashScenario.Reply, CancellationToken);
        await using var server = new CrashServer();
        await server.StartAsync(null, CancellationToken);
        var arn = await CreateHarnessAsync(server, provider);

        var points = await UndisturbedAsync(server, provider, arn);
        var all = BelayTestSettings.All;
        // One of each scenario on any machine, then as many as there is time for.
        var first = points.GroupBy(point => point.Scenario).Select(scenario => scenario.ElementAt(scenario.Count() / 2)).ToList();
        var order = first.Concat(Enumerable.Range(0, Stride).SelectMany(pass => points.Where((_, i) => i % Stride == pass)).Except(first));
        CrashRun? last = null;
        var lastPoint = points[0];
        await server.KillAsync(CancellationToken);
        foreach (var point in order.TakeWhile((_, i) => all || i < first.Count || TimeProvider.System.GetElapsedTime(began) < Budget))
        {
            // The start after one kill is armed for the next.
            var session = NewSession(point.Scenario);
            await server.StartAsync(new(session, point.Step, point.After), CancellationToken);
            await CheckAsync(last, lastPoint);
            (last, lastPoint) = (new(server, provider, arn, point.Scenario, session), point);
            if (!await DiesAsync(last, point, server, session))
            {
                last = null;
                await server.KillAsync(CancellationToken);
            }
        }

        await server.StartAsync(null, CancellationToken);
        await CheckAsync(last, lastPoint);
        await server.KillAsync(CancellationToken);
        var verified = await ProgramRun.TryAsync(
            BelayProcess.Isolated(new("dotnet", [RepositoryPaths.Cli, "verify", "--port", $"{BelayProcess.FreePort()}", "--data", server.DataDirectory])), Eventually.Deadline, CancellationToken);
        var table = Table(points, TimeProvider.System.GetElapsedTime(began));
        output.WriteLine(table);
        await File.WriteAllTextAsync(Path.Combine(RepositoryPaths.Artifacts(), "crash-points.txt"), table, CancellationToken);
        Assert.True(verified!.ExitCode == 0, $"{verified.Output}{verified.Error}");
        Assert.True(points.All(point => point.Problems.Count == 0), string.Join('\n', points.Where(point => point.Problems.Count > 0).Select(point => $"{point.Name}: {string.Join(' ', point.Problems)}")));
        Assert.All(CrashScenario.All, scenario => Assert.Contains(points, point => point.Scenario == scenario && point.Kills > 0));
    }

    private static async Task<string> CreateHarnessAsync(CrashServer server, ChatCompletionsServer provider)
    {
        var approve = new JsonObject { ["description"] = "Asks the caller.", ["inputSchema"] = new JsonObject { ["type"] = "object" } };
        var tool = new JsonObject { ["type"] = "inline_function", ["name"] = CrashScenario.Approval, ["config"] = new JsonObject { ["inlineFunction"] = approve } };
        var summaries = new JsonObject { ["summaryRatio"] = 0.5, ["preserveRecentMessages"] = 2 };
        var harness = await server.Client.CreateHarnessAsync("crashes", new JsonObject
        {
            ["model"] = provider.Model(),
            ["tools"] = new JsonArray(tool),
            ["truncation"] = new JsonObject { ["strategy"] = "summarization", ["config"] = new JsonObject { ["summarization"] = summaries } },
            ["tags"] = new JsonObject { ["belay:offloadToolResultsAbove"] = "200" },
        }, CancellationToken);
        return (string)harness["arn"]!;
    }

    // What is journaled when nobody dies names the points.
    private async Task<IReadOnlyList<Point>> UndisturbedAsync(CrashServer server, ChatCompletionsServer provider, string arn)
    {
        var points = new List<Point>();
        foreach (var scenario in CrashScenario.All)
        {
            var session = NewSession(scenario);
            var run = new CrashRun(server, provider, arn, scenario, session);
            await run.ActAsync(CancellationToken);
            var steps = server.StepsOf(session);
            string[] problems = [.. await run.ProblemsAsync(CancellationToken), .. await run.IncompleteAsync(CancellationToken)];
            Assert.True(problems.Length == 0, $"{scenario.Name}, undisturbed: {string.Join(' ', problems)}");
            points.AddRange(steps.SelectMany(step => (Point[])[new(scenario, step, After: false), new(scenario, step, After: true)]));
        }

        return points;
    }

    private static async Task<bool> DiesAsync(CrashRun run, Point point, CrashServer server, string session)
    {
        await WithinAsync(point, run.ActAsync);
        if (!await server.DiesAsync(LastBreath, CancellationToken))
        {
            point.Problems.Add($"The server did not come there; it did {string.Join(' ', server.StepsOf(session))}.");
            return false;
        }

        point.Kills++;
        return true;
    }

    private static Task CheckAsync(CrashRun? run, Point point) =>
        run is null ? Task.CompletedTask : WithinAsync(point, async token => point.Problems.AddRange(await run.ProblemsAsync(token)));

    // Whatever hangs or is refused is a problem of this point.
    private static async Task WithinAsync(Point point, Func<CancellationToken, Task> doAsync)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(CancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            await doAsync(deadline.Token);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !CancellationToken.IsCancellationRequested)
        {
            point.Problems.Add(failure is OperationCanceledException ? $"Nothing came for {Patience.TotalSeconds} s." : failure.Message);
        }
    }

    private string NewSession(CrashScenario scenario) =>
        string.Create(CultureInfo.InvariantCulture, $"a-session-of-servers-that-die-{scenario.Name}-{++_sessions:0000}");

    private static string Table(IReadOnlyList<Point> points, TimeSpan took)
    {
        var text = new StringBuilder();
        foreach (var point in points)
        {
            var outcome = point.Problems.Count > 0 ? string.Join(' ', point.Problems) : point.Kills > 0 ? "nothing lost, nothing repeated" : "not in this run";
            text.AppendLine(CultureInfo.InvariantCulture, $"{point.Name,-60} {point.Kills,5}  {outcome}");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"{points.Count} points, {points.Sum(point => point.Kills)} kills, {took.TotalSeconds:0} s");
        return text.ToString();
    }

    private sealed record Point(CrashScenario Scenario, string Step, bool After)
    {
        public string Name => $"{Scenario.Name}/{Step}/{(After ? "after" : "before")}";

        public int Kills { get; set; }

        public List<string> Problems { get; } = [];
    }
}
