using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Util;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.Bedrock;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.Bedrock;

public sealed class BedrockModelTests : ModelContract
{
    private const string ModelId = "us.anthropic.claude-sonnet-4-20250514-v1:0";

    private static readonly byte[] Hello = ProviderBytes.Frames(
        ("messageStart", """{"role":"assistant","p":"abc"}"""),
        ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"Hello, "},"p":"abcdef"}"""),
        ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"world!"}}"""));

    /// <summary>
    /// What the service verifies: the path that is already escaped is escaped once more, the session token is signed. The SDK's
    /// own arithmetic says what the signature is.
    /// </summary>
    [Fact]
    public async Task Request_IsSignedForTheModel()
    {
        await using var provider = new ScriptedProvider(Stream(Hello, End("end_turn")));
        var time = new Testing.ManualTime();
        using var catalog = Catalog(provider.Url, new SessionAWSCredentials("AKIDEXAMPLE", "secret", "token"), time);

        await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration).Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("POST", "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream"), (request.Method, request.Target));
        Assert.Equal(("20260101T000000Z", "token"), (request.Headers["x-amz-date"], request.Headers["x-amz-security-token"]));
        const string Signed = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
        var hash = Convert.ToHexStringLower(SHA256.HashData(request.Body));
        var canonical = string.Join(
            '\n',
            "POST",
            "/model/us.anthropic.claude-sonnet-4-20250514-v1%253A0/converse-stream",
            "",
            "content-type:application/json",
            $"host:{provider.Url.Authority}",
            $"x-amz-content-sha256:{hash}",
            "x-amz-date:20260101T000000Z",
            "x-amz-security-token:token",
            "",
            Signed,
            hash);
        var expected = AWS4Signer.ComputeSignature(
            "AKIDEXAMPLE", "secret", "us-west-2", time.GetUtcNow().UtcDateTime, "bedrock", Signed, canonical, new RequestMetrics());
        Assert.Equal(expected.ForAuthorizationHeader, request.Headers["authorization"]);
    }

    [Fact]
    public async Task BelaysOwnKeys_AreNotTakenForUpstreamCredentials()
    {
        await using var provider = new ScriptedProvider();
        using var catalog = Catalog(provider.Url, new BasicAWSCredentials("BELAYABCDEF", "secret"), TimeProvider.System);

        var exception = await FailureAsync(catalog);

        Assert.Equal(ModelFailure.Refused, exception.Failure);
        Assert.Contains("Belay's own access keys", exception.Message, StringComparison.Ordinal);
        Assert.Empty(provider.Requests);
    }

    [Fact]
    public async Task ProfileThatIsMissing_IsNamed()
    {
        Assert.SkipWhen(Environment.ExpandEnvironmentVariables("%AWS_ACCESS_KEY_ID%")[0] != '%', "This environment has AWS credentials, which come first.");
        using var catalog = new ModelCatalog(new ModelSettings { Bedrock = new BedrockSettings { Profile = "belay-test-none" } }, TimeProvider.System);

        var exception = await FailureAsync(catalog);

        Assert.Equal((ModelFailure.Refused, "bedrock: the AWS configuration has no profile named belay-test-none"), (exception.Failure, exception.Message));
    }

    [Theory]
    [InlineData(429, "ThrottlingException:http://internal.amazon.com/", "Too many requests", ModelFailure.Throttled)]
    [InlineData(503, "ServiceUnavailableException", "", ModelFailure.Throttled)]
    [InlineData(408, "ModelTimeoutException", "", ModelFailure.Throttled)]
    [InlineData(400, "ValidationException", "Input is too long for requested model.", ModelFailure.ContextTooLong)]
    [InlineData(400, "ValidationException", "The provided model identifier is invalid.", ModelFailure.Refused)]
    [InlineData(403, "AccessDeniedException", "You don't have access to the model.", ModelFailure.Refused)]
    [InlineData(424, "ModelErrorException", "", ModelFailure.Refused)]
    public async Task Status_DecidesTheKindOfFailure(int status, string type, string message, ModelFailure failure)
    {
        await using var provider = new ScriptedProvider(Error(status, type, message));
        using var catalog = Catalog(provider.Url, new BasicAWSCredentials("AKID", "secret"), TimeProvider.System);

        var exception = await FailureAsync(catalog);

        Assert.Equal(failure, exception.Failure);
        Assert.Equal($"bedrock: {(message.Length > 0 ? message : type)} (HTTP {status})", exception.Message);
    }

    [Theory]
    [InlineData("us-west-2", "https://bedrock-runtime.us-west-2.amazonaws.com/")]
    [InlineData("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/")]
    public void Endpoint_IsTheRegions(string region, string endpoint) =>
        Assert.Equal(endpoint, BedrockModel.EndpointOf(new BedrockSettings { Region = region }).ToString());

    protected override async Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var provider = new ScriptedProvider(scenario switch
        {
            ModelScenario.Answer => Stream(Hello, End("end_turn")),
            ModelScenario.ToolCalls => Stream(
                ProviderBytes.Frames(
                    ("messageStart", """{"role":"assistant"}"""),
                    ("contentBlockStart", """{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"shell"}}}"""),
                    ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"command\":\"ls\"}"}}}"""),
                    ("contentBlockStop", """{"contentBlockIndex":0}"""),
                    ("contentBlockStart", """{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"b","name":"shell"}}}"""),
                    ("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"toolUse":{"input":""}}}"""),
                    ("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"command\":\"pwd\"}"}}}"""),
                    ("contentBlockStop", """{"contentBlockIndex":1}""")),
                End("tool_use")),
            ModelScenario.Endless => Stream(Hello) with { End = ProviderEnd.Held },
            ModelScenario.Throttled => Error(429, "ThrottlingException", "Slow down."),
            ModelScenario.Refused => Error(403, "AccessDeniedException", "No."),
            ModelScenario.ContextTooLong => Error(400, "ValidationException", "Input is too long for requested model."),
            ModelScenario.Cut => Stream(Hello) with { End = ProviderEnd.Cut },
            ModelScenario.NoFinish => Stream(Hello),
            ModelScenario.Garbage => Stream(Hello, "this is no frame at all"u8.ToArray()),
            _ => Stream(Hello),
        });
        var url = provider.Url;
        if (scenario is ModelScenario.Unreachable)
        {
            await provider.DisposeAsync();
        }

        var catalog = Catalog(url, new BasicAWSCredentials("AKID", "secret"), TimeProvider.System);
        return new ModelSubject(catalog.Resolve(EngineWorld.Scope, Configuration).Model, Request("Hi"), () => provider.Requests.Count > 0, provider.Left, catalog, provider);
    }

    private static HarnessModelConfiguration Configuration => new() { BedrockModelConfig = new HarnessBedrockModelConfig { ModelId = ModelId } };

    private static ModelCatalog Catalog(Uri url, AWSCredentials credentials, TimeProvider time) =>
        new(new ModelSettings { Bedrock = new BedrockSettings { Endpoint = url } }, time, credentials);

    private static ProviderReply Stream(params byte[][] pieces) => new() { ContentType = "application/vnd.amazon.eventstream", Pieces = pieces };

    private static byte[] End(string reason) => ProviderBytes.Frames(
        ("contentBlockStop", """{"contentBlockIndex":0}"""),
        ("messageStop", $$"""{"stopReason":"{{reason}}"}"""),
        ("metadata", """{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7},"metrics":{"latencyMs":9}}"""));

    private static ProviderReply Error(int status, string type, string message) => new()
    {
        Status = status,
        ContentType = "application/json",
        Headers = new Dictionary<string, string> { ["x-amzn-ErrorType"] = type },
        Pieces = [System.Text.Encoding.UTF8.GetBytes($$"""{"message":"{{message}}"}""")],
    };

    private static async Task<ModelException> FailureAsync(ModelCatalog catalog) => await Assert.ThrowsAsync<ModelException>(async () =>
    {
        await foreach (var one in catalog.Resolve(EngineWorld.Scope, Configuration).Model.StreamAsync(Request("Hi"), CancellationToken.None))
        {
        }
    });
}
