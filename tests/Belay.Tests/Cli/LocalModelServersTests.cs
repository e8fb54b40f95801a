using Belay.Cli.Doctor;
using Belay.Testing;
using Belay.Testing.Models;

namespace Belay.Tests.Cli;

public sealed class LocalModelServersTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public void Programs_AreLookedForOnTheirUsualPorts() => Assert.Equal(
        ["Ollama 11434 /api/tags ollama", "LM Studio 1234 /v1/models openai", "vLLM 8000 /v1/models hosted_vllm", "llama.cpp 8080 /v1/models openai"],
        LocalModelServers.Programs.Select(program => $"{program.Name} {program.Port} {program.Path} {program.Prefix}"));

    [Theory]
    [InlineData("ollama", "/api/tags", """{"models":[{"name":"nomic-embed-text:latest"},{"name":"qwen3:8b","size":1}]}""", 2, "belay create --name local --model-id ollama/qwen3:8b")]
    [InlineData("hosted_vllm", "/v1/models", """{"object":"list","data":[{"id":"meta-llama/L-3","object":"model"}]}""", 1, "belay create --name local --model-id hosted_vllm/meta-llama/L-3 --api-base URL/v1")]
    [InlineData("openai", "/v1/models", """{"data":[{"id":"/models/a.gguf"}]}""", 1, "belay create --name local --model-id openai//models/a.gguf --api-base URL/v1")]
    [InlineData("openai", "/v1/models", """{"data":[]}""", 0, null)]
    [InlineData("openai", "/v1/models", """{"data":[{"id":"x; rm -rf ~"},{"id":7},null,{"id":""}]}""", 1, null)]
    public async Task Server_IsFoundWithItsModels(string prefix, string path, string body, int models, string? create)
    {
        await using var provider = new ScriptedProvider(Reply(body));

        var server = Assert.Single(await FindAsync(Program(provider, prefix, path)));

        var request = Assert.Single(provider.Requests);
        Assert.Equal(("GET", path), (request.Method, request.Target));
        Assert.False(request.Headers.ContainsKey("authorization"));
        Assert.Equal(models, server.Models.Count);
        Assert.Equal(create?.Replace("URL", server.Url.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal), server.Create);
    }

    public static TheoryData<ProviderReply> Others() =>
    [
        Reply("<html>Hello</html>"),
        Reply("[]"),
        Reply("""{"data":{"id":"x"}}"""),
        Reply(new string('[', 1000)),
        Reply($$"""{"data":[{"id":"{{new string('x', 300 * 1024)}}"}]}"""),
        Reply("""{"data":[{"id":"x"}]}""") with { Status = 404 },
        Reply("""{"data":[{"id":"x"}]}""") with { Status = 302, Headers = new Dictionary<string, string> { ["location"] = "/v1/models" } },
        Reply("""{"data":[{"id":"x"}]}""") with { End = ProviderEnd.Cut },
    ];

    [Theory]
    [MemberData(nameof(Others))]
    public async Task WhateverElseAnswers_IsNone(ProviderReply reply)
    {
        await using var provider = new ScriptedProvider(reply, Reply("""{"data":[{"id":"x"}]}"""));

        Assert.Empty(await FindAsync(Program(provider)));
        Assert.Single(provider.Requests);
    }

    [Fact]
    public async Task SilentServer_IsLeftAfterAMoment()
    {
        await using var provider = new ScriptedProvider(new ProviderReply { End = ProviderEnd.Silent });
        var time = new ManualTime();

        var search = FindAsync(time, Program(provider));
        await provider.Asked.WaitAsync(Soon, CancellationToken);
        time.Advance(TimeSpan.FromMilliseconds(301));

        Assert.Empty(await search.WaitAsync(Soon, CancellationToken));
        await provider.Left.WaitAsync(Soon, CancellationToken);
    }

    [Fact]
    public async Task NobodyThere_IsNone()
    {
        var provider = new ScriptedProvider();
        var program = Program(provider);
        await provider.DisposeAsync();

        Assert.Empty(await FindAsync(program));
    }

    private static LocalModelProgram Program(ScriptedProvider provider, string prefix = "openai", string path = "/v1/models") => new("Some", provider.Url.Port, path, prefix);

    private static Task<IReadOnlyList<LocalModelServer>> FindAsync(params LocalModelProgram[] programs) => FindAsync(new ManualTime(), programs);

    private static Task<IReadOnlyList<LocalModelServer>> FindAsync(ManualTime time, params LocalModelProgram[] programs) =>
        LocalModelServers.FindAsync(programs, new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }, time, CancellationToken);

    private static ProviderReply Reply(string body) => new() { ContentType = "application/json", Pieces = [System.Text.Encoding.UTF8.GetBytes(body)] };
}
