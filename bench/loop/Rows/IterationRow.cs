using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Provider;
using Belay.Testing.Clients;

namespace Belay.Bench.Loop.Rows;

/// <summary>What is added to each model call of a turn with three tool calls, one turn at a time.</summary>
internal static class IterationRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "iteration";

    /// <summary>A tool that answers at once: a function in the process for the floor and the peer; for the product, for now, a tool that does
    /// not exist, which goes the whole way of a tool use.</summary>
    public static Metric AtOnce { get; } = new(Name, "added time of an iteration, tool answers at once", "ms");

    /// <summary>The product's <c>file_operations view</c> in a running sandbox.</summary>
    public static Metric View { get; } = new(Name, "added time of an iteration, tool views a file in a running sandbox", "ms");

    // Few enough that the history of a session stays short beside the work of a turn.
    private const int ViewsPerSession = 5;
    private const int Calls = 3;
    private const int Tokens = 16;

    /// <summary>The script that a subject's tool fits.</summary>
    public static Script AtOnceScript(ISubject subject) => new(Calls, Tokens, subject.Name.StartsWith(Names.Belay, StringComparison.Ordinal) ? "none" : "add");

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var field = run.Field;
        var subjects = run.WithPeer(Name, [field.Raw, field.Floor, field.Belay, .. field.Variants]);
        foreach (var subject in subjects)
        {
            await run.TryAsync(Name, subject.Name, () => Load.RepeatAsync(field, subject, AtOnceScript(subject), run.Schedule.WarmUp, cancellationToken));
        }

        var view = new Script(Calls, Tokens, "view");
        await using var sandboxes = new Views(field);
        for (var round = 0; round < run.Schedule.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                await run.TryAsync(Name, subject.Name, async () =>
                {
                    var script = AtOnceScript(subject);
                    var turns = await Load.RepeatAsync(field, subject, script, run.Schedule.Turn, cancellationToken);
                    run.Results.Add(AtOnce, subject.Name, Sample.Quantile([.. turns.Select(turn => turn.TotalMs)], 0.5) / script.ModelCalls);
                });
            }

            await run.TryAsync(Name, Names.Belay, async () =>
            {
                var took = await sandboxes.RunAsync(view, round == 0 ? run.Schedule.WarmUp : run.Schedule.Turn, cancellationToken);
                run.Results.Add(View, Names.Belay, Sample.Quantile(took, 0.5) / view.ModelCalls);
            });
        }
    }

    /// <summary>Views in one session after the other; the sandbox of the one before is stopped, so that they do not pile up.</summary>
    private sealed class Views(Field field) : IAsyncDisposable
    {
        private string? _session;

        public async Task<List<double>> RunAsync(Script script, TimeSpan time, CancellationToken cancellationToken)
        {
            var took = new List<double>();
            var begun = System.Diagnostics.Stopwatch.GetTimestamp();
            while (System.Diagnostics.Stopwatch.GetElapsedTime(begun) < time)
            {
                await RenewAsync(cancellationToken);
                for (var i = 0; i < ViewsPerSession; i++)
                {
                    took.Add((await field.Belay.TurnAsync(_session!, script, Input.One, cancellationToken)).TotalMs);
                }
            }

            return took;
        }

        public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

        private async Task RenewAsync(CancellationToken cancellationToken)
        {
            await StopAsync(cancellationToken);
            _session = field.NewSession();
            await CheckAsync(cancellationToken);
        }

        // The file is there before anything is timed, and one turn shows that the tool sees it.
        private async Task CheckAsync(CancellationToken cancellationToken)
        {
            var program = field.Program;
            var written = await program.Client.CommandAsync(program.HarnessArn, _session!, $"echo one line > {Script.File}", cancellationToken);
            var body = HarnessClient.UserText("Go.");
            body["model"] = new System.Text.Json.Nodes.JsonObject
            {
                ["liteLlmModelConfig"] = new System.Text.Json.Nodes.JsonObject { ["modelId"] = $"openai/{new Script(1, 1, "view").Name}", ["apiBase"] = $"{field.Provider}v1" },
            };
            var turn = await program.Client.TurnAsync(program.HarnessArn, _session!, body, cancellationToken);
            if (written.ExitCode != 0 || turn.ToolResults is not [var seen] || !seen.Contains("one line", StringComparison.Ordinal))
            {
                throw new WrongAnswerException($"The file was not seen: {written.Stderr} {string.Join(' ', turn.ToolResults)}");
            }
        }

        private async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_session is { } session)
            {
                _session = null;
                await Sandboxes.StopAsync(field.Program, session, cancellationToken);
            }
        }
    }
}
