using System.Text.Json.Nodes;
using Belay.Testing.Models;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Models;

/// <summary>Anthropic's Messages API over the wire, with the operator's key and base URL from the server's environment.</summary>
public sealed class AnthropicProviderTests
{
    private const string Key = "sk-ant-a-key-that-must-not-be-shown";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ToolLoop_GivesTheReasoningBackSigned_AndTheKeyToTheOperatorsEndpointOnly()
    {
        await using var provider = new ScriptedProvider(
            new ProviderReply
            {
                Pieces =
                [
                    Events(
                        Begin,
                        """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"I look."}}""",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}""",
                        """{"type":"content_block_stop","index":0}""",
                        """{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"shell","input":{}}}""",
                        """{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"command\":\"echo from the sandbox\"}"}}""",
                        """{"type":"content_block_stop","index":1}""",
                        End("tool_use")),
                ],
            },
            new ProviderReply { Pieces = [Events(Begin, """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Seen."}}""", End("end_turn"))] },
            new ProviderReply { Status = 401, Pieces = [System.Text.Encoding.UTF8.GetBytes($$$"""{"type":"error","error":{"type":"authentication_error","message":"invalid {{{Key}}}"}}""")] });
        await using var theirs = new ScriptedProvider(new ProviderReply { Pieces = [Events(Begin, End("end_turn"))] });
        await using var server = await BelayProcess.StartAsync(
            new Dictionary<string, string> { ["ANTHROPIC_API_KEY"] = Key, ["ANTHROPIC_BASE_URL"] = provider.Url.ToString() },
            ["--provider-keys"],
            CancellationToken);
        var arn = (string)(await server.Client.CreateHarnessAsync("claude", new JsonObject { ["model"] = Model(null) }, CancellationToken))["arn"]!;
        var other = (string)(await server.Client.CreateHarnessAsync("other", new JsonObject { ["model"] = Model(theirs.Url) }, CancellationToken))["arn"]!;
        var session = $"session-{Guid.CreateVersion7()}";

        var turn = await server.Client.TurnAsync(arn, session, "Run it.", CancellationToken);
        var refused = await server.Client.TurnAsync(arn, session, "Again.", CancellationToken);
        await server.Client.TurnAsync(other, $"session-{Guid.CreateVersion7()}", "Hello", CancellationToken);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], turn.Stops);
        Assert.Equal("Seen.", turn.Text);
        Assert.Equal(10, (int)turn.Metadata!["usage"]!["inputTokens"]!);
        var messages = JsonNode.Parse(provider.Requests[1].Text)!["messages"]!.AsArray();
        Assert.Equal(["user", "assistant", "user"], messages.Select(message => (string)message!["role"]!));
        Assert.Equal(
            """[{"type":"thinking","thinking":"I look.","signature":"sig"},{"type":"tool_use","id":"toolu_1","name":"shell","input":{"command":"echo from the sandbox"}}]""",
            messages[1]!["content"]!.ToJsonString());
        Assert.Contains("from the sandbox", messages[2]!["content"]![0]!["content"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.All(provider.Requests, request => Assert.Equal(Key, request.Headers["x-api-key"]));
        Assert.Contains("anthropic: invalid [redacted] (HTTP 401)", refused.Exception!.Payload.ToJsonString(), StringComparison.Ordinal);
        Assert.False(Assert.Single(theirs.Requests).Headers.ContainsKey("x-api-key"));
        Assert.DoesNotContain(Key, server.ReadLog(), StringComparison.Ordinal);
    }

    private static string Begin => """{"type":"message_start","message":{"type":"message","role":"assistant","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}""";

    private static string End(string reason) => $$$"""{"type":"message_delta","delta":{"stop_reason":"{{{reason}}}"},"usage":{"output_tokens":3}}""";

    private static byte[] Events(params string[] data) => ProviderBytes.Events([.. data, """{"type":"message_stop"}"""]);

    private static JsonObject Model(Uri? apiBase)
    {
        var config = new JsonObject { ["modelId"] = "anthropic/claude-x" };
        if (apiBase is not null)
        {
            config["apiBase"] = apiBase.ToString();
        }

        return new JsonObject { ["liteLlmModelConfig"] = config };
    }
}
