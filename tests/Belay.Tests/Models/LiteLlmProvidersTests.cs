using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Models.OpenAi;
using Belay.Testing.Models;
using Belay.Testing.Processes;
using Belay.Testing.Providers;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models;

public sealed class LiteLlmProvidersTests
{
    private const string Resource = "https://r.openai.azure.com";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string?, string> Rows() => new()
    {
        { "gpt-x", "https://api.openai.com/v1/chat/completions", "authorization: Bearer key-OPENAI_API_KEY", "gpt-x max_completion_tokens stream_options" },
        { "openai/gpt-x", "https://api.openai.com/v1/chat/completions", "authorization: Bearer key-OPENAI_API_KEY", "gpt-x max_completion_tokens stream_options" },
        { "azure/gpt5_series/my gpt", Resource + "/openai/deployments/my%20gpt/chat/completions?api-version=2025-02-01-preview", "api-key: key-AZURE_API_KEY", "my gpt max_completion_tokens stream_options" },
        { "ollama/qwen3:8b", "http://127.0.0.1:11434/v1/chat/completions", null, "qwen3:8b max_tokens stream_options" },
        { "ollama_chat/qwen3", "http://127.0.0.1:11434/v1/chat/completions", null, "qwen3 max_tokens stream_options" },
        { "hosted_vllm/meta/llama", "http://gpu:8000/v1/chat/completions", "authorization: Bearer key-HOSTED_VLLM_API_KEY", "meta/llama max_tokens stream_options" },
        { "openrouter/openai/gpt-x", "https://openrouter.ai/api/v1/chat/completions", "authorization: Bearer key-OPENROUTER_API_KEY", "openai/gpt-x max_tokens stream_options" },
        { "groq/openai/gpt-oss-120b", "https://api.groq.com/openai/v1/chat/completions", "authorization: Bearer key-GROQ_API_KEY", "openai/gpt-oss-120b max_tokens stream_options" },
        { "mistral/mistral-large-latest", "https://api.mistral.ai/v1/chat/completions", "authorization: Bearer key-MISTRAL_API_KEY", "mistral-large-latest max_tokens" },
        { "deepseek/deepseek-chat", "https://api.deepseek.com/v1/chat/completions", "authorization: Bearer key-DEEPSEEK_API_KEY", "deepseek-chat max_tokens stream_options" },
        { "together_ai/meta-llama/L", "https://api.together.xyz/v1/chat/completions", "authorization: Bearer key-TOGETHERAI_API_KEY", "meta-llama/L max_tokens stream_options" },
        { "xai/grok-4", "https://api.x.ai/v1/chat/completions", "authorization: Bearer key-XAI_API_KEY", "grok-4 max_tokens stream_options" },
        { "litellm_proxy/any", "http://proxy:4000/chat/completions", "authorization: Bearer key-LITELLM_PROXY_API_KEY", "any max_tokens stream_options" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Row_SaysWhereHowAndWithWhichKey(string modelId, string url, string? key, string body)
    {
        await using var provider = new ScriptedProvider(Answer());
        using var elsewhere = new Elsewhere(provider.Url);
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System, new SocketsHttpHandler(), elsewhere);

        await CallAsync(catalog, LiteLlm(modelId));

        Assert.Equal(url, elsewhere.Asked);
        var request = Assert.Single(provider.Requests);
        Assert.Equal((string[])(key is null ? [] : [key]), request.Headers.Where(header => header.Key is "authorization" or "api-key").Select(header => $"{header.Key}: {header.Value}"));
        string[] members = ["max_tokens", "max_completion_tokens", "stream_options"];
        using var sent = JsonDocument.Parse(request.Body);
        Assert.Equal(body, string.Join(' ', members.Where(member => sent.RootElement.TryGetProperty(member, out _)).Prepend(sent.RootElement.GetProperty("model").GetString()!)));
    }

    [Fact]
    public void EveryRow_IsTested() =>
        Assert.Equal(Spoken(), Rows().Select(row => row.Data.Item1).Where(id => id.Contains('/', StringComparison.Ordinal)).Select(id => id.Split('/')[0]));

    [Fact]
    public async Task Mistral_GetsIdsOfNineCharacters()
    {
        await using var provider = new ScriptedProvider(Answer());
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System);
        var request = ModelContract.Request("Hi") with { Messages = [Assistant(Call("tooluse_of_another")), User(Result("tooluse_of_another"))] };

        await foreach (var one in catalog.Resolve(LiteLlm("mistral/m", provider.Url.ToString())).Model.StreamAsync(request, CancellationToken))
        {
        }

        var sent = Assert.Single(provider.Requests);
        Assert.Equal("/v1/chat/completions", sent.Target);
        Assert.Matches("\"tool_call_id\":\"[A-Za-z0-9]{9}\"", sent.Text);
    }

