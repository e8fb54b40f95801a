namespace Belay.EndToEnd.Scenarios;

/// <summary>Every scenario as the AWS SDK for JavaScript v3 sees it.</summary>
public sealed class JavaScriptScenarioTests(JavaScriptRun run) : IClassFixture<JavaScriptRun>
{
    public static TheoryData<string> Names { get; } = new(ScenarioList.For("javascript"));

    [Theory]
    [MemberData(nameof(Names))]
    public void Scenario_Holds(string name) => run.Report(name);
}
