using System.Text;
using Belay.Models;
using Belay.Models.OpenAi;
using Belay.Testing.Models;

namespace Belay.Tests.Models.OpenAi;

public sealed class OpenAiStreamTests
{
    public static TheoryData<string, string, string> Streams() => new()
    {
        {
            "text, usage in a trailing chunk without choices",
            Sse(Delta("""{"role":"assistant","content":""}"""), Delta("""{"content":"Hé"}"""), Delta("""{"content":"llo"}"""), Delta("{}", "stop"), """{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}""", "[DONE]"),
            "0 text Héllo\n0 closed\nusage 9 3 4 0\nstopped end_turn"
        },
        {
            "CRLF, comments, byte order mark, other fields",
            "\uFEFF: hi\r\n\r\nevent: x\r\nid: 7\r\nretry: 5\r\ndata: " + Delta("""{"content":"a"}""") + "\r\n\r\n: keep-alive\r\n\r\ndata:" + Delta("{}", "stop") + "\r\n\r\ndata: [DONE]\r\n\r\n",
            "0 text a\n0 closed\nstopped end_turn"
        },
        {
            "bare CR, several data lines in one event",
            "data: {\"choices\":[{\"delta\":\rdata: {\"content\":\"a\"}}]}\r\rdata: " + Delta("{}", "stop") + "\r\r",
            "0 text a\n0 closed\nstopped end_turn"
        },
        {
            "no usage, no [DONE], no last line end",
            "data: " + Delta("""{"content":"a"}""") + "\n\ndata: " + Delta("{}", "length"),
            "0 text a\n0 closed\nstopped max_tokens"
        },
        {
            "a null usage and a null error in each chunk",
            Sse("""{"usage":null,"error":null,"choices":[{"delta":{"content":"a","tool_calls":null,"reasoning_content":null,"refusal":null,"function_call":null},"finish_reason":""}]}""", Delta("{}", "stop")),
            "0 text a\n0 closed\nstopped end_turn"
        },
        {
            "parallel calls interleaved by index",
            Sse(
                Delta("""{"content":"I look."}"""),
                Delta("""{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"""),
                Delta("""{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}"""),
                Delta("""{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":"}"}}]}"""),
                Delta("{}", "tool_calls"),
                "[DONE]"),
            "0 text I look.\n0 closed\n1 tool f#a\n2 tool g#b\n2 input {\n1 input {}\n2 input }\n1 closed\n2 closed\nstopped tool_use"
        },
        {
            "calls without ids, and a finish that says stop",
            Sse(Delta("""{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}""", "stop")),
            "0 tool f\n0 input {}\n0 closed\nstopped tool_use"
        },
        {
            "calls that all have index 0",
            Sse(Delta("""{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"""), Delta("""{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"[]"}}]}""", "tool_calls")),
            "0 tool f#a\n0 input {}\n1 tool f#b\n1 input []\n0 closed\n1 closed\nstopped tool_use"
        },
        {
            "calls without index, name and id repeated",
            Sse(Delta("""{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"""), Delta("""{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"}"}}]}"""), Delta("""{"tool_calls":[{"function":{"name":"g","arguments":"1"}}]}"""), Delta("""{"tool_calls":[{"function":{"arguments":"2"}}]}""", "tool_calls")),
            "0 tool f#a\n0 input {}\n1 tool g\n1 input 12\n0 closed\n1 closed\nstopped tool_use"
        },
        {
            "a new id for every fragment",
            Sse(Delta("""{"tool_calls":[{"index":0,"id":"a1","function":{"name":"f","arguments":"{"}}]}"""), Delta("""{"tool_calls":[{"index":0,"id":"a2","function":{"name":null,"arguments":"}"}}]}""", "tool_calls")),
            "0 tool f#a1\n0 input {}\n0 closed\nstopped tool_use"
        },
        {
            "a name that comes late, arguments as an object, extra content",
            Sse(
                Delta("""{"tool_calls":[{"index":0,"id":"a"}]}"""),
                Delta("""{"tool_calls":[{"index":0,"function":{"arguments":{"x":1}}}]}"""),
                Delta("""{"tool_calls":[{"index":0,"function":{"name":"f"},"extra_content":{"google":{"thought_signature":"s"}}}]}""", "tool_calls")),
            "0 tool f#a\n0 state {\"extra_content\":{\"google\":{\"thought_signature\":\"s\"}}}\n0 input {\"x\":1}\n0 closed\nstopped tool_use"
        },
        {
            "reasoning, under either name or both",
            Sse(Delta("""{"reasoning_content":"I "}"""), Delta("""{"reasoning":"think","reasoning_content":"think"}"""), Delta("""{"content":"Yes"}""", "stop")),
            "0 reasoning I think\n0 closed\n1 text Yes\n1 closed\nstopped end_turn"
        },
        {
            "content as typed parts",
            Sse(Delta("""{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"Yes"}]}""", "stop")),
            "0 reasoning hm\n0 closed\n1 text Yes\n1 closed\nstopped end_turn"
        },
        {
            "a refusal",
            Sse(Delta("""{"refusal":"I can"}"""), Delta("""{"refusal":"not."}"""), Delta("{}", "stop")),
            "0 text I cannot.\n0 closed\nstopped content_filtered"
        },
        { "a filter", Sse(Delta("""{"content":"a"}"""), Delta("{}", "content_filter")), "0 text a\n0 closed\nstopped content_filtered" },
        {
            "citations and images",
            Sse(Delta("""{"content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"https://e.org","title":"E"}}]}"""), Delta("""{"images":[{"image_url":{"url":"data:image/png;base64,AQID"}}]}""", "stop")),
            "0 text a\n0 citation https://e.org | E | \n0 closed\n1 image image/png 010203\n1 closed\nstopped end_turn"
        },
        {
            "a character whose halves come in two chunks, and a lone half",
            Sse(Delta("""{"content":"\ud83d"}"""), Delta("""{"content":"\ude00!"}"""), Delta("""{"content":"\ud83d"}"""), Delta("{}", "stop")),
            "0 text 😀!\uFFFD\n0 closed\nstopped end_turn"
        },
        { "usage that is no integer", Sse("""{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":2.5,"prompt_cache_hit_tokens":1e99}}""", Delta("""{"content":"a"}""", "stop")), "0 text a\n0 closed\nusage 0 2 2147483647 0\nstopped end_turn" },
        { "an empty answer", Sse(Delta("{}", "stop"), "[DONE]"), "stopped end_turn" },
        { "nothing", "", "! Broken: openai: the stream ended without a finish reason" },
        { "only [DONE]", "data: [DONE]\n\n", "! Broken: openai: the stream ended without a finish reason" },
        { "text without a finish", Sse(Delta("""{"content":"a"}""")), "0 text a\n! Broken: openai: the stream ended without a finish reason" },
        { "an event cut off", "data: " + Delta("""{"content":"a"}""") + "\n\ndata: {\"choices\":[{\"del", "0 text a\n! Broken: openai: the stream ended inside an event" },
        { "an event cut off after the finish", Sse(Delta("""{"content":"a"}""", "stop")) + "data: {\"choices\":[],\"usa", "0 text a\n0 closed\nstopped end_turn" },
        { "no JSON", "data: hello\n\n", "! Malformed: openai: an event of the stream is not the JSON that it should be" },
        { "JSON of another shape", Sse("[1]"), "! Malformed: openai: an event of the stream is not the JSON that it should be" },
        { "JSON twice", "data: {}{}\n\n", "! Malformed: openai: an event of the stream is not the JSON that it should be" },
        { "JSON that is too deep", Sse($"{{\"x\":{new string('[', 70)}{new string(']', 70)}}}"), "! Malformed: openai: an event of the stream is not the JSON that it should be" },
        { "a call without a name", Sse(Delta("""{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}""", "tool_calls")), "! Malformed: openai: a tool call has no name" },
        { "a finish that is not known", Sse(Delta("{}", "because")), "! Malformed: openai: the reply ended for a reason that is not known" },
        { "a finish for calls that are not there", Sse(Delta("""{"content":"a"}""", "tool_calls")), "0 text a\n0 closed\n! Malformed: openai: the reply says that it calls tools, but calls none" },
        { "a provider that gives up", Sse(Delta("""{"content":"a"}""", "error")), "0 text a\n0 closed\n! Broken: openai: the provider gave up in mid-reply (error)" },
        { "an error inside the stream", Sse(Delta("""{"content":"a"}"""), """{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}"""), "0 text a\n! Throttled: openai: Rate limit reached" },
        { "an error with a status", Sse("""{"error":{"message":"Provider down","code":503}}"""), "! Throttled: openai: Provider down" },
        { "an error as a string", Sse("""{"error":"it broke"}"""), "! Broken: openai: it broke" },
        { "an error in another shape", Sse("""{"object":"error","message":"This model's maximum context length is 10 tokens","code":400}"""), "! ContextTooLong: openai: This model's maximum context length is 10 tokens" },
        { "a bare error object where events should be", """{"error":{"message":"no such model","type":"invalid_request_error"}}""" + "\n", "! Refused: openai: no such model" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_BecomesEvents(string name, string stream, string events)
    {
        Assert.NotEmpty(name);
        Assert.Equal(events, ReplyCuts.Print(new OpenAiStream(), Encoding.UTF8.GetBytes(stream)));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_CutAnywhere_IsTheSame(string name, string stream, string events)
    {
        Assert.NotEmpty(name + events);
        ReplyCuts.AssertSame(() => new OpenAiStream(), Encoding.UTF8.GetBytes(stream));
    }

    [Theory]
    [InlineData("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")]
    [InlineData("\n {\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]} ")]
    public void JsonContentType_IsReadAsWhatItHolds(string body) =>
        Assert.Equal("0 text a\n0 closed\nstopped end_turn", ReplyCuts.Print(new OpenAiStream(streamed: false), Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void InvalidUtf8_BecomesReplacements()
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes("data: {\"choices\":[{\"delta\":{\"content\":\"a"), 0xC3, .. Encoding.UTF8.GetBytes("b\"},\"finish_reason\":\"stop\"}]}\n\n")];

        Assert.Equal("0 text a\uFFFDb\n0 closed\nstopped end_turn", ReplyCuts.Print(new OpenAiStream(), bytes));
    }

    [Fact]
    public void LineWithoutEnd_IsRefusedInBoundedMemory()
    {
        var parser = new OpenAiStream();
        var piece = new byte[64 * 1024];
        piece.AsSpan().Fill((byte)'x');
        var before = GC.GetAllocatedBytesForCurrentThread();

        var exception = Assert.Throws<ModelException>((Action)(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                parser.Feed(piece, []);
            }
        }));

        Assert.Equal(ModelFailure.Malformed, exception.Failure);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5 * OpenAiStream.MaxEventBytes);
    }

    private static string Sse(params string[] data) => Encoding.UTF8.GetString(ProviderBytes.Events(data));

    private static string Delta(string delta, string? finish = null) => ProviderBytes.Chunk(delta, finish);
}
