using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>The scenario list of boto3, with whatever boto3 the machine has.</summary>
public class PythonRun(Func<Task<BelayProcess>> server, params IReadOnlyList<string> scenarios) : ScenarioRun(server)
{
    public PythonRun(SharedServer server)
        : this(server.StartedAsync)
    {
    }

    protected override async Task<string[]?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!await IsInstalledAsync("python3", ["-c", "import boto3"], cancellationToken))
        {
            Skip("Python 3 with boto3 is not installed.");
            return null;
        }

        return ["python3", "-B", Path.Combine(ScenarioList.Folder, "python", "scenarios.py"), .. scenarios];
    }
}
