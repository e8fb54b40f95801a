using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.Bedrock;
using Belay.Testing.Providers;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

/// <summary>The client of production for a scripted provider, over a transport that a test gives it.</summary>
internal static class ScriptedClient
{
    /// <summary>The model that a harness with this configuration would call.</summary>
    public static IModel Of(ScriptedProviderModel model, HttpMessageHandler transport, TimeProvider time)
    {
        var variables = ScriptedProviders.Environment(new Uri("http://provider.test"), _ => "key");
        var settings = new ModelSettings
        {
            OpenAi = new OpenAiSettings { BaseUrl = new Uri(variables["OPENAI_BASE_URL"]) },
            Providers = new ProviderSettings { Variables = variables },
        };
        var id = (string)model.Configuration.Single().Value!["modelId"]!;
        return model.Format is WireFormat.Converse
            ? new BedrockModel(
                new ModelConnection(transport, settings, time),
                new BedrockCredentials(new Amazon.Runtime.BasicAWSCredentials("AKIASCRIPTED", "secret")),
                settings.Bedrock,
                time,
                id.Replace("bedrock/", "", StringComparison.Ordinal),
                caching: true)
            : new ModelCatalog(settings, time, transport, transport).Resolve(EngineWorld.Scope, new HarnessModelConfiguration { LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = id } }).Model;
    }
}
