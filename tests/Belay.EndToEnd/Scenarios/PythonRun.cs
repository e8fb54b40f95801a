using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>The scenario list of boto3, with whatever boto3 the machine has.</summary>
public class PythonRun : ScenarioRun
{
    private readonly IReadOnlyList<string> _scenarios;

    public PythonRun(SharedServer server)
        : this(server.StartedAsync, [])
    {
    }

    /// <summary>Some of them, on another server.</summary>
    protected PythonRun(Func<Task<BelayProcess>> server, IReadOnlyList<string> scenarios)
        : base(server) => _scenarios = scenarios;

    protected override async Task<string[]?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!await IsInstalledAsync("python3", ["-c", "import boto3"], cancellationToken))
        {
            Skip("Python 3 with boto3 is not installed.");
            return null;
        }

        return ["python3", "-B", Path.Combine(ScenarioList.Folder, "python", "scenarios.py"), .. _scenarios];
    }
}
