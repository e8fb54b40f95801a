using System.Text;
using System.Text.Json.Nodes;
using Belay.Testing.Models;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Models;

/// <summary>The Responses API over the wire: at OpenAI with the operator's key, at Bedrock with a token made of AWS credentials.</summary>
public sealed class ResponsesProviderTests
{
    private const string Key = "sk-of-the-operator";
    private const string Secret = "canary+secret/key-5d1c";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("openai")]
    [InlineData("bedrock")]
    public async Task Reasoning_GoesBackWithItsCall_AndInTheNextInvocation(string where)
    {
        await using var provider = new ScriptedProvider(
            Reply(1, new ResponsesItem.Reasoning("Because.", "gAAA"), new ResponsesItem.Call("call_1", "shell", """{"command":"echo from the sandbox"}""")),
            Reply(2, new ResponsesItem.Text("Seen.")),
            Reply(3, new ResponsesItem.Text("Still here.")));
        await using var server = await BelayProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["OPENAI_API_KEY"] = Key,
                ["OPENAI_BASE_URL"] = $"{provider.Url}v1",
                ["AWS_ENDPOINT_URL_BEDROCK_MANTLE"] = provider.Url.ToString(),
                ["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE",
                ["AWS_SECRET_ACCESS_KEY"] = Secret,
                ["AWS_SESSION_TOKEN"] = "",
            },
            ["--provider-keys", "--log-level", "trace"],
            CancellationToken);
        JsonObject model = where is "openai"
            ? new() { ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = "openai/responses/gpt-x", ["maxTokens"] = 321 } }
            : new() { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "openai.gpt-oss-x", ["apiFormat"] = "responses", ["maxTokens"] = 321 } };
        var arn = (string)(await server.Client.CreateHarnessAsync("responses", new JsonObject { ["model"] = model }, CancellationToken))["arn"]!;
        var session = $"session-{Guid.CreateVersion7()}";

        var first = await server.Client.TurnAsync(arn, session, "Run it.", CancellationToken);
        var second = await server.Client.TurnAsync(arn, session, "And now?", CancellationToken);

        Assert.Equal(["tool_use", "tool_result", "end_turn"], first.Stops);
        Assert.EndsWith("Seen.", first.Text, StringComparison.Ordinal);
        Assert.Equal("Still here.", second.Text);
        Assert.Equal((14, 6), ((int)first.Metadata!["usage"]!["inputTokens"]!, (int)first.Metadata["usage"]!["outputTokens"]!));
        Assert.All(provider.Requests, request => Assert.Equal("/v1/responses", request.Target));
        var bodies = provider.Requests.Select(request => JsonNode.Parse(request.Text)!).ToList();
        Assert.All(bodies, body => Assert.Equal((false, true, 321), ((bool)body["store"]!, (bool)body["stream"]!, (int)body["max_output_tokens"]!)));
        Assert.Equal(["message", "reasoning", "function_call", "function_call_output", "message", "message"], bodies[2]["input"]!.AsArray().Select(item => (string)item!["type"]!));
        Assert.Equal(
            """{"type":"reasoning","id":"rs_1_0","summary":[{"type":"summary_text","text":"Because."}],"encrypted_content":"gAAA"}""",
            bodies[1]["input"]![1]!.ToJsonString());
        Assert.Contains("from the sandbox", (string)bodies[1]["input"]![3]!["output"]!, StringComparison.Ordinal);

        var tokens = provider.Requests.Select(request => request.Headers["authorization"]["Bearer ".Length..]).ToList();
        if (where is "openai")
        {
            Assert.All(tokens, token => Assert.Equal(Key, token));
        }
        else
        {
            Assert.All(tokens, token => Assert.StartsWith("bedrock.amazonaws.com/?Action=CallWithBearerToken", Encoding.UTF8.GetString(Convert.FromBase64String(token["bedrock-api-key-".Length..])), StringComparison.Ordinal));
        }

        var kept = server.ReadLog() + string.Concat(Directory.EnumerateFiles(server.DataDirectory, "*", SearchOption.AllDirectories).Where(File.Exists).Select(Readable));
        Assert.All([.. tokens, Key, Secret, "bedrock-api-key-"], secret => Assert.DoesNotContain(secret, kept, StringComparison.Ordinal));
    }

    private static string Readable(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.Latin1);
            return reader.ReadToEnd();
        }
        catch (IOException)
        {
            // A socket: nothing at rest.
            return "";
        }
    }

    private static ProviderReply Reply(int number, params ResponsesItem[] items) => new()
    {
        Pieces = [.. new ResponsesReply(items, new ResponsesEnd.Completed(), new ChatUsage(7, 3)).Stream(number, "m").Select(Encoding.UTF8.GetBytes)],
    };
}
