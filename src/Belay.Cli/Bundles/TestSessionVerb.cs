using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Bundles;
using Belay.Cli.CommandLine;
using Belay.Cli.Replays;
using Belay.Contracts;
using Belay.Contracts.Replays;
using Belay.Replays;
using Belay.Server.Replays;
using Belay.Tools.BuiltIn;

namespace Belay.Cli.Bundles;

/// <summary><c>belay test-session</c>: replays bundles strictly, without server, key or network.</summary>
internal static class TestSessionVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var files = new Argument<string[]>("bundle") { Description = "Files that export-session wrote.", Arity = ArgumentArity.OneOrMore };
        var trust = new Option<string?>("--trust") { Description = "Only bundles that this key signed.", HelpName = "FINGERPRINT" };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("test-session", "Replay exported sessions without server, key or network, and fail when the engine does something else.") { files, trust, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var began = host.Time.GetTimestamp();
            var (failures, errors) = (0, 0);
            var verdicts = new JsonArray();
            var named = parsed.GetRequiredValue(files);
            foreach (var file in named)
            {
                var view = new ReplayView(host.Terminal, parsed.GetValue(json), events: false);
                try
                {
                    var path = Path.GetFullPath(file, host.WorkingDirectory);
                    if (!parsed.GetValue(json))
                    {
                        host.Terminal.Output.WriteLine(Terminal.OneLine(file, 1000));
                    }

                    var verdict = await RunAsync(path, parsed.GetValue(trust), host.Time, view, cancellationToken);
                    failures += verdict.Identical ? 0 : 1;
                    verdicts.Add(new JsonObject { ["bundle"] = file, ["verdict"] = JsonSerializer.SerializeToNode(verdict, BelayJson.Default.ReplaySessionResponse) });
                }
                catch (Exception problem) when (problem is BundleException or ReplayException or IOException or UnauthorizedAccessException)
                {
                    errors++;
                    verdicts.Add(new JsonObject { ["bundle"] = file, ["error"] = problem.Message });
                    if (!parsed.GetValue(json))
                    {
                        host.Terminal.Error.WriteLine(host.Terminal.Bad($"{Terminal.OneLine(file, 1000)}: {Terminal.OneLine(problem.Message, 1000)}"));
                    }
                }
            }

            var took = host.Time.GetElapsedTime(began);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["tests"] = named.Length, ["failures"] = failures, ["errors"] = errors, ["bundles"] = verdicts });
            }
            else
            {
                host.Terminal.Output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"Tests run: {named.Length}, Failures: {failures}, Errors: {errors}, Skipped: 0, Time elapsed: {took.TotalSeconds:0.00} s"));
            }

            return (int)(failures + errors == 0 ? ExitCode.Done : ExitCode.Failed);
        });
        return new Verb(command, """
            A failure is an engine that does something else than was recorded; an error is a file that cannot be replayed. Each names the entry
            or the line. A failure shows the recorded entry that is most like what the engine did.

            Examples:
              belay test-session tests/*.belay
              belay test-session refund.belay --trust 1f0c:77ab:93d0:0b5e:5a5c:8d11:90aa:31f7
            """);
    }

    private static async Task<ReplaySessionResponse> RunAsync(string path, string? trust, TimeProvider time, ReplayView view, CancellationToken cancellationToken)
    {
        var bundle = await BundleFile.ReadAsync(path, trust, cancellationToken);
        var began = time.GetTimestamp();
        var replayer = new Replayer((version, _) => Task.FromResult(bundle.Versions.GetValueOrDefault(version)), BuiltInTools.All);
        var invocations = new List<ReplayedInvocationSummary>();
        await foreach (var replayed in replayer.RunAsync(bundle.Entries.ToAsyncEnumerable(), bundle.Fold(bundle.Past.Count), cancellationToken))
        {
            invocations.Add(ReplayWire.Summary(replayed));
            view.Show(JsonSerializer.SerializeToElement(new ReplayProgress { Invocation = invocations[^1] }, BelayJson.Default.ReplayProgress));
        }

        return ReplayWire.Verdict(invocations, time.GetElapsedTime(began));
    }
}
