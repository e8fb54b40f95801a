namespace Belay.EndToEnd.Scenarios;

/// <summary>Every scenario as boto3 sees it.</summary>
public sealed class PythonScenarioTests(PythonRun run) : IClassFixture<PythonRun>
{
    public static TheoryData<string> Names { get; } = new(ScenarioList.For("python"));

    [Theory]
    [MemberData(nameof(Names))]
    public void Scenario_Holds(string name) => run.Report(name);
}