    [Fact]
    public async Task HowTo_HasEveryRow()
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(RepositoryPaths.Root, "docs", "how-to", "models.md"), CancellationToken);

        Assert.All(LiteLlmProviders.All, row =>
        {
            var line = Assert.Single(lines, line => line.StartsWith('|') && line.Contains($"`{row.Prefix}/`", StringComparison.Ordinal));
            string?[] told = [row.KeyVariable, row.BaseUrlVariable, row.DefaultBaseUrl?.AbsoluteUri];
            Assert.All(told.OfType<string>(), text => Assert.Contains($"`{text}`", line, StringComparison.Ordinal));
        });
    }

    [Theory]
    [MemberData(nameof(Prefixes))]
    public async Task OperatorsKey_NeverGoesToAnotherOrigin(string prefix)
    {
        await using var theirs = new ScriptedProvider(Answer(), Answer());
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System);

        await CallAsync(catalog, LiteLlm($"{prefix}/m", new Uri(theirs.Url, "/v1").ToString()));
        await CallAsync(catalog, LiteLlm($"{prefix}/m", $"{theirs.Url}v1?host=api.openai.com"));

        Assert.Equal(2, theirs.Requests.Count);
        Assert.All(theirs.Requests, request => Assert.DoesNotContain("key-", $"{request.Target} {string.Join(' ', request.Headers.Values)} {request.Text}", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Prefixes))]
    public async Task OperatorsKey_GoesWhereTheOperatorPoints_IfHarnessesMayUseIt(string prefix)
    {
        await using var ours = new ScriptedProvider(Answer(), Answer(), Answer());
        var row = LiteLlmProviders.Find(prefix)!;
        using var catalog = new ModelCatalog(Settings(allowed: true, (row.BaseUrlVariable!, ours.Url.ToString())), TimeProvider.System);
        using var strict = new ModelCatalog(Settings(allowed: false, (row.BaseUrlVariable!, ours.Url.ToString())), TimeProvider.System);

        await CallAsync(catalog, LiteLlm($"{prefix}/m"));
        await CallAsync(catalog, LiteLlm($"{prefix}/m", new Uri(ours.Url, "/other").ToString()));
        await CallAsync(strict, LiteLlm($"{prefix}/m"));

        var keys = ours.Requests.Select(request => string.Join(' ', request.Headers.Values).Contains($"key-{row.KeyVariable}", StringComparison.Ordinal));
        Assert.Equal((bool[])(row.KeyVariable is null ? [false, false, false] : [true, true, false]), keys);
    }

    [Theory]
    [MemberData(nameof(Prefixes))]
    public void PublicEndpointWithoutAKey_IsAClearFaultBeforeAnyCall(string prefix)
    {
        var row = LiteLlmProviders.Find(prefix)!;
        var url = prefix == "azure" ? Resource : row.DefaultBaseUrl?.ToString() ?? "https://example.com/v1";
        using var without = new ModelCatalog(new ModelSettings(), TimeProvider.System);
        using var strict = new ModelCatalog(Settings(allowed: false), TimeProvider.System);

        var missing = Record.Exception(() => without.Resolve(LiteLlm($"{prefix}/m", url))) as ServiceException;
        var forbidden = Record.Exception(() => strict.Resolve(LiteLlm($"{prefix}/m", url))) as ServiceException;

        var isPublic = row.KeyVariable is not null && prefix is not ("hosted_vllm" or "litellm_proxy");
        Assert.Equal(isPublic, missing is { Code: FaultCode.RuntimeClientError } && missing.Message.Contains($"set {row.KeyVariable}", StringComparison.Ordinal));
        Assert.Equal(isPublic, forbidden is { Code: FaultCode.RuntimeClientError } && forbidden.Message.Contains("has not allowed", StringComparison.Ordinal));
        Assert.Equal(isPublic, missing is not null);
    }

    [Fact]
    public void PublicEndpointThatTheOperatorDoesNotPointAt_GetsNoKey()
    {
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(LiteLlm("azure/m", "https://other.openai.azure.com")));

        Assert.Equal("azure: the server's AZURE_API_KEY goes only to the origin of its AZURE_API_BASE, and this endpoint is another.", fault.Message);
    }

    [Theory]
    [InlineData("azure", "AZURE_API_BASE")]
    [InlineData("hosted_vllm", "HOSTED_VLLM_API_BASE")]
    [InlineData("litellm_proxy", "LITELLM_PROXY_API_BASE")]
    public void ProviderWithoutAPlace_NeedsApiBase(string prefix, string variable)
    {
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(LiteLlm($"{prefix}/m")));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains($"model.liteLlmModelConfig.apiBase must be given with the prefix {prefix}/, unless the operator sets {variable}.", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownPrefix_NeedsApiBase_AndTheRestIsTheModel()
    {
        await using var provider = new ScriptedProvider(Answer());
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(LiteLlm("wizard/merlin/v2")));
        await CallAsync(catalog, LiteLlm("wizard/merlin/v2", new Uri(provider.Url, "/api").ToString()));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains("model.liteLlmModelConfig.modelId has a prefix that is not known; name the server with apiBase", fault.Message, StringComparison.Ordinal);
        var request = Assert.Single(provider.Requests);
        Assert.Equal("/api/chat/completions", request.Target);
        Assert.Contains("\"model\":\"merlin/v2\"", request.Text, StringComparison.Ordinal);
        Assert.False(request.Headers.ContainsKey("authorization"));
    }

    [Theory]
    [InlineData("bedrock/anthropic.claude-x", "anthropic.claude-x")]
    [InlineData("bedrock/converse/us.anthropic.claude-x", "us.anthropic.claude-x")]
    [InlineData("bedrock/arn:aws:bedrock:us-west-2:123456789012:inference-profile/p", "arn:aws:bedrock:us-west-2:123456789012:inference-profile/p")]
    public void BedrockPrefix_IsBedrock(string modelId, string resolved)
    {
        using var catalog = new ModelCatalog(new ModelSettings(), TimeProvider.System);

        var model = catalog.Resolve(LiteLlm(modelId)).Model;

        Assert.Equal(("bedrock", resolved), (model.Provider, model.ModelId));
    }

    [Theory]
    [InlineData("bedrock/us-east-1/anthropic.claude-x", null, "modelId must be bedrock/<model id>")]
    [InlineData("bedrock/invoke/anthropic.claude-x", null, "modelId must be bedrock/<model id>")]
    [InlineData("bedrock/anthropic.claude-x", "http://127.0.0.1:1", "apiBase must be left out with bedrock/")]
    [InlineData("azure/..", "http://127.0.0.1:1", "modelId must name a deployment")]
    [InlineData("azure/responses/", "http://127.0.0.1:1", "modelId names no model behind its prefix")]
    [InlineData("azure/responses/..", "http://127.0.0.1:1", "modelId must name a deployment")]
    [InlineData("/m", "http://127.0.0.1:1", "modelId has a prefix that names no provider")]
    [InlineData("belay/other", "http://127.0.0.1:1", "modelId has a prefix that names no provider")]
    [InlineData("groq/m", "file:///etc/secret", "apiBase must be an absolute http or https URL")]
    [InlineData("groq/m", "https://secret@api.groq.com", "apiBase must be an absolute http or https URL without user information")]
    [InlineData("wizard/m", "http://169.254.169.254/secret", "apiBase must not be a link-local address")]
    [InlineData("ollama/m", "http://2852039166/secret", "apiBase must not be a link-local address")]
    [InlineData("ollama/m", "http://[fd00:ec2::254]/secret", "apiBase must not be a link-local address")]
    [InlineData("openai/m", "http://[64:ff9b::a9fe:a9fe]/secret", "apiBase must not be a link-local address")]
    public void WhatCannotBeCalled_IsRefusedWithItsField(string modelId, string? apiBase, string message)
    {
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System);

        var fault = Assert.Throws<ServiceException>(() => catalog.Resolve(LiteLlm(modelId, apiBase)));

        Assert.Equal(FaultCode.ValidationException, fault.Code);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://h", null, "https://h/openai/deployments/d/chat/completions?api-version=2025-02-01-preview")]
    [InlineData("https://h/", "2024-10-21", "https://h/openai/deployments/d/chat/completions?api-version=2024-10-21")]
    [InlineData("https://h/gateway?tenant=1", "2024-10-21", "https://h/gateway/openai/deployments/d/chat/completions?tenant=1&api-version=2024-10-21")]
    [InlineData("https://h?api-version=mine", "2024-10-21", "https://h/openai/deployments/d/chat/completions?api-version=mine")]
    [InlineData("https://h/openai/deployments/other", "2024-10-21", "https://h/openai/deployments/other/chat/completions?api-version=2024-10-21")]
    [InlineData("https://h/openai/v1/", "2024-10-21", "https://h/openai/v1/chat/completions")]
    public void AzureUrl_IsThatOfTheDeployment(string baseUrl, string? version, string url) =>
        Assert.Equal(url, AzureOpenAi.Url(new Uri(baseUrl), "d", version).AbsoluteUri);

    [Theory]
    [InlineData("https://h", null, "https://h/openai/v1/responses")]
    [InlineData("https://h/", "2025-04-01-preview", "https://h/openai/responses?api-version=2025-04-01-preview")]
    [InlineData("https://h/gateway?tenant=1", "2025-04-01-preview", "https://h/gateway/openai/responses?tenant=1&api-version=2025-04-01-preview")]
    [InlineData("https://h/gateway?tenant=1", null, "https://h/gateway/openai/v1/responses?tenant=1")]
    [InlineData("https://h?api-version=mine", "2025-04-01-preview", "https://h/openai/responses?api-version=mine")]
    [InlineData("https://h/openai/deployments/other", null, "https://h/openai/v1/responses")]
    [InlineData("https://h/x/openai/deployments/other?api-version=mine", null, "https://h/x/openai/responses?api-version=mine")]
    [InlineData("https://h/openai/v1/", "2025-04-01-preview", "https://h/openai/v1/responses")]
    public void AzureResponsesUrl_IsThatOfTheResource(string baseUrl, string? version, string url) =>
        Assert.Equal(url, AzureOpenAi.ResponsesUrl(new Uri(baseUrl), version).AbsoluteUri);

    [Theory]
    [InlineData("openai/responses/gpt-x", "https://api.openai.com/v1/responses", "authorization: Bearer key-OPENAI_API_KEY", "gpt-x")]
    [InlineData("azure/responses/gpt5_series/my gpt", Resource + "/openai/v1/responses", "api-key: key-AZURE_API_KEY", "my gpt")]
    public async Task ResponsesRoute_SaysWhereAndWithWhichKey(string modelId, string url, string key, string model)
    {
        await using var provider = new ScriptedProvider(new ProviderReply { Pieces = [.. ResponsesReply.Say("Hi").Stream(1, "m").Select(System.Text.Encoding.UTF8.GetBytes)] });
        using var elsewhere = new Elsewhere(provider.Url);
        using var catalog = new ModelCatalog(Settings(), TimeProvider.System, new SocketsHttpHandler(), elsewhere);

        await CallAsync(catalog, LiteLlm(modelId));

        var request = Assert.Single(provider.Requests);
        var header = key.Split(": ");
        Assert.Equal(url, elsewhere.Asked);
        Assert.Equal(header[1], request.Headers[header[0]]);
        Assert.Contains($"\"model\":\"{model}\"", request.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_ShowNoValueAndNameEveryProblem()
    {
        var settings = new ModelSettings { Providers = new ProviderSettings { Variables = LiteLlmProviders.Variables.ToDictionary(name => name, _ => "a-secret") } };

        Assert.DoesNotContain("a-secret", settings.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret", ProviderAccess.Of(LiteLlmProviders.Find("groq")!, settings).ToString(), StringComparison.Ordinal);
        Assert.Contains("GROQ_API_BASE must be an absolute http or https URL.", settings.Problems());
        Assert.DoesNotContain("a-secret", string.Join(' ', settings.Problems()), StringComparison.Ordinal);
    }

    public static TheoryData<string> Prefixes() => [.. Spoken()];

    private static IEnumerable<string> Spoken() =>
        LiteLlmProviders.All.Where(row => row.Format is LiteLlmFormat.ChatCompletions or LiteLlmFormat.AzureChatCompletions).Select(row => row.Prefix);

    /// <summary>With a key for everybody, and a place for those who have none of their own.</summary>
    private static ModelSettings Settings(bool allowed = true, params (string Name, string Value)[] more)
    {
        var variables = LiteLlmProviders.KeyVariables.ToDictionary(name => name, name => $"key-{name}");
        foreach (var (name, value) in (IEnumerable<(string, string)>)[("AZURE_API_BASE", Resource), ("HOSTED_VLLM_API_BASE", "http://gpu:8000"), ("LITELLM_PROXY_API_BASE", "http://proxy:4000"), .. more])
        {
            variables[name] = value;
        }

        return new ModelSettings
        {
            OpenAi = new OpenAiSettings
            {
                ApiKey = variables["OPENAI_API_KEY"],
                AllowEnvironmentKeys = allowed,
                BaseUrl = variables.TryGetValue("OPENAI_BASE_URL", out var url) ? new Uri(url) : OpenAiSettings.PublicBaseUrl,
            },
            Providers = new ProviderSettings { Variables = variables, AllowEnvironmentKeys = allowed },
        };
    }

    private static HarnessModelConfiguration LiteLlm(string modelId, string? apiBase = null) => new()
    {
        LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = modelId, ApiBase = apiBase, MaxTokens = 7 },
    };

    private static async Task CallAsync(ModelCatalog catalog, HarnessModelConfiguration configuration)
    {
        var resolved = catalog.Resolve(configuration);
        var events = new List<ModelEvent>();
        await foreach (var one in resolved.Model.StreamAsync(ModelContract.Request("Hi") with { Parameters = resolved.Parameters }, CancellationToken))
        {
            events.Add(one);
        }

        Assert.Contains(events, one => one is ModelEvent.Stopped);
    }

    private static ProviderReply Answer() => new()
    {
        Pieces = [ProviderBytes.Events(ProviderBytes.Chunk("""{"role":"assistant","content":"Hello"}"""), ProviderBytes.Chunk("{}", "stop"), "[DONE]")],
    };

    /// <summary>Leads every request to a provider of the test, and says where it was to go.</summary>
    private sealed class Elsewhere(Uri provider) : DelegatingHandler(new SocketsHttpHandler())
    {
        public string? Asked { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked = request.RequestUri!.AbsoluteUri;
            request.RequestUri = new Uri(provider, request.RequestUri.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
