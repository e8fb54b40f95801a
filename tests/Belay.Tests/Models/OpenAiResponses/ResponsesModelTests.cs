using System.Text;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.OpenAiResponses;

public sealed class ResponsesModelTests : ModelContract
{
    [Fact]
    public async Task Request_GoesWhereTheHarnessPoints()
    {
        await using var provider = new ScriptedProvider(Stream(ResponsesReply.Say("Hello, world! And more.")));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        await EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("POST", "/v1/responses"), (request.Method, request.Target));
        Assert.Equal(("application/json", "text/event-stream"), (request.Headers["content-type"], request.Headers["accept"]));
        Assert.False(request.Headers.ContainsKey("authorization"));
        Assert.Equal(
            """{"model":"m","instructions":"Be brief.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}],"tools":[{"type":"function","name":"shell","description":"The tool shell.","parameters":{"type":"object","properties":{}},"strict":false}],"stream":true,"store":false,"include":["reasoning.encrypted_content"]}""",
            request.Text);
    }

    [Fact]
    public async Task OperatorsKey_GoesOnlyToTheOperatorsEndpoint()
    {
        await using var ours = new ScriptedProvider(Stream(ResponsesReply.Say("Hi")));
        await using var theirs = new ScriptedProvider(Stream(ResponsesReply.Say("Hi")));
        var settings = new ModelSettings { OpenAi = new OpenAiSettings { BaseUrl = new Uri(ours.Url, "/v1"), ApiKey = "sk-operator", AllowEnvironmentKeys = true } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        await EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model);
        await EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(theirs.Url)).Model);

        Assert.Equal("Bearer sk-operator", Assert.Single(ours.Requests).Headers["authorization"]);
        Assert.False(Assert.Single(theirs.Requests).Headers.ContainsKey("authorization"));
    }

    [Theory]
    [InlineData(401, "openai: Incorrect key [redacted] given (HTTP 401)")]
    [InlineData(200, "openai: Incorrect key [redacted] given")]
    public async Task Error_HidesTheKey(int status, string message)
    {
        var error = """{"error":{"message":"Incorrect key sk-operator given","type":"invalid_request_error","code":"invalid_api_key"}}"""u8.ToArray();
        await using var provider = new ScriptedProvider(new ProviderReply { Status = status, ContentType = "application/json", Pieces = [error] });
        var settings = new ModelSettings { OpenAi = new OpenAiSettings { BaseUrl = provider.Url, ApiKey = "sk-operator", AllowEnvironmentKeys = true } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        var exception = await Assert.ThrowsAsync<ModelException>(() => EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model));

        Assert.Equal((ModelFailure.Refused, message), (exception.Failure, exception.Message));
    }

    [Fact]
    public async Task WholeAnswer_WhereAStreamWasAskedFor_IsAnAnswer()
    {
        await using var provider = new ScriptedProvider(new ProviderReply { ContentType = "application/json", Pieces = [Encoding.UTF8.GetBytes(ResponsesReply.Say("Hi").Whole(1, "m").ToJsonString())] });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        Assert.Equal("0 text Hi\n0 closed\nusage 7 3 0 0\nstopped end_turn", ModelEventText.Print(await EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model)));
    }

    [Fact]
    public async Task Connection_IsUsedAgain()
    {
        await using var provider = new ScriptedProvider(Stream(ResponsesReply.Say("Hi")), Stream(ResponsesReply.Say("Hi")));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var model = catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model;

        await EventsAsync(model);
        await EventsAsync(model);

        Assert.Equal((2, 1), (provider.Requests.Count, provider.Connections));
    }

    protected override async Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        // In pieces of sixteen characters, a greeting of thirteen would be one.
        var hello = Pieces(new ResponsesReply([new ResponsesItem.Text("Hello, world!")], new ResponsesEnd.Completed()));
        hello = [.. hello.SelectMany(one => one.Contains("output_text.delta", StringComparison.Ordinal)
            ? (string[])[one.Replace("world!", "", StringComparison.Ordinal), one.Replace("Hello, ", "", StringComparison.Ordinal)]
            : [one])];
        var begun = hello.TakeWhile(one => !one.Contains("output_text.done", StringComparison.Ordinal)).ToList();
        var provider = new ScriptedProvider(scenario switch
        {
            ModelScenario.Answer => Stream(hello),
            ModelScenario.ToolCalls => Stream(ResponsesReply.Calls(("a", "shell", """{"command":"ls"}"""), ("b", "shell", """{"command":"pwd"}"""))),
            ModelScenario.Endless => Stream(begun) with { End = ProviderEnd.Held },
            ModelScenario.Throttled => Error(429, "rate_limit_exceeded", "Slow down."),
            ModelScenario.Refused => Error(400, "invalid_value", "No."),
            ModelScenario.ContextTooLong => Error(400, "context_length_exceeded", "Too long."),
            ModelScenario.Cut => Stream(begun) with { End = ProviderEnd.Cut },
            ModelScenario.Garbage => Stream([.. begun, "data: {\"type\":{{]}\n\n"]),
            _ => Stream(begun),
        });
        var url = provider.Url;
        if (scenario is ModelScenario.Unreachable)
        {
            await provider.DisposeAsync();
        }

        var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        return new ModelSubject(catalog.Resolve(EngineWorld.Scope, Configuration(url)).Model, Request("Hi"), () => provider.Requests.Count > 0, provider.Left, catalog, provider);
    }

    private static HarnessModelConfiguration Configuration(Uri? url) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = "openai/responses/m", ApiBase = url is null ? null : new Uri(url, "/v1").ToString() },
    };

    private static List<string> Pieces(ResponsesReply reply) => [.. reply.Stream(1, "m")];

    private static ProviderReply Stream(ResponsesReply reply) => Stream(Pieces(reply));

    private static ProviderReply Stream(IEnumerable<string> pieces) => new() { Pieces = [.. pieces.Select(Encoding.UTF8.GetBytes)] };

    private static ProviderReply Error(int status, string code, string message) => new()
    {
        Status = status,
        ContentType = "application/json",
        Pieces = [Encoding.UTF8.GetBytes($$$"""{"error":{"message":"{{{message}}}","code":"{{{code}}}"}}""")],
    };

    private static async Task<List<ModelEvent>> EventsAsync(IModel model)
    {
        var events = new List<ModelEvent>();
        await foreach (var one in model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
            events.Add(one);
        }

        return events;
    }
}
