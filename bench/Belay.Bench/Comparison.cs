using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.Bench;

/// <summary>The product beside its floor, in one run on one machine.</summary>
internal sealed class Comparison(Schedule schedule, TimeProvider time)
{
    // Few enough that the history of a session stays short beside the work of a turn.
    private const int ViewsPerSession = 5;

    private int _sessions;

    /// <summary>Starts everything side by side, warms up, measures in interleaved rounds, prints the table.</summary>
    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();

        // 1. Everything is started before anything is measured.
        using var provider = StartModelServer();
        var modelUrl = new Uri((await provider.StandardOutput.ReadLineAsync(cancellationToken))!);
        await using var server = await BelayProcess.StartAsync(cancellationToken);
        using var raw = new RawClient(modelUrl);
        var harness = await server.Client.CreateHarnessAsync("bench", [], cancellationToken);
        var arn = (string)harness["arn"]!;
        var running = NewSession();
        await CommandAsync(server, arn, running, "true", cancellationToken);
        var sandboxes = new RunningSandboxes(server, arn);

        // 2. What is compared. A turn takes a session of its own, so taking and ending a session counts. The views of a file need
        //    a sandbox that runs already, so a few of them share a session.
        var textFloor = new Subject("raw client, text", ModelScript.Text.Iterations, token => raw.TurnAsync(ModelScript.Text, token));
        var text = new Subject("InvokeHarness, text", ModelScript.Text.Iterations, token => TurnAsync(server, arn, NewSession(), modelUrl, ModelScript.Text, token));
        var loopFloor = new Subject("raw client, 3 tool calls", ModelScript.UnknownTool.Iterations, token => raw.TurnAsync(ModelScript.UnknownTool, token));
        var loop = new Subject("InvokeHarness, 3 unknown tools", ModelScript.UnknownTool.Iterations, token => TurnAsync(server, arn, NewSession(), modelUrl, ModelScript.UnknownTool, token));
        var view = new Subject("InvokeHarness, 3 views of a file", ModelScript.View.Iterations, token => TurnAsync(server, arn, sandboxes.Current, modelUrl, ModelScript.View, token))
        {
            PrepareAsync = async token =>
            {
                await sandboxes.RenewAsync(NewSession(), token);
                await CommandAsync(server, arn, sandboxes.Current, $"echo one line > {ModelScript.File}", token);
            },
            PrepareEvery = ViewsPerSession,
        };
        var forkFloor = new Subject("fork and exec of true", 1, ForkAsync);
        var command = new Subject("command true in a running sandbox", 1, token => CommandAsync(server, arn, running, "true", token));
        var cold = new RunningSandboxes(server, arn);
        var coldStart = new Subject("command true in a new sandbox", 1, token => CommandAsync(server, arn, cold.Current, "true", token))
        {
            PrepareAsync = token => cold.RenewAsync(NewSession(), token),
            Runs = schedule.ColdStarts,
        };
        Subject[] subjects = [textFloor, text, loopFloor, loop, view, forkFloor, command, coldStart];

        foreach (var subject in subjects)
        {
            await RepeatAsync(subject, subject.Runs is null ? schedule.WarmUp : TimeSpan.Zero, cancellationToken);
        }

        for (var round = 0; round < schedule.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                subject.Sample.Add(await RepeatAsync(subject, schedule.PerRound, cancellationToken));
            }
        }

        // 3. The table.
        await output.WriteLineAsync($"{"milliseconds for each model call, or command",-40} {"median (range of rounds)",-26} {"p95",9} {"runs",7}  beside its floor");
        foreach (var (subject, floor) in ((Subject, Subject?)[])[(textFloor, null), (text, textFloor), (loopFloor, null), (loop, loopFloor), (view, loopFloor), (forkFloor, null), (command, forkFloor), (coldStart, forkFloor)])
        {
            var beside = floor is null
                ? "floor"
                : $"{subject.Sample.Median / floor.Sample.Median:F1} x, {subject.Sample.Median - floor.Sample.Median:+0.000;-0.000} ms";
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture, $"{subject.Name,-40} {subject.Sample,-26} {subject.Sample.P95,9:F3} {subject.Sample.Count,7}  {beside}"));
        }

        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{schedule.Rounds} interleaved rounds after at least {schedule.WarmUp.TotalSeconds} s of warm-up each, {Environment.ProcessorCount} processors, {time.GetElapsedTime(started).TotalSeconds:F0} s in all. Compare figures of one run only."));
        provider.StandardInput.Close();
        await provider.WaitForExitAsync(cancellationToken);
    }

    private static Process StartModelServer()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["--serve-model"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }

    private static async Task TurnAsync(BelayProcess server, string arn, string session, Uri modelUrl, ModelScript script, CancellationToken cancellationToken)
    {
        var body = HarnessClient.UserText("Go.");
        body["model"] = new JsonObject
        {
            ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = $"openai/{script.Name}", ["apiBase"] = modelUrl.ToString() },
        };
        var turn = await server.Client.TurnAsync(arn, session, body, cancellationToken);
        if (turn.Stops is not [.., "end_turn"] || turn.ToolStatuses.Length != script.ToolCalls)
        {
            throw new InvalidDataException($"{script.Name} stopped with {string.Join(' ', turn.Stops)} {turn.Exception}");
        }

        if (script == ModelScript.View && turn.ToolStatuses.Any(status => status != "success"))
        {
            throw new InvalidDataException($"The file was not seen: {string.Join(' ', turn.ToolResults)}");
        }
    }

    private static async Task CommandAsync(BelayProcess server, string arn, string session, string command, CancellationToken cancellationToken)
    {
        var run = await server.Client.CommandAsync(arn, session, command, cancellationToken);
        if (run.ExitCode != 0)
        {
            throw new InvalidDataException($"{command} ended with {run.ExitCode}: {run.Stderr}");
        }
    }

    private static async Task ForkAsync(CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/true") { RedirectStandardOutput = true })!;
        await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
    }

    private string NewSession() => string.Create(CultureInfo.InvariantCulture, $"bench-session-{++_sessions:0000000000000000000000}");

    private async Task<List<double>> RepeatAsync(Subject subject, TimeSpan atLeast, CancellationToken cancellationToken)
    {
        var milliseconds = new List<double>();
        var spent = TimeSpan.Zero;
        do
        {
            if (subject.PrepareAsync is { } prepareAsync && milliseconds.Count % subject.PrepareEvery == 0)
            {
                await prepareAsync(cancellationToken);
            }

            var before = time.GetTimestamp();
            await subject.RunAsync(cancellationToken);
            var elapsed = time.GetElapsedTime(before);
            spent += elapsed;
            milliseconds.Add(elapsed.TotalMilliseconds / subject.PerRun);
        }
        while (subject.Runs is { } runs ? milliseconds.Count < runs : spent < atLeast);
        return milliseconds;
    }
}
