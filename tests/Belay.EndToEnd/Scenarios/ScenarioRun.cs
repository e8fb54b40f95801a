using System.Diagnostics;
using System.Text.Json;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>One run of a client's scenario list against a server; each scenario is a test result of its own.</summary>
public abstract class ScenarioRun(Func<Task<BelayProcess>> server) : IAsyncLifetime
{
    // The lists take about a minute each; the limit only ends a run that hangs.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, Result> _results = [];
    private string _leftover = "";

    /// <summary>Why nothing ran; null when it did.</summary>
    public string? SkipReason { get; private set; }

    public async ValueTask InitializeAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var program = await PrepareAsync(cancellationToken);
        if (program is null)
        {
            return;
        }

        var start = (await server()).ClientProgram(program[0], program[1..]);
        foreach (var (name, value) in Variables)
        {
            start.Environment[name] = value;
        }

        var run = await ProgramRun.TryAsync(start, Limit, cancellationToken);
        if (run is null)
        {
            Skip($"{program[0]} is not installed.");
            return;
        }

        _leftover = $"{Path.GetFileName(program[0])} ended with {run.ExitCode}.\n{run.Error}";
        foreach (var line in run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith('{'))
            {
                var result = JsonSerializer.Deserialize<Result>(line, JsonSerializerOptions.Web)!;
                _results[result.Name] = result;
            }
            else
            {
                _leftover += $"\n{line}";
            }
        }
    }

    /// <summary>Passes, fails or skips as the client's own result says.</summary>
    public void Report(string scenario)
    {
        if (SkipReason is not null)
        {
            Assert.Skip(SkipReason);
        }

        Assert.True(_results.TryGetValue(scenario, out var result), $"{scenario} gave no result. {_leftover}");
        if (result!.Ok is null)
        {
            Assert.Skip(result.Detail);
        }

        Assert.True(result.Ok.Value, result.Detail);
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Variables for the client beside those that <c>belay env</c> prints.</summary>
    protected virtual IReadOnlyDictionary<string, string> Variables { get; } = new Dictionary<string, string>();

    /// <summary>Installs what the list needs. Answers the program and its arguments, or null after <see cref="Skip"/>.</summary>
    protected abstract Task<string[]?> PrepareAsync(CancellationToken cancellationToken);

    protected void Skip(string reason) => SkipReason = reason;

    protected static async Task<bool> IsInstalledAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        var run = await ProgramRun.TryAsync(new ProcessStartInfo(program, arguments), Limit, cancellationToken);
        return run is { ExitCode: 0 };
    }

    private sealed record Result(string Name, bool? Ok, string Detail);
}
