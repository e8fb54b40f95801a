using Belay.Testing.Providers;

namespace Belay.EndToEnd.Scenarios;

/// <summary>What works with the scripted model works over every wire format: the same scenarios, the same scripts, a provider in between.</summary>
public sealed class ProviderScenarioTests(ProviderScenarioRun run) : IClassFixture<ProviderScenarioRun>
{
    public static TheoryData<string, string> Runs { get; } =
        [.. from scenario in ScenarioList.WithModel from model in ScriptedProviders.Formats select (scenario, model.Name)];

    [Theory]
    [MemberData(nameof(Runs))]
    public Task Scenario_Holds(string scenario, string model) => run.ReportAsync(scenario, model);
}
