using System.Text.Json.Nodes;
using Belay.Testing.Models;
using Belay.Testing.Processes;
using static Belay.Testing.Models.ProviderBytes;

namespace Belay.EndToEnd.Models;

/// <summary>The Gemini API over the wire, with a key of the server's environment.</summary>
public sealed class GeminiProviderTests
{
    private const string Key = "AIza-of-the-operator";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ToolCall_GoesBackSignedWithItsAnswer_AndTheKeyIsNowhereElse()
    {
        await using var provider = new ScriptedProvider(
            Reply(
                Candidate("""{"text":"I think.","thought":true}"""),
                Candidate("""{"functionCall":{"name":"shell","args":{"command":"echo from the sandbox"},"id":"call-1"},"thoughtSignature":"c2ln"}""", "STOP", ""","usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"thoughtsTokenCount":1}""")),
            Reply(Candidate("""{"text":"Se"}"""), Candidate("""{"text":"en."}""", "STOP", ""","usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}""")));
        await using var server = await BelayProcess.StartAsync(
            new Dictionary<string, string> { ["GEMINI_API_KEY"] = Key, ["GOOGLE_GEMINI_BASE_URL"] = provider.Url.ToString() },
            ["--provider-keys", "--log-level", "trace"],
            CancellationToken);
        var harness = await server.Client.CreateHarnessAsync(
            "gem",
            new JsonObject { ["model"] = new JsonObject { ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = "gemini/gemini-3-x", ["maxTokens"] = 321 } } },
            CancellationToken);

        var turn = await server.Client.TurnAsync((string)harness["arn"]!, $"session-{Guid.CreateVersion7()}", "Run it.", CancellationToken);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.EndsWith("Seen.", turn.Text, StringComparison.Ordinal);
        Assert.Equal((14, 6), ((int)turn.Metadata!["usage"]!["inputTokens"]!, (int)turn.Metadata["usage"]!["outputTokens"]!));
        Assert.Equal(2, provider.Requests.Count);
        Assert.All(provider.Requests, request => Assert.Equal(("/v1beta/models/gemini-3-x:streamGenerateContent?alt=sse", Key), (request.Target, request.Headers["x-goog-api-key"])));
        var body = JsonNode.Parse(provider.Requests[1].Text)!;
        Assert.Equal(321, (int)body["generationConfig"]!["maxOutputTokens"]!);
        Assert.Equal(["user", "model", "user"], body["contents"]!.AsArray().Select(content => (string)content!["role"]!));
        Assert.Equal(
            """[{"functionCall":{"id":"call-1","name":"shell","args":{"command":"echo from the sandbox"}},"thoughtSignature":"c2ln"}]""",
            body["contents"]![1]!["parts"]!.ToJsonString());
        var answer = Assert.Single(body["contents"]![2]!["parts"]!.AsArray())!["functionResponse"]!;
        Assert.Equal(("call-1", "shell"), ((string)answer["id"]!, (string)answer["name"]!));
        Assert.Contains("from the sandbox", answer["response"]!["output"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Key, server.ReadLog() + provider.Requests[1].Text, StringComparison.Ordinal);
    }

    private static ProviderReply Reply(params string[] chunks) => new() { Pieces = [Events(chunks)] };
}
