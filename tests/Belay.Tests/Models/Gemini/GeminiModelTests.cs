using System.Text;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.Gemini;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using static Belay.Testing.Models.ProviderBytes;

namespace Belay.Tests.Models.Gemini;

public sealed class GeminiModelTests : ModelContract
{
    private const string Key = "AIza-operator";
    private static readonly byte[] Hello = Events(Candidate("""{"text":"Hello, "}"""), Candidate("""{"text":"world!"}"""));
    private static readonly byte[] End = Events(Candidate("", "STOP"));

    [Fact]
    public async Task Request_GoesWhereTheHarnessPoints()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        await RunAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("POST", "/v1beta/models/m:streamGenerateContent?alt=sse"), (request.Method, request.Target));
        Assert.Equal("application/json", request.Headers["content-type"]);
        Assert.False(request.Headers.ContainsKey("x-goog-api-key"));
        Assert.Equal(
            """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"systemInstruction":{"parts":[{"text":"Be brief."}]},"tools":[{"functionDeclarations":[{"name":"shell","description":"The tool shell.","parametersJsonSchema":{"type":"object"}}]}]}""",
            request.Text);
    }

    [Theory]
    [InlineData("http://h/v1", "m", "http://h/v1/models/m:streamGenerateContent?alt=sse")]
    [InlineData("http://h/v1beta/", "models/m", "http://h/v1beta/models/m:streamGenerateContent?alt=sse")]
    [InlineData("http://h", "tunedModels/m", "http://h/v1beta/tunedModels/m:streamGenerateContent?alt=sse")]
    [InlineData("http://h/a%2Fb?x=1", "../m?key=1", "http://h/a%2Fb/models/..%2Fm%3Fkey%3D1:streamGenerateContent?x=1&alt=sse")]
    public void Url_IsBelowItsBase(string baseUrl, string modelId, string url) =>
        Assert.Equal(url, new GeminiTarget(modelId, new Uri(baseUrl), ProviderKey.None).Url().AbsoluteUri);

    [Fact]
    public async Task OperatorsKey_GoesOnlyToTheOperatorsEndpoint_AndInNoUrl()
    {
        await using var ours = new ScriptedProvider(Stream(Hello, End));
        await using var theirs = new ScriptedProvider(Stream(Hello, End));
        using var catalog = new ModelCatalog(Settings(ours), TimeProvider.System);

        await RunAsync(catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model);
        await RunAsync(catalog.Resolve(EngineWorld.Scope, Configuration(theirs.Url)).Model);

        var request = Assert.Single(ours.Requests);
        Assert.Equal(Key, request.Headers["x-goog-api-key"]);
        Assert.DoesNotContain(Key, request.Target + request.Text, StringComparison.Ordinal);
        Assert.False(Assert.Single(theirs.Requests).Headers.ContainsKey("x-goog-api-key"));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(200)]
    public async Task Error_NamesTheProviderAndHidesTheKey(int status)
    {
        var body = $$$"""{"error":{"code":400,"message":"API key {{{Key}}} not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}""";
        await using var provider = new ScriptedProvider(new ProviderReply { Status = status, ContentType = "application/json", Pieces = [Encoding.UTF8.GetBytes(body)] });
        using var catalog = new ModelCatalog(Settings(provider), TimeProvider.System);

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model);

        Assert.Equal((ModelFailure.Refused, "gemini: API key [redacted] not valid." + (status == 200 ? "" : " (HTTP 400)")), (exception.Failure, exception.Message));
    }

    [Theory]
    [InlineData(429, """{"error":{"code":429,"message":"Quota exceeded for metric: generate_content_free_tier_input_token_count. Please retry in 34.07s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}""", ModelFailure.Throttled, 34.07)]
    [InlineData(429, """[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}]""", ModelFailure.Throttled, 7)]
    [InlineData(200, """[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}]""", ModelFailure.Throttled, 7)]
    [InlineData(429, """{"error":{"code":429,"message":"m","details":[7,{"retryDelay":7},{"retryDelay":"-7s"},{"violations":[{"quotaId":7}]}]}}""", ModelFailure.Throttled, 0)]
    [InlineData(429, """{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}""", ModelFailure.Unavailable, 7)]
    [InlineData(503, """{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}""", ModelFailure.Throttled, 0)]
    [InlineData(500, """{"error":{"code":500,"message":"m","status":"INTERNAL"}}""", ModelFailure.Throttled, 0)]
    [InlineData(400, """{"error":{"code":400,"message":"The input token count (1091639) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}""", ModelFailure.ContextTooLong, 0)]
    [InlineData(400, """{"error":{"code":400,"message":"Please ensure that the number of function response parts is equal to the number of function call parts.","status":"INVALID_ARGUMENT"}}""", ModelFailure.Refused, 0)]
    [InlineData(403, """{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}""", ModelFailure.Refused, 0)]
    [InlineData(404, """{"error":{"code":404,"message":"models/m is not found","status":"NOT_FOUND"}}""", ModelFailure.Refused, 0)]
    public async Task Failure_IsReadFromStatusAndDetails(int status, string body, ModelFailure failure, double seconds)
    {
        await using var provider = new ScriptedProvider(new ProviderReply { Status = status, ContentType = "application/json", Pieces = [Encoding.UTF8.GetBytes(body)] });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        Assert.Equal((failure, seconds), (exception.Failure, exception.RetryAfter?.TotalSeconds ?? 0));
        Assert.StartsWith("gemini: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RetryAfterHeader_WinsOverTheBody()
    {
        await using var provider = new ScriptedProvider(new ProviderReply
        {
            Status = 429,
            Headers = new Dictionary<string, string> { ["retry-after"] = "9" },
            Pieces = ["""{"error":{"code":429,"details":[{"retryDelay":"7s"}]}}"""u8.ToArray()],
        });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        Assert.Equal(TimeSpan.FromSeconds(9), (await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model)).RetryAfter);
    }

    [Fact]
    public void LinkLocalEndpoint_IsRefused()
    {
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(EngineWorld.Scope, Configuration(new Uri("http://169.254.169.254"))));

        Assert.Contains("model.liteLlmModelConfig.apiBase", fault.Message, StringComparison.Ordinal);
    }

    protected override async Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var provider = new ScriptedProvider(scenario switch
        {
            ModelScenario.Answer => Stream(Hello, End),
            ModelScenario.ToolCalls => Stream(
                Events(Candidate("""{"functionCall":{"name":"shell","args":{"command":"ls"}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"shell","args":{"command":"pwd"}}}""")),
                End),
            ModelScenario.Endless => Stream(Hello) with { End = ProviderEnd.Held },
            ModelScenario.Throttled => Error(429, "RESOURCE_EXHAUSTED", "Slow down."),
            ModelScenario.Refused => Error(400, "INVALID_ARGUMENT", "No."),
            ModelScenario.ContextTooLong => Error(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed 1048576."),
            ModelScenario.Cut => Stream(Hello) with { End = ProviderEnd.Cut },
            ModelScenario.NoFinish => Stream(Hello),
            ModelScenario.Garbage => Stream(Hello, "data: {\"candidates\":[{{]}\n\n"u8.ToArray()),
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

    private static ModelSettings Settings(ScriptedProvider provider) =>
        new()
        {
            Providers = new ProviderSettings
            {
                Variables = new Dictionary<string, string> { ["GOOGLE_GEMINI_BASE_URL"] = provider.Url.AbsoluteUri, ["GEMINI_API_KEY"] = Key },
                AllowEnvironmentKeys = true,
            },
        };

    private static HarnessModelConfiguration Configuration(Uri? url) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = "gemini/m", ApiBase = url?.ToString() },
    };

    private static ProviderReply Stream(params byte[][] pieces) => new() { Pieces = pieces };

    private static ProviderReply Error(int status, string code, string message) => new()
    {
        Status = status,
        ContentType = "application/json",
        Pieces = [Encoding.UTF8.GetBytes($$$"""{"error":{"code":{{{status}}},"message":"{{{message}}}","status":"{{{code}}}"}}""")],
    };

    private static async Task RunAsync(IModel model)
    {
        await foreach (var one in model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }
    }

    private static async Task<ModelException> FailureAsync(IModel model) => await Assert.ThrowsAsync<ModelException>(() => RunAsync(model));
}
