using System.Net;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

public sealed class ModelCatalogTests
{
    private const string KeyArn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/apikeycredentialprovider/k";
    private const string TheirKeyArn = "arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/k";

    [Theory]
    [InlineData("openai/gpt-x", "openai", "gpt-x")]
    [InlineData("openai/meta-llama/Llama-3", "openai", "meta-llama/Llama-3")]
    [InlineData("llama3", "openai", "llama3")]
    [InlineData("openai/responses/gpt-x", "openai", "gpt-x")]
    [InlineData("openai/responses/a/b", "openai", "a/b")]
    [InlineData("anthropic/claude-x", "anthropic", "claude-x")]
    [InlineData("gemini/gemini-x", "gemini", "gemini-x")]
    [InlineData("gemini/tunedModels/mine", "gemini", "tunedModels/mine")]
    [InlineData("belay/scripted", "belay", "belay/scripted")]
    public void LiteLlm_IsResolvedByPrefix(string modelId, string provider, string resolved)
    {
        using var catalog = Catalog();

        var model = catalog.Resolve(EngineWorld.Scope, LiteLlm(modelId)).Model;

        Assert.Equal((provider, resolved), (model.Provider, model.ModelId));
    }

    [Theory]
    [InlineData("anthropic.claude-x", null, "bedrock")]
    [InlineData("anthropic.claude-x", HarnessBedrockApiFormat.ConverseStream, "bedrock")]
    [InlineData("openai.gpt-x", HarnessBedrockApiFormat.Responses, "bedrock")]
    [InlineData("openai.gpt-oss-x", HarnessBedrockApiFormat.ChatCompletions, "bedrock")]
    [InlineData("belay/scripted", null, "belay")]
    public void Bedrock_IsResolved(string modelId, HarnessBedrockApiFormat? format, string provider)
    {
        using var catalog = Catalog();

        Assert.Equal(provider, catalog.Resolve(EngineWorld.Scope, Bedrock(modelId, format)).Model.Provider);
    }

    public static TheoryData<HarnessModelConfiguration, string> NotServed() => new()
    {
        { new HarnessModelConfiguration(), "model names no model" },
        { OpenAi(TheirKeyArn), "model.openAiModelConfig.apiKeyArn must name a credential provider of the harness's own account and region" },
        { OpenAi(KeyArn.Replace("us-west-2", "eu-west-1", StringComparison.Ordinal)), "model.openAiModelConfig.apiKeyArn must name a credential provider of the harness's own account and region" },
        { OpenAi(KeyArn.Replace("arn:aws:", "arn:aws-cn:", StringComparison.Ordinal)), "model.openAiModelConfig.apiKeyArn must be the ARN of a credential provider" },
        { OpenAi(KeyArn.Replace("default", "other", StringComparison.Ordinal)), "model.openAiModelConfig.apiKeyArn must be the ARN of a credential provider in the vault default" },
        { OpenAi("k"), "model.openAiModelConfig.apiKeyArn must be the ARN of a credential provider" },
        { OpenAi(KeyArn, apiBase: "http://user:secret@host"), "model.openAiModelConfig.apiBase must be an absolute http or https URL" },
        { new HarnessModelConfiguration { GeminiModelConfig = new HarnessGeminiModelConfig { ModelId = "m", ApiKeyArn = TheirKeyArn } }, "model.geminiModelConfig.apiKeyArn must name a credential provider of the harness's own" },
        { new HarnessModelConfiguration { GeminiModelConfig = new HarnessGeminiModelConfig { ModelId = "m", ApiKeyArn = KeyArn, AdditionalParams = Json("""{"contents":[]}""") } }, "model.geminiModelConfig.additionalParams.contents would replace" },
        { LiteLlm("anthropic/"), "model.liteLlmModelConfig.modelId names no model behind its prefix" },
        { LiteLlm("anthropic/m", keyArn: TheirKeyArn), "model.liteLlmModelConfig.apiKeyArn must name a credential provider of the harness's own" },
        { LiteLlm("bedrock/m", keyArn: KeyArn), "model.liteLlmModelConfig.apiKeyArn must be left out with bedrock/" },
        { LiteLlm("anthropic/m", apiBase: "http://user:secret@host"), "model.liteLlmModelConfig.apiBase must be an absolute http or https URL" },
        { LiteLlm("anthropic/m", additional: """{"messages":[],"stream":false}"""), "2 validation errors detected: model.liteLlmModelConfig.additionalParams.messages would replace" },
        { LiteLlm("openai/responses/"), "model.liteLlmModelConfig.modelId names no model behind its prefix" },
        { LiteLlm("azure/responses/gpt5_series/", "https://h"), "model.liteLlmModelConfig.modelId must name a deployment" },
        { LiteLlm("openai/responses/m", additional: """{"input":[],"stream":false,"store":true,"conversation":"c"}"""), "4 validation errors detected: model.liteLlmModelConfig.additionalParams.input would replace" },
        { LiteLlm("openai/responses/m", additional: """{"include":"all"}"""), "model.liteLlmModelConfig.additionalParams.include must be a list" },
        { LiteLlm("openai/"), "names no model behind its prefix" },
        { LiteLlm("gemini/"), "model.liteLlmModelConfig.modelId names no model behind its prefix" },
        { LiteLlm("gemini/m", keyArn: TheirKeyArn), "model.liteLlmModelConfig.apiKeyArn must name a credential provider of the harness's own" },
        { LiteLlm("gemini/m", apiBase: "http://user:secret@host"), "model.liteLlmModelConfig.apiBase must be an absolute http or https URL" },
        { LiteLlm("gemini/m", additional: """{"contents":[],"tools":[],"tool_config":{}}"""), "3 validation errors detected: model.liteLlmModelConfig.additionalParams.contents would replace" },
        { LiteLlm("gemini/m", additional: """{"generationConfig":{"candidateCount":2}}"""), "additionalParams.generationConfig.candidateCount must be 1" },
        { LiteLlm("gemini/m", additional: """{"generation_config":{"candidate_count":"1"}}"""), "additionalParams.generation_config.candidate_count must be 1" },
        { LiteLlm("wizard/merlin"), "has a prefix that is not known" },
        { LiteLlm("openai/m", keyArn: TheirKeyArn), "model.liteLlmModelConfig.apiKeyArn must name a credential provider of the harness's own" },
        { LiteLlm("openai/m", apiBase: "ftp://secret-host"), "model.liteLlmModelConfig.apiBase must be an absolute http or https URL" },
        { LiteLlm("openai/m", apiBase: "http://user:secret@host"), "model.liteLlmModelConfig.apiBase must be an absolute http or https URL" },
        { LiteLlm("openai/m", apiBase: "http://169.254.169.254/secret"), "model.liteLlmModelConfig.apiBase must not be a link-local address" },
        { LiteLlm("openai/m", additional: "[]"), "model.liteLlmModelConfig.additionalParams must be a JSON object" },
        { LiteLlm("openai/m", additional: """{"messages":[],"stream":false}"""), "2 validation errors detected: model.liteLlmModelConfig.additionalParams.messages would replace" },
        { Bedrock("m", additional: """{"toolConfig":{}}"""), "additionalParams.toolConfig would replace" },
        { Bedrock("m", additional: """{"belay":{"caching":true,"promptCaching":1}}"""), "additionalParams.belay.caching is not known; known are promptCaching and fallbacks; model.bedrockModelConfig.additionalParams.belay.promptCaching must be true or false" },
    };

