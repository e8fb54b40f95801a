using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.Scripted;

public sealed class ScriptedModelContractTests : ModelContract
{
    protected override Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var script = scenario switch
        {
            ModelScenario.Answer => "!say Hello, world!",
            ModelScenario.ToolCalls => """
                !call shell {"command":"ls"}
                !call shell {"command":"pwd"}
                """,
            ModelScenario.Endless => "!say Hello\n!delay 3600000",
            ModelScenario.Throttled => "!fail throttled",
            ModelScenario.Refused => "!fail refused",
            ModelScenario.ContextTooLong => "!fail context",
            ModelScenario.Unreachable => "!fail unreachable",
            ModelScenario.Garbage => "!say Hello\n!fail malformed",
            _ => "!say Hello\n!cut",
        };
        var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var model = catalog.Resolve(EngineWorld.Scope, new HarnessModelConfiguration { BedrockModelConfig = new HarnessBedrockModelConfig { ModelId = "belay/scripted" } }).Model;
        return Task.FromResult(new ModelSubject(model, Request(script), () => false, Task.CompletedTask, catalog));
    }
}
