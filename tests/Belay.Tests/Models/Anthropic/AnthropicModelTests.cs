using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.Anthropic;

public sealed class AnthropicModelTests : ModelContract
{
    private static ProviderSettings Operator(Uri url) => new()
    {
        Variables = new Dictionary<string, string> { ["ANTHROPIC_BASE_URL"] = url.AbsoluteUri, ["ANTHROPIC_API_KEY"] = "sk-ant-operator" },
        AllowEnvironmentKeys = true,
    };

    private static readonly byte[] Hello = ProviderBytes.Events(
        """{"type":"message_start","message":{"type":"message","role":"assistant","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, "}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"world!"}}""");

    [Fact]
    public async Task Request_GoesWhereTheHarnessPoints()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("end_turn")));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("POST", "/v1/messages"), (request.Method, request.Target));
        Assert.Equal(("application/json", "text/event-stream", "2023-06-01"), (request.Headers["content-type"], request.Headers["accept"], request.Headers["anthropic-version"]));
        Assert.False(request.Headers.ContainsKey("x-api-key") || request.Headers.ContainsKey("authorization"));
        Assert.Equal(
            """{"model":"claude-x","messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}],"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"shell","description":"The tool shell.","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"stream":true,"max_tokens":8192}""",
            request.Text);
    }

    [Theory]
    [InlineData(true, null, true)]
    [InlineData(true, """{"belay":{"promptCaching":false}}""", false)]
    [InlineData(false, null, false)]
    [InlineData(false, """{"belay":{"promptCaching":true}}""", true)]
    public async Task Caching_IsTheServersUnlessTheHarnessSaysOtherwise(bool server, string? additional, bool cached)
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("end_turn")));
        using var catalog = new ModelCatalog(new ModelSettings { Anthropic = new AnthropicSettings { PromptCaching = server } }, TimeProvider.System);

        await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url, additional)).Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }

        Assert.Equal(cached, Assert.Single(provider.Requests).Text.Contains("cache_control", StringComparison.Ordinal));
    }

    [Fact]
    public async Task OperatorsKey_GoesOnlyToTheOperatorsEndpoint()
    {
        await using var ours = new ScriptedProvider(Stream(Hello, End("end_turn")), Stream(Hello, End("end_turn")));
        await using var theirs = new ScriptedProvider(Stream(Hello, End("end_turn")));
        var settings = new ModelSettings { Providers = Operator(ours.Url) };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        foreach (var configuration in (HarnessModelConfiguration[])[Configuration(null), Configuration(ours.Url), Configuration(theirs.Url)])
        {
            await foreach (var one in catalog.Resolve(EngineWorld.Scope, configuration).Model.StreamAsync(Request("Hi"), CancellationToken.None))
            {
            }
        }

        Assert.Equal(["sk-ant-operator", "sk-ant-operator"], ours.Requests.Select(request => request.Headers["x-api-key"]));
        Assert.False(Assert.Single(theirs.Requests).Headers.ContainsKey("x-api-key"));
    }

    [Fact]
    public async Task KeyThatTheProviderRepeats_IsNotShown()
    {
        await using var provider = new ScriptedProvider(
            Error(401, "authentication_error", "invalid x-api-key sk-ant-operator"),
            Stream(ProviderBytes.Events("""{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key sk-ant-operator"}}""")));
        var settings = new ModelSettings { Providers = Operator(provider.Url) };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        var model = catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model;
        var (refused, streamed) = (await FailureAsync(model), await FailureAsync(model));

        Assert.Equal((ModelFailure.Refused, "anthropic: invalid x-api-key [redacted] (HTTP 401)"), (refused.Failure, refused.Message));
        Assert.Equal((ModelFailure.Refused, "anthropic: invalid x-api-key [redacted]"), (streamed.Failure, streamed.Message));
    }

    [Theory]
    [InlineData(529, "overloaded_error", "Overloaded", ModelFailure.Throttled)]
    [InlineData(429, "rate_limit_error", "Slow down", ModelFailure.Throttled)]
    [InlineData(500, "api_error", "Internal server error", ModelFailure.Throttled)]
    [InlineData(504, "timeout_error", "Timed out", ModelFailure.Throttled)]
    [InlineData(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ModelFailure.ContextTooLong)]
    [InlineData(400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", ModelFailure.ContextTooLong)]
    [InlineData(413, "request_too_large", "Request exceeds the maximum size", ModelFailure.ContextTooLong)]
    [InlineData(400, "invalid_request_error", "messages: roles must alternate", ModelFailure.Refused)]
    [InlineData(402, "billing_error", "No credit", ModelFailure.Refused)]
    [InlineData(403, "permission_error", "No", ModelFailure.Refused)]
    [InlineData(404, "not_found_error", "model: claude-x", ModelFailure.Refused)]
    public async Task Status_DecidesTheKindOfFailure(int status, string type, string message, ModelFailure failure)
    {
        await using var provider = new ScriptedProvider(Error(status, type, message) with { Headers = new Dictionary<string, string> { ["retry-after"] = "7" } });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        Assert.Equal((failure, $"anthropic: {message} (HTTP {status})", TimeSpan.FromSeconds(7)), (exception.Failure, exception.Message, exception.RetryAfter));
    }

    [Theory]
    [InlineData("https://api.anthropic.com", "https://api.anthropic.com/v1/messages")]
    [InlineData("http://h/", "http://h/v1/messages")]
    [InlineData("http://h/v1", "http://h/v1/messages")]
    [InlineData("http://h/v1/messages/", "http://h/v1/messages")]
    [InlineData("http://h/api/anthropic?k=1", "http://h/api/anthropic/v1/messages?k=1")]
    public void Url_IsBelowItsBase(string baseUrl, string url) => Assert.Equal(url, AnthropicModel.UrlUnder(new Uri(baseUrl)).AbsoluteUri);

    protected override async Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var provider = new ScriptedProvider(scenario switch
        {
            ModelScenario.Answer => Stream(Hello, End("end_turn")),
            ModelScenario.ToolCalls => Stream(
                ProviderBytes.Events(
                    """{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"shell","input":{}}}""",
                    """{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}""",
                    """{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"command\":\"ls\"}"}}""",
                    """{"type":"content_block_stop","index":0}""",
                    """{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"shell","input":{}}}""",
                    """{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"command\":"}}""",
                    """{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"pwd\"}"}}""",
                    """{"type":"content_block_stop","index":1}"""),
                End("tool_use")),
            ModelScenario.Endless => Stream(Hello) with { End = ProviderEnd.Held },
            ModelScenario.Throttled => Error(529, "overloaded_error", "Overloaded"),
            ModelScenario.Refused => Error(400, "invalid_request_error", "No."),
            ModelScenario.ContextTooLong => Error(400, "invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"),
            ModelScenario.Cut => Stream(Hello) with { End = ProviderEnd.Cut },
            ModelScenario.NoFinish => Stream(Hello),
            ModelScenario.Garbage => Stream(Hello, "data: {\"type\":[{{]}\n\n"u8.ToArray()),
            _ => Stream(Hello),
        });
        var url = provider.Url;
        if (scenario is ModelScenario.Unreachable)
        {
            await provider.DisposeAsync();
        }

        var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        return new ModelSubject(catalog.Resolve(EngineWorld.Scope, Configuration(url)).Model, Request("Hi"), () => provider.Requests.Count > 0, provider.Left, catalog, provider);
    }

    private static HarnessModelConfiguration Configuration(Uri? url, string? additional = null) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig
        {
            ModelId = "anthropic/claude-x",
            ApiBase = url?.ToString(),
            AdditionalParams = additional is null ? null : System.Text.Json.JsonElement.Parse(additional),
        },
    };

    private static ProviderReply Stream(params byte[][] pieces) => new() { Pieces = pieces };

    private static byte[] End(string reason) => ProviderBytes.Events(
        $$$"""{"type":"message_delta","delta":{"stop_reason":"{{{reason}}}"},"usage":{"output_tokens":3}}""",
        """{"type":"message_stop"}""");

    private static ProviderReply Error(int status, string type, string message) => new()
    {
        Status = status,
        ContentType = "application/json",
        Pieces = [System.Text.Encoding.UTF8.GetBytes($$$"""{"type":"error","error":{"type":"{{{type}}}","message":"{{{message}}}"},"request_id":"r"}""")],
    };

    private static async Task<ModelException> FailureAsync(IModel model) => await Assert.ThrowsAsync<ModelException>(async () =>
    {
        await foreach (var one in model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }
    });
}