    [Theory]
    [MemberData(nameof(NotServed))]
    public void WhatIsNotServed_IsAClearFault(HarnessModelConfiguration configuration, string message)
    {
        using var catalog = Catalog();

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(EngineWorld.Scope, configuration));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fallbacks_AreResolvedInOrder_WithTheirOwnParameters()
    {
        using var catalog = Catalog();

        var model = catalog.Resolve(EngineWorld.Scope, LiteLlm("openai/first", additional: """
            {"seed":1,"belay":{"fallbacks":[
              {"liteLlmModelConfig":{"modelId":"anthropic/second","maxTokens":9,"additionalParams":{"top_k":3,"belay":{"promptCaching":false}}}},
              {"bedrockModelConfig":{"modelId":"belay/scripted"}}]}}
            """));

        Assert.Equal(["anthropic/second", "belay/belay/scripted"], model.Fallbacks.Select(one => $"{one.Model.Provider}/{one.Model.ModelId}"));
        Assert.Equal((9, """{"top_k":3}"""), (model.Fallbacks[0].Parameters.MaxTokens, model.Fallbacks[0].Parameters.Additional?.GetRawText()));
        Assert.Equal("""{"seed":1}""", model.Parameters.Additional?.GetRawText());
        Assert.All(model.Fallbacks, fallback => Assert.Empty(fallback.Fallbacks));
    }

    [Fact]
    public void Problems_OfAModelAndItsFallbacks_AreNamedAtOnce()
    {
        using var catalog = Catalog();
        const string Second = """{"geminiModelConfig":{"modelId":"g","apiKeyArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/k"}}""";

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(EngineWorld.Scope, LiteLlm(
            "openai/responses/", additional: $$$"""{"belay":{"fallbacks":[{"liteLlmModelConfig":{"modelId":"wizard/merlin"}},{{{Second}}}]}}""")));

