using System.Text;
using Amazon.Runtime;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.Bedrock;
using Belay.Testing;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.Bedrock;

public sealed class BedrockMantleTests
{
    private const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private static readonly DateTimeOffset At = new(2026, 11, 21, 12, 34, 56, TimeSpan.Zero);

    /// <summary>The URLs are those that botocore's SigV4QueryAuth presigned for the same keys and time.</summary>
    [Theory]
    [InlineData("AKIDEXAMPLE", null, "us-west-2", "?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Fus-west-2%2Fbedrock%2Faws4_request&X-Amz-Date=20261121T123456Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=7bf23a6550bc04e2c506ea8c06fed2858c6148d39c80525435c0d559021dbda5")]
    [InlineData("ASIDEXAMPLE", "tok/en+with=signs", "eu-central-1", "?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIDEXAMPLE%2F20261121%2Feu-central-1%2Fbedrock%2Faws4_request&X-Amz-Date=20261121T123456Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2Bwith%3Dsigns&X-Amz-Signature=83395f3ceb5c444e32aaf290abf16fe09db95763754361a6af184be861580e1c")]
    public void Token_IsThePresignedRequest(string accessKey, string? session, string region, string query)
    {
        var token = BedrockToken.Of(new ImmutableCredentials(accessKey, Secret, session), region, At);

        Assert.Equal($"bedrock.amazonaws.com/{query}&Version=1", Presigned(token));
    }

    [Theory]
    [InlineData(null, "openai.gpt-5.5", "https://bedrock-mantle.us-west-2.api.aws/openai/v1")]
    [InlineData(null, "us.openai.gpt-5.5", "https://bedrock-mantle.us-west-2.api.aws/openai/v1")]
    [InlineData(null, "openai.gpt-oss-120b", "https://bedrock-mantle.us-west-2.api.aws/v1")]
    [InlineData(null, "us.openai.gpt-oss-20b-1:0", "https://bedrock-mantle.us-west-2.api.aws/v1")]
    [InlineData(null, "qwen.qwen3-coder", "https://bedrock-mantle.us-west-2.api.aws/v1")]
    [InlineData("http://127.0.0.1:9", "openai.gpt-5.5", "http://127.0.0.1:9/openai/v1")]
    [InlineData("http://127.0.0.1:9/", "openai.gpt-oss-120b", "http://127.0.0.1:9/v1")]
    [InlineData("http://127.0.0.1:9/v1", "openai.gpt-5.5", "http://127.0.0.1:9/v1")]
    [InlineData("https://h/mantle?k=1", "m", "https://h/mantle/v1?k=1")]
    public void BaseUrl_IsTheModels(string? endpoint, string modelId, string url) =>
        Assert.Equal(url, BedrockMantle.BaseUrl(new BedrockSettings { MantleEndpoint = endpoint is null ? null : new Uri(endpoint) }, modelId).AbsoluteUri);

