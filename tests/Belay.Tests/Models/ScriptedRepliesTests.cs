using System.Text;
using Belay.Testing.Models;
using Belay.Testing.Providers;

namespace Belay.Tests.Models;

/// <summary>The scripted provider takes nothing that a real one refuses; else what runs over it would prove nothing.</summary>
public sealed class ScriptedRepliesTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Responses = "/v1/responses";
    private const string Messages = "/v1/messages";
    private const string Gemini = "/v1beta/models/gemini-3-x:streamGenerateContent?alt=sse";
    private const string Converse = "/model/amazon.nova-x/converse-stream";

    private const string ChatCall = """{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}""";
    private const string User = """{"role":"user","content":"Hi"}""";

    public static TheoryData<string, string, string> Refused() => new()
    {
        { Chat, $$"""{"model":"m","messages":[{{User}}]}""", "cannot be read" },
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}}],"belay":1}""", "request.belay is unknown" },
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}},{{User}}]}""", "follow each other" },
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}},{{ChatCall}}]}""", "last message is not a person's" },
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}},{{ChatCall}},{{User}}]}""", "not answered: a" },
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}},{{ChatCall}},{"role":"tool","tool_call_id":"b","content":"x"}]}""", "b is answered and was not asked" },
        { Chat, """{"model":"m","stream":true,"messages":[{"role":"user","content":""}]}""", "a user message is empty" },
        { "/mistral/v1/chat/completions", $$"""{"model":"m","stream":true,"messages":[{{User}},{{ChatCall}},{"role":"tool","tool_call_id":"a","content":"x"}]}""", "the id of a call is a" },
        { Responses, """{"model":"m","stream":true,"store":true,"input":[{"role":"user","content":"Hi"}]}""", "asked to store" },
        { Responses, """{"model":"m","stream":true,"store":false,"input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"r","summary":[],"encrypted_content":"theirs"}]}""", "did not sign" },
        { Messages, """{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}""", "cannot be read" },
        { Messages, """{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":" "}]}]}""", "a text block is empty" },
        { Messages, """{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"theirs"}]}]}""", "did not sign" },
        { Messages, """{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"tool_use","id":"a b","name":"f","input":{}}]}]}""", "there are calls and no tools" },
        { Gemini, """{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"id":"a","name":"f","args":{}}}]}]}""", "is not signed" },
        { Gemini, """{"contents":[{"role":"user","parts":[{"text":"Hi","inlineData":{}}]}]}""", "exactly one kind of data" },
        { Converse, """{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"x"}],"status":"success"}}]}]}""", "takes no status" },
        { Converse, """{"messages":[{"role":"user","content":[{"text":"Hi","cachePoint":{"type":"default"}}]}]}""", "exactly one member" },
        { "/v2/chat", "{}", "is no path of a format" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task RequestThatBreaksARule_IsRefusedAndKept(string path, string body, string problem)
    {
        var replies = new ScriptedReplies(TimeProvider.System);
        var headers = new Dictionary<string, string> { ["content-type"] = "application/json", ["anthropic-version"] = "2023-06-01", ["authorization"] = "AWS4-HMAC-SHA256 x" };

        var answer = await replies.AnswerAsync(new ProviderRequest("POST", path, headers, Encoding.UTF8.GetBytes(body)), CancellationToken.None);

        Assert.Equal(400, answer.Status);
        Assert.Contains(replies.Problems, one => one.Contains(problem, StringComparison.Ordinal));
        Assert.Empty(replies.Calls);
    }
}
