using System.Text.Json.Nodes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Scenarios;

/// <summary>Every scenario whose model says something, over every wire format, on one server.</summary>
public sealed class ProviderScenarioRun(ProviderServer server) : PythonRun(server.StartedAsync, ScenarioList.WithModel)
{
    protected override IReadOnlyDictionary<string, string> Variables { get; } = new Dictionary<string, string>
    {
        ["BELAY_SCENARIO_MODELS"] = new JsonObject(ScriptedProviders.Formats.Select(model => KeyValuePair.Create(model.Name, (JsonNode?)model.Configuration.DeepClone()))).ToJsonString(),
    };

    /// <summary>Passes or fails as the client says, and fails when the provider was sent what it does not take.</summary>
    public async Task ReportAsync(string scenario, string model)
    {
        Report($"{scenario}, {model}");
        var provider = await server.ProviderAsync();
        Assert.Empty(provider.Problems);
        Assert.Contains(provider.Calls, call => call.Format == ScriptedProviders.Find(model).Format);
    }
}
