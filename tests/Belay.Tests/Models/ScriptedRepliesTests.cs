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
    private const string Empty = """{"type":"object","properties":{}}""";
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
        { Chat, $$"""{"model":"m","stream":true,"messages":[{{User}}],"messages":[{{User}}]}""", "cannot be read" },
        { Chat, WithTools("""{"type":"object"}"""), "has no properties" },
        { Chat, WithTools("""{"type":"object","properties":{},"anyOf":[]}"""), "has anyOf at its root" },
        { Chat, WithTools("""{"type":"object","properties":{"a":{"type":"dict"}}}"""), "f.a has the type dict" },
        { Chat, WithTools("""{"type":"object","properties":{"a":{"type":"array"}}}"""), "f.a is an array without items" },
        { Chat, WithTools(Empty, Empty), "f is the name of two tools" },
        { Chat, """{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AQI="}}]}]}""", "of the type bmp" },
        { Chat, """{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,"}}]}]}""", "empty or no base64" },
        { "/mistral/v1/chat/completions", $$"""{"model":"m","stream":true,"messages":[{{User}},{{ChatCall}},{"role":"tool","tool_call_id":"a","content":"x"},{{User}}]}""", "right after a tool" },
        { Responses, """{"model":"m","stream":true,"store":false,"input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"r","summary":[],"encrypted_content":"x"},{"role":"user","content":"Hi"}]}""", "leads to nothing" },
        { Responses, """{"model":"m","stream":true,"store":false,"input":[{"role":"developer","content":"Hi"}]}""", "neither user nor assistant" },
        { Responses, """{"model":"m","stream":true,"store":false,"input":[{"role":"user","content":[{"type":"output_text","text":"Hi"}]}]}""", "of the type output_text" },
        { Responses, """{"model":"m","stream":true,"store":false,"input":[{"type":"web_search_call","id":"w"}]}""", "is no item of the input" },
        { Messages, """{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a b":{}}}}]}""", "has a name that is none" },
        { Converse, """{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object","title":"t"}}}}]}}""", "schema.title is unknown" },
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

    private static string WithTools(params string[] schemas)
    {
        var tools = schemas.Select(schema => """{"type":"function","function":{"name":"f","description":"d","parameters":""" + schema + "}}");
        return $$"""{"model":"m","stream":true,"messages":[{{User}}],"tools":[{{string.Join(',', tools)}}]}""";
    }
}
