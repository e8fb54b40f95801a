using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary><c>belay invoke</c> in a real pseudo terminal, as a person uses it.</summary>
public sealed class TerminalTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task ALineSteers_AndCtrlCCancels()
    {
        var run = await PlayAsync(["wait:sleep 60", "type:Never mind.", "wait:told: Never mind.", "interrupt", "wait:Cancelling", "wait:interrupted"], "Run `sleep 60`");

        Assert.True(run.ExitCode == 1, run.Output + run.Error);
        Assert.Contains("agent stopped: interrupted", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecondCtrlC_Leaves()
    {
        var run = await PlayAsync(["wait:sleep 60", "interrupt", "wait:Cancelling", "interrupt"], "Run `sleep 60`");

        // The first may have been quicker.
        Assert.True(run.ExitCode is 130 or 1, run.Output + run.Error);
    }

    [Fact]
    public async Task UndisturbedTurn_EndsAsEver()
    {
        var run = await PlayAsync(["wait:end_turn"], "Run `echo found`");

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("found", run.Output, StringComparison.Ordinal);
        Assert.Contains("belay traces get", run.Output, StringComparison.Ordinal);
    }

    private async Task<ProgramRun> PlayAsync(string[] steps, string message)
    {
        var harness = await server.CreateHarnessAsync(
            new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } }, TestContext.Current.CancellationToken);
        var driver = Path.Combine(RepositoryPaths.Root, "tests", "Belay.EndToEnd", "python", "terminal.py");
        var start = (await server.StartedAsync()).ClientProgram("python3", [driver, .. steps, "--", "dotnet", RepositoryPaths.Cli, "invoke", "--harness", harness, message]);
        return await ProgramRun.TryAsync(start, Limit, TestContext.Current.CancellationToken) ?? throw new InvalidOperationException("python3 is not installed.");
    }
}