        const string Own = "model.liteLlmModelConfig.additionalParams.belay";
        Assert.Equal(
            ["model.liteLlmModelConfig.modelId", $"{Own}.fallbacks[0].liteLlmModelConfig.modelId", $"{Own}.fallbacks[1].geminiModelConfig.apiKeyArn"],
            fault.Fields.Select(field => field.Name));
    }

    [Fact]
    public void FallbackWithoutAKey_IsRefusedByItsPath()
    {
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(EngineWorld.Scope, Bedrock("m", additional: """{"belay":{"fallbacks":[{"liteLlmModelConfig":{"modelId":"openai/m"}}]}}""")));

        Assert.Equal(FaultCode.RuntimeClientError, fault.Code);
        Assert.StartsWith("model.bedrockModelConfig.additionalParams.belay.fallbacks[0]: openai: there is no API key", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, false, "there is no API key")]
    [InlineData("sk-x", false, "has not allowed")]
    [InlineData("sk-x", true, null)]
    public void PublicEndpoint_NeedsAKeyThatTheOperatorAllows(string? key, bool allowed, string? message)
    {
        using var catalog = new ModelCatalog(
            new ModelSettings
            {
                OpenAi = new OpenAiSettings { ApiKey = key, AllowEnvironmentKeys = allowed },
                Providers = new ProviderSettings { Variables = key is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["ANTHROPIC_API_KEY"] = key, ["GEMINI_API_KEY"] = key }, AllowEnvironmentKeys = allowed },
            },
            TimeProvider.System);

        foreach (var provider in (string[])["openai", "anthropic", "gemini"])
        {
            var fault = Record.Exception(() => catalog.Resolve(EngineWorld.Scope, LiteLlm($"{provider}/m"))) as ServiceException;

            Assert.Equal(message is null ? null : FaultCode.RuntimeClientError, fault?.Code);
            Assert.Contains(message ?? "", fault?.Message ?? "", StringComparison.Ordinal);
            Assert.StartsWith(message is null ? "" : provider, fault?.Message ?? "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Parameters_AreReadyAndOurOwnMemberIsGone()
    {
        using var catalog = Catalog();

        var parameters = catalog.Resolve(EngineWorld.Scope, LiteLlm("openai/m", additional: """{"seed":1,"belay":{"promptCaching":false}}""")).Parameters;
        var none = catalog.Resolve(EngineWorld.Scope, LiteLlm("openai/m", additional: """{"belay":{}}""")).Parameters;

        Assert.Equal("""{"seed":1}""", parameters.Additional?.GetRawText());
        Assert.Null(none.Additional);
    }

    [Fact]
    public void Settings_ShowNoKeyAndNameEveryProblem()
    {
        var settings = new ModelSettings { StallSeconds = 0, ConnectSeconds = 0, MaxReplyBytes = 0, RetryBaseSeconds = 0, OpenAi = new OpenAiSettings { ApiKey = "sk-secret", BaseUrl = new Uri("ftp://x") }, Bedrock = new BedrockSettings { MantleEndpoint = new Uri("ftp://x"), BearerToken = "sk-secret" }, Providers = new ProviderSettings { Variables = new Dictionary<string, string> { ["ANTHROPIC_API_KEY"] = "sk-secret", ["ANTHROPIC_BASE_URL"] = "ftp://x" } } };

        Assert.Equal(7, settings.Problems().Count());
        Assert.DoesNotContain("sk-secret", settings.ToString(), StringComparison.Ordinal);
        Assert.Empty(new ModelSettings().Problems());
    }

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("::1", false)]
    [InlineData("fd12::1", false)]
    [InlineData("169.254.0.1", true)]
    [InlineData("::ffff:169.254.1.1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00:ec2::254", true)]
    [InlineData("64:ff9b::a9fe:a9fe", true)]
    public void LinkLocalAddresses_AreForbidden(string address, bool forbidden) =>
        Assert.Equal(forbidden, ModelEndpoint.IsForbidden(IPAddress.Parse(address)));

    [Theory]
    [InlineData("http://h/v1", "http://h/v1/chat/completions")]
    [InlineData("http://h/v1/", "http://h/v1/chat/completions")]
    [InlineData("http://h:81", "http://h:81/chat/completions")]
    [InlineData("https://h/a%2Fb?api-version=1", "https://h/a%2Fb/chat/completions?api-version=1")]
    public void Url_IsBelowItsBase(string baseUrl, string url) =>
        Assert.Equal(url, ModelEndpoint.Under(new Uri(baseUrl), "/chat/completions").AbsoluteUri);

    private static ModelCatalog Catalog() =>
        new(new ModelSettings { OpenAi = new OpenAiSettings { BaseUrl = new Uri("http://127.0.0.1:1/v1") }, Providers = new ProviderSettings { Variables = new Dictionary<string, string> { ["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1", ["GOOGLE_GEMINI_BASE_URL"] = "http://127.0.0.1:1/v1beta" } } }, TimeProvider.System);

    private static HarnessModelConfiguration OpenAi(string keyArn, HarnessOpenAiApiFormat? format = null, string? apiBase = null) => new()
    {
        OpenAiModelConfig = new HarnessOpenAiModelConfig { ModelId = "m", ApiKeyArn = keyArn, ApiFormat = format, ApiBase = apiBase },
    };

    private static HarnessModelConfiguration LiteLlm(string modelId, string? apiBase = null, string? keyArn = null, string? additional = null) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = modelId, ApiBase = apiBase, ApiKeyArn = keyArn, AdditionalParams = Json(additional) },
    };

    private static HarnessModelConfiguration Bedrock(string modelId, HarnessBedrockApiFormat? format = null, string? additional = null) => new()
    {
        BedrockModelConfig = new HarnessBedrockModelConfig { ModelId = modelId, ApiFormat = format, AdditionalParams = Json(additional) },
    };

    private static JsonElement? Json(string? text) => text is null ? null : JsonElement.Parse(text);
}
