using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.OpenAi;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.OpenAi;

public sealed class OpenAiModelTests : ModelContract
{
    private static readonly byte[] Hello = ProviderBytes.Events(ProviderBytes.Chunk("""{"role":"assistant","content":""}"""), ProviderBytes.Chunk("""{"content":"Hello, "}"""), ProviderBytes.Chunk("""{"content":"world!"}"""));

    [Fact]
    public async Task Request_GoesWhereTheHarnessPoints()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("stop")));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var resolved = catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url));

        await foreach (var one in resolved.Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("POST", "/v1/chat/completions"), (request.Method, request.Target));
        Assert.Equal("application/json", request.Headers["content-type"]);
        Assert.False(request.Headers.ContainsKey("authorization"));
        Assert.Equal(
            """{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"shell","description":"The tool shell.","parameters":{"type":"object","properties":{}}}}],"stream":true,"stream_options":{"include_usage":true}}""",
            request.Text);
    }

    [Fact]
    public async Task OperatorsKey_GoesOnlyToTheOperatorsEndpoint()
    {
        await using var ours = new ScriptedProvider(Stream(Hello, End("stop")));
        await using var theirs = new ScriptedProvider(Stream(Hello, End("stop")));
        var settings = new ModelSettings { OpenAi = new OpenAiSettings { BaseUrl = new Uri(ours.Url, "/v1"), ApiKey = "sk-operator", AllowEnvironmentKeys = true } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        foreach (var configuration in (HarnessModelConfiguration[])[Configuration(null), Configuration(theirs.Url)])
        {
            await foreach (var one in catalog.Resolve(EngineWorld.Scope, configuration).Model.StreamAsync(Request("Hi"), CancellationToken.None))
            {
            }
        }

        Assert.Equal("Bearer sk-operator", Assert.Single(ours.Requests).Headers["authorization"]);
        Assert.False(Assert.Single(theirs.Requests).Headers.ContainsKey("authorization"));
    }

    [Fact]
    public async Task Error_NamesTheProviderAndHidesTheKey()
    {
        await using var provider = new ScriptedProvider(new ProviderReply
        {
            Status = 401,
            ContentType = "application/json",
            Pieces = ["""{"error":{"message":"Incorrect key sk-operator given","type":"invalid_request_error","code":"invalid_api_key"}}"""u8.ToArray()],
        });
        var settings = new ModelSettings { OpenAi = new OpenAiSettings { BaseUrl = provider.Url, ApiKey = "sk-operator", AllowEnvironmentKeys = true } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(null)).Model);

        Assert.Equal((ModelFailure.Refused, "openai: Incorrect key [redacted] given (HTTP 401)"), (exception.Failure, exception.Message));
    }

    [Theory]
    [InlineData("retry-after", "7", 7)]
    [InlineData("retry-after-ms", "1500", 1.5)]
    [InlineData("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT", 9)]
    public async Task RetryAfter_IsRead(string header, string value, double seconds)
    {
        await using var provider = new ScriptedProvider(new ProviderReply { Status = 429, Headers = new Dictionary<string, string> { [header] = value } });
        using var catalog = new ModelCatalog(new ModelSettings(), new Testing.ManualTime());

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        Assert.Equal((ModelFailure.Throttled, TimeSpan.FromSeconds(seconds)), (exception.Failure, exception.RetryAfter));
    }

    [Theory]
    [InlineData(408, "", ModelFailure.Throttled)]
    [InlineData(409, "", ModelFailure.Throttled)]
    [InlineData(500, "<html>oops</html>", ModelFailure.Throttled)]
    [InlineData(502, "", ModelFailure.Throttled)]
    [InlineData(503, "busy", ModelFailure.Throttled)]
    [InlineData(504, "", ModelFailure.Throttled)]
    [InlineData(529, """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", ModelFailure.Throttled)]
    [InlineData(429, """{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}""", ModelFailure.Unavailable)]
    [InlineData(501, """{"error":{"message":"not here"}}""", ModelFailure.Unavailable)]
    [InlineData(522, "<html>", ModelFailure.Unavailable)]
    [InlineData(400, """{"error":{"message":"too long","code":"context_length_exceeded"}}""", ModelFailure.ContextTooLong)]
    [InlineData(400, """{"object":"error","message":"This model's maximum context length is 4096 tokens.","code":400}""", ModelFailure.ContextTooLong)]
    [InlineData(413, "", ModelFailure.ContextTooLong)]
    [InlineData(400, """{"detail":[{"msg":"field required"}]}""", ModelFailure.Refused)]
    [InlineData(403, "", ModelFailure.Refused)]
    [InlineData(404, """{"error":"model \"x\" not found"}""", ModelFailure.Refused)]
    [InlineData(422, "", ModelFailure.Refused)]
    [InlineData(302, "", ModelFailure.Refused)]
    public async Task Status_DecidesTheKindOfFailure(int status, string body, ModelFailure failure)
    {
        await using var provider = new ScriptedProvider(new ProviderReply { Status = status, Pieces = [System.Text.Encoding.UTF8.GetBytes(body)] });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var exception = await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model);

        Assert.Equal(failure, exception.Failure);
        Assert.DoesNotContain("<", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WholeAnswer_WhereAStreamWasAskedFor_IsAnAnswer()
    {
        await using var provider = new ScriptedProvider(new ProviderReply
        {
            ContentType = "application/json; charset=utf-8",
            Pieces = ["""{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"""u8.ToArray()],
        });
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var events = new List<ModelEvent>();

        await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
            events.Add(one);
        }

        Assert.Equal("0 text Hi\n0 closed\nusage 3 1 0 0\nstopped end_turn", ModelEventText.Print(events));
    }

    [Theory]
    [InlineData(ProviderEnd.Silent)]
    [InlineData(ProviderEnd.Held)]
    public async Task Silence_IsABrokenStream(ProviderEnd end)
    {
        await using var provider = new ScriptedProvider(new ProviderReply { Pieces = [Hello], End = end });
        var time = new Testing.ManualTime();
        using var catalog = new ModelCatalog(new ModelSettings(), time);
        var texts = end is ProviderEnd.Silent ? 0 : 2;
        var seen = new TaskCompletionSource();
        var run = Task.Run(async () =>
        {
            await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model.StreamAsync(Request("Hi"), CancellationToken.None))
            {
                if (one is ModelEvent.Text && --texts == 0)
                {
                    seen.SetResult();
                }
            }
        });

        await (end is ProviderEnd.Silent ? provider.Asked : seen.Task).WaitAsync(Soon);
        while (time.ArmedTimers == 0)
        {
            await Task.Yield();
        }

        time.Advance(TimeSpan.FromSeconds(119));
        Assert.False(run.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        var exception = await Assert.ThrowsAsync<ModelException>(() => run).WaitAsync(Soon);

        Assert.Equal((ModelFailure.Broken, "openai: sent nothing for 120 s"), (exception.Failure, exception.Message));
        await provider.Left.WaitAsync(Soon);
    }

    [Fact]
    public async Task Connection_IsUsedAgain()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("stop")), Stream(Hello, End("stop")));
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var model = catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model;

        for (var i = 0; i < 2; i++)
        {
            await foreach (var one in model.StreamAsync(Request("Hi"), CancellationToken.None))
            {
            }
        }

        Assert.Equal((2, 1), (provider.Requests.Count, provider.Connections));
    }

    [Fact]
    public async Task ReplyBeyondTheLimit_IsRefused()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("stop")));
        using var catalog = new ModelCatalog(new ModelSettings { MaxReplyBytes = 100 }, TimeProvider.System);

        Assert.Equal(ModelFailure.Malformed, (await FailureAsync(catalog.Resolve(EngineWorld.Scope, Configuration(provider.Url)).Model)).Failure);
    }

    [Theory]
    [InlineData("http://169.254.169.254/v1")]
    [InlineData("http://[fe80::1]/v1")]
    [InlineData("http://[::ffff:169.254.169.254]/v1")]
    [InlineData("http://[fd00:ec2::254]/v1")]
    public async Task LinkLocalEndpoint_IsNeverCalled(string url)
    {
        var settings = new ModelSettings();
        using var connection = new ModelConnection(ModelEndpoint.CreateHandler(settings), settings, TimeProvider.System);

        var exception = await FailureAsync(new OpenAiModel(connection, new OpenAiTarget("m", new Uri(url), Key: ProviderKey.None)));

        Assert.Equal((ModelFailure.Refused, "openai: the endpoint has a link-local address; those are never called"), (exception.Failure, exception.Message));
    }

    protected override async Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var provider = new ScriptedProvider(scenario switch
        {
            ModelScenario.Answer => Stream(Hello, End("stop")),
            ModelScenario.ToolCalls => Stream(
                ProviderBytes.Events(
                    ProviderBytes.Chunk("""{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"shell","arguments":""}}]}"""),
                    ProviderBytes.Chunk("""{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"shell","arguments":"{\"command\":"}}]}"""),
                    ProviderBytes.Chunk("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"command\":\"ls\"}"}},{"index":1,"function":{"arguments":"\"pwd\"}"}}]}""")),
                End("tool_calls")),
            ModelScenario.Endless => Stream(Hello) with { End = ProviderEnd.Held },
            ModelScenario.Throttled => Error(429, "rate_limit_exceeded", "Slow down."),
            ModelScenario.Refused => Error(400, "invalid_value", "No."),
            ModelScenario.ContextTooLong => Error(400, "context_length_exceeded", "Too long."),
            ModelScenario.Cut => Stream(Hello) with { End = ProviderEnd.Cut },
            ModelScenario.NoFinish => Stream(Hello),
            ModelScenario.Garbage => Stream(Hello, "data: {\"choices\":[{{]}\n\n"u8.ToArray()),
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

    private static HarnessModelConfiguration Configuration(Uri? url) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = "openai/m", ApiBase = url is null ? null : new Uri(url, "/v1").ToString() },
    };

    private static ProviderReply Stream(params byte[][] pieces) => new() { Pieces = pieces };

    private static byte[] End(string finish) => ProviderBytes.Events(ProviderBytes.Chunk("{}", finish), "[DONE]");

    private static ProviderReply Error(int status, string code, string message) => new()
    {
        Status = status,
        ContentType = "application/json",
        Pieces = [System.Text.Encoding.UTF8.GetBytes($$$"""{"error":{"message":"{{{message}}}","code":"{{{code}}}"}}""")],
    };

    private static async Task<ModelException> FailureAsync(IModel model) => await Assert.ThrowsAsync<ModelException>(async () =>
    {
        await foreach (var one in model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }
    });
}
