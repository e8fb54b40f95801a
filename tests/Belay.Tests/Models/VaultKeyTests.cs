using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

/// <summary>Keys that a harness names by the ARN of their credential provider.</summary>
public sealed class VaultKeyTests
{
    private const string KeyArn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/apikeycredentialprovider/my_key";

    private static readonly ProviderReply Refusal = new() { Status = 400, ContentType = "application/json", Pieces = ["{}"u8.ToArray()] };

    private string? _key = "sk-vault";

    public static TheoryData<string, string> Formats => new()
    {
        { "openai", "authorization: Bearer sk-vault" },
        { "gemini", "x-goog-api-key: sk-vault" },
        { "openai/m", "authorization: Bearer sk-vault" },
        { "groq/m", "authorization: Bearer sk-vault" },
        { "azure/m", "api-key: sk-vault" },
        { "anthropic/m", "x-api-key: sk-vault" },
        { "gemini/m", "x-goog-api-key: sk-vault" },
        { "wizard/m", "authorization: Bearer sk-vault" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Key_GoesWhereTheCallsGo_InTheProvidersHeader(string model, string header)
    {
        await using var provider = new ScriptedProvider(Refusal);
        using var catalog = Catalog(Operator(provider.Url));

        await FailureAsync(catalog, Configuration(model, provider.Url));

        var headers = Assert.Single(provider.Requests).Headers;
        Assert.Contains(header, headers.Select(one => $"{one.Key}: {one.Value}"));
        Assert.DoesNotContain("sk-operator", string.Join(' ', headers.Values), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotation_IsTheNextCallsKey()
    {
        await using var provider = new ScriptedProvider(Refusal, Refusal);
        using var catalog = Catalog(new());
        var model = catalog.Resolve(EngineWorld.Scope, Configuration("openai", provider.Url)).Model;

        await FailureAsync(model);
        _key = "sk-rotated";
        await FailureAsync(model);

        Assert.Equal(["Bearer sk-vault", "Bearer sk-rotated"], provider.Requests.Select(request => request.Headers["authorization"]));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task MissingKey_IsAClearFailureBeforeAnyCall_AndTheOperatorsNeverTakesItsPlace(string model, string header)
    {
        Assert.NotEmpty(header);
        await using var provider = new ScriptedProvider(Refusal);
        using var catalog = Catalog(Operator(provider.Url));
        _key = null;
        var resolved = catalog.Resolve(EngineWorld.Scope, Configuration(model, provider.Url));

        var failure = await FailureAsync(resolved.Model);
        var fault = await Assert.ThrowsAsync<ServiceException>(async () => await resolved.RequireKeyAsync(default));

        Assert.Equal((ModelFailure.Refused, "credential provider not found: my_key"), (failure.Failure, failure.Message));
        Assert.Equal((FaultCode.RuntimeClientError, failure.Message), (fault.Code, fault.Message));
        Assert.Equal(0, provider.Connections);
    }

    [Fact]
    public async Task MissingKeyOfAFallback_IsNamedBeforeAnyCall()
    {
        using var catalog = Catalog(new());
        var gone = KeyArn.Replace("my_key", "gone", StringComparison.Ordinal);
        var fallbacks = $$$"""{"belay":{"fallbacks":[{"bedrockModelConfig":{"modelId":"belay/scripted"}},{"geminiModelConfig":{"modelId":"m","apiKeyArn":"{{{gone}}}"}}]}}""";
        var resolved = catalog.Resolve(EngineWorld.Scope, new() { OpenAiModelConfig = new() { ModelId = "m", ApiKeyArn = KeyArn, AdditionalParams = JsonElement.Parse(fallbacks) } });

        var one = await Assert.ThrowsAsync<ServiceException>(async () => await resolved.RequireKeyAsync(default));
        _key = null;
        var both = await Assert.ThrowsAsync<ServiceException>(async () => await resolved.RequireKeyAsync(default));

        Assert.Equal((FaultCode.RuntimeClientError, "fallbacks[1]: credential provider not found: gone"), (one.Code, one.Message));
        Assert.Equal("credential provider not found: my_key; fallbacks[1]: credential provider not found: gone", both.Message);
    }

    [Theory]
    [InlineData("sk with a space")]
    [InlineData("sk-line\r\nX-Injected: yes")]
    [InlineData("sk-ключ")]
    public async Task KeyThatNoHeaderCarries_IsNeverSent_AndNeverShown(string key)
    {
        await using var provider = new ScriptedProvider(Refusal);
        using var catalog = Catalog(new());
        _key = key;

        var failure = await FailureAsync(catalog, Configuration("openai", provider.Url));

        Assert.Contains("has a key that no request can carry", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sk", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, provider.Connections);
    }

    [Fact]
    public async Task ProviderThatRepeatsTheKey_DoesNotShowIt()
    {
        await using var provider = new ScriptedProvider(new ProviderReply
        {
            Status = 401,
            ContentType = "application/json",
            Pieces = ["""{"error":{"message":"Incorrect API key sk-vault provided."}}"""u8.ToArray()],
        });
        using var catalog = Catalog(new());

        var failure = await FailureAsync(catalog, Configuration("openai", provider.Url));

        Assert.Contains("Incorrect API key", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-vault", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ExternalKeyThatCannotBeRead_SaysWhy()
    {
        await using var provider = new ScriptedProvider(Refusal);
        using var catalog = new ModelCatalog(new(), TimeProvider.System) { FindKeyAsync = (_, _, _) => throw new InvalidDataException("names a file that the server cannot read") };

        var failure = await FailureAsync(catalog, Configuration("openai", provider.Url));

        Assert.Equal((ModelFailure.Refused, "credential provider my_key has no key now: its secretId names a file that the server cannot read"), (failure.Failure, failure.Message));
        Assert.Equal(0, provider.Connections);
    }

    [Fact]
    public void Gemini_TakesItsParameters()
    {
        using var catalog = Catalog(new());

        var parameters = catalog.Resolve(
            EngineWorld.Scope, new() { GeminiModelConfig = new() { ModelId = "m", ApiKeyArn = KeyArn, MaxTokens = 1, Temperature = 0.5, TopP = 0.25, TopK = 7 } }).Parameters;

        Assert.Equal(new ModelParameters(1, 0.5, 0.25, 7, null), parameters);
    }

    private static async Task<ModelException> FailureAsync(ModelCatalog catalog, HarnessModelConfiguration configuration) =>
        await FailureAsync(catalog.Resolve(EngineWorld.Scope, configuration).Model);

    private static Task<ModelException> FailureAsync(IModel model) => Assert.ThrowsAsync<ModelException>(async () =>
    {
        await foreach (var one in model.StreamAsync(ModelContract.Request("Hi"), CancellationToken.None))
        {
        }
    });

    private static HarnessModelConfiguration Configuration(string model, Uri url) => model switch
    {
        "openai" => new() { OpenAiModelConfig = new() { ModelId = "m", ApiKeyArn = KeyArn, ApiBase = url.ToString() } },
        "gemini" => new() { GeminiModelConfig = new() { ModelId = "m", ApiKeyArn = KeyArn } },
        _ => new() { LiteLlmModelConfig = new() { ModelId = model, ApiKeyArn = KeyArn, ApiBase = url.ToString() } },
    };

    // Their keys are allowed, and would go to the very same place.
    private static ModelSettings Operator(Uri url) => new()
    {
        OpenAi = new() { BaseUrl = url, ApiKey = "sk-operator", AllowEnvironmentKeys = true },
        Providers = new()
        {
            AllowEnvironmentKeys = true,
            Variables = LiteLlmProviders.All.SelectMany(row => new[] { (row.KeyVariable, "sk-operator"), (row.BaseUrlVariable, url.ToString()) })
                .Where(pair => pair.Item1 is not null).DistinctBy(pair => pair.Item1).ToDictionary(pair => pair.Item1!, pair => pair.Item2),
        },
    };

    private ModelCatalog Catalog(ModelSettings settings) => new(settings, TimeProvider.System)
    {
        FindKeyAsync = (scope, name, _) => ValueTask.FromResult((scope, name) == (EngineWorld.Scope, "my_key") ? _key : null),
    };
}