    [Theory]
    [InlineData(HarnessBedrockApiFormat.Responses, "/v1/responses", "\"max_output_tokens\":50")]
    [InlineData(HarnessBedrockApiFormat.ChatCompletions, "/v1/chat/completions", "\"max_completion_tokens\":50")]
    public async Task Call_BearsATokenOfItsOwn(HarnessBedrockApiFormat format, string target, string limit)
    {
        await using var provider = new ScriptedProvider(Reply(format), Reply(format));
        var time = new ManualTime();
        var keys = new ChangingKeys();
        using var catalog = new ModelCatalog(Settings(provider.Url), time, keys);
        var resolved = catalog.Resolve(EngineWorld.Scope, Configuration(format));

        var first = await EventsAsync(resolved);
        keys.AccessKey = "ASIDSECOND";
        time.Advance(TimeSpan.FromHours(1));
        await EventsAsync(resolved);

        Assert.Equal("0 text Hi\n0 closed\nusage 7 3 0 0\nstopped end_turn", ModelEventText.Print(first));
        Assert.Equal([target, target], provider.Requests.Select(request => request.Target));
        Assert.All(provider.Requests, request => Assert.Contains(limit, request.Text, StringComparison.Ordinal));
        var tokens = provider.Requests.Select(request => request.Headers["authorization"]["Bearer ".Length..]).ToList();
        Assert.Contains("X-Amz-Credential=AKIDFIRST%2F20260101%2Fus-west-2", Presigned(tokens[0]), StringComparison.Ordinal);
        Assert.Contains("X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&", Presigned(tokens[0]), StringComparison.Ordinal);
        Assert.Contains("X-Amz-Credential=ASIDSECOND%2F", Presigned(tokens[1]), StringComparison.Ordinal);
        Assert.Contains("X-Amz-Date=20260101T010000Z", Presigned(tokens[1]), StringComparison.Ordinal);
        Assert.Contains("X-Amz-Security-Token=session", Presigned(tokens[1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CallsThatFail_OpenOneCircuit_ThoughEachHasATokenOfItsOwn()
    {
        var down = new ProviderReply { Status = 503, ContentType = "application/json", Pieces = ["{}"u8.ToArray()] };
        await using var provider = new ScriptedProvider(down, down, down);
        var time = new ManualTime();
        using var catalog = new ModelCatalog(Settings(provider.Url), time, new ChangingKeys());
        var model = catalog.Resolve(EngineWorld.Scope, Configuration(HarnessBedrockApiFormat.Responses)).Model;
        var circuits = new CircuitBreakers(new(), time);

        for (var i = 0; i < 3; i++)
        {
            using var call = circuits.Begin("000000000000", model);
            call.End(await FailureAsync(model, call));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        using var refused = circuits.Begin("000000000000", model);
        Assert.Equal(ModelFailure.CircuitOpen, (await FailureAsync(model, refused)).Failure);
        Assert.Equal(3, provider.Requests.Select(request => request.Headers["authorization"]).Distinct().Count());
    }

    [Fact]
    public async Task OperatorsToken_GoesAsItIs()
    {
        await using var provider = new ScriptedProvider(Reply(HarnessBedrockApiFormat.Responses));
        var settings = Settings(provider.Url);
        settings = settings with { Bedrock = settings.Bedrock with { BearerToken = "bedrock-api-key-operator" } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        await EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(HarnessBedrockApiFormat.Responses)));

        Assert.Equal("Bearer bedrock-api-key-operator", Assert.Single(provider.Requests).Headers["authorization"]);
        Assert.DoesNotContain("operator", settings.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Error_NamesBedrockAndHidesTheToken()
    {
        await using var provider = new ScriptedProvider(new ProviderReply
        {
            Status = 401,
            ContentType = "application/json",
            Pieces = ["""{"error":{"message":"bedrock-api-key-operator is not valid","type":"authentication_error"}}"""u8.ToArray()],
        });
        var settings = Settings(provider.Url);
        settings = settings with { Bedrock = settings.Bedrock with { BearerToken = "bedrock-api-key-operator" } };
        using var catalog = new ModelCatalog(settings, TimeProvider.System);

        var exception = await Assert.ThrowsAsync<ModelException>(() => EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(HarnessBedrockApiFormat.Responses))));

        Assert.Equal((ModelFailure.Refused, "bedrock: [redacted] is not valid (HTTP 401)"), (exception.Failure, exception.Message));
    }

    [Fact]
    public async Task OurOwnKeys_AreNoCredentials()
    {
        await using var provider = new ScriptedProvider(Reply(HarnessBedrockApiFormat.Responses));
        using var catalog = new ModelCatalog(Settings(provider.Url), TimeProvider.System, new ChangingKeys { AccessKey = "BELAYX" });

        var exception = await Assert.ThrowsAsync<ModelException>(() => EventsAsync(catalog.Resolve(EngineWorld.Scope, Configuration(HarnessBedrockApiFormat.Responses))));

        Assert.Equal(ModelFailure.Refused, exception.Failure);
        Assert.Empty(provider.Requests);
    }

    [Theory]
    [InlineData(HarnessBedrockApiFormat.Responses, """{"input":"x","store":true,"previous_response_id":"r","include":[]}""", 3)]
    [InlineData(HarnessBedrockApiFormat.ChatCompletions, """{"messages":[],"n":2,"store":true}""", 2)]
    public void ReservedParameters_AreRefused(HarnessBedrockApiFormat format, string additional, int problems)
    {
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        var configuration = Configuration(format);
        configuration = configuration with { BedrockModelConfig = configuration.BedrockModelConfig! with { AdditionalParams = System.Text.Json.JsonElement.Parse(additional) } };

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(EngineWorld.Scope, configuration));

        Assert.StartsWith($"{problems} validation errors detected: model.bedrockModelConfig.additionalParams.", fault.Message, StringComparison.Ordinal);
    }

    private static string Presigned(string token) => Encoding.UTF8.GetString(Convert.FromBase64String(token["bedrock-api-key-".Length..]));

    private static ModelSettings Settings(Uri url) => new() { Bedrock = new BedrockSettings { MantleEndpoint = url } };

    private static HarnessModelConfiguration Configuration(HarnessBedrockApiFormat format) => new()
    {
        BedrockModelConfig = new HarnessBedrockModelConfig { ModelId = "openai.gpt-oss-120b", ApiFormat = format, MaxTokens = 50 },
    };

    private static ProviderReply Reply(HarnessBedrockApiFormat format) => new()
    {
        Pieces =
        [
            format is HarnessBedrockApiFormat.Responses
                ? Encoding.UTF8.GetBytes(string.Concat(ResponsesReply.Say("Hi").Stream(1, "m")))
                : ProviderBytes.Events(ProviderBytes.Chunk("""{"content":"Hi"}""", "stop"), """{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}""", "[DONE]"),
        ],
    };

    private static Task<ModelException> FailureAsync(IModel model, CircuitCall circuit) => Assert.ThrowsAsync<ModelException>(async () =>
    {
        await foreach (var one in model.StreamAsync(ModelContract.Request("Hi") with { Circuit = circuit }, CancellationToken.None))
        {
        }
    });

    private static async Task<List<ModelEvent>> EventsAsync(ResolvedModel resolved)
    {
        var events = new List<ModelEvent>();
        await foreach (var one in resolved.Model.StreamAsync(ModelContract.Request("Hi") with { Parameters = resolved.Parameters }, CancellationToken.None))
        {
            events.Add(one);
        }

        return events;
    }

    private sealed class ChangingKeys : AWSCredentials
    {
        public string AccessKey { get; set; } = "AKIDFIRST";

        public override ImmutableCredentials GetCredentials() => new(AccessKey, Secret, "session");
    }
}
