using System.Text;
using Belay.Models.Anthropic;
using Belay.Testing.Models;

namespace Belay.Tests.Models.Anthropic;

public sealed class AnthropicStreamTests
{
    private const string Ping = """{"type":"ping"}""";

    public static TheoryData<string, string, string> Streams() => new()
    {
        {
            "text, with usage that is counted on",
            Sse(Begin, Block(0, Empty), Ping, Text(0, "Hé"), Text(0, "llo"), Stop(0), End("end_turn"), Over),
            "0 text Héllo\n0 closed\nusage 5 7 3 2\nstopped end_turn"
        },
        {
            "usage that is told once more at the end",
            Sse(Begin, Text(0, "a"), """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":9,"cache_creation_input_tokens":null,"cache_read_input_tokens":4,"output_tokens":1e99}}""", Over),
            "0 text a\n0 closed\nusage 9 2147483647 4 2\nstopped end_turn"
        },
        {
            "CRLF, comments, byte order mark, event names, other fields",
            "\uFEFF: hi\r\n\r\nevent: content_block_delta\r\nid: 7\r\nretry: 5\r\ndata: " + Text(0, "a") + "\r\n\r\n: keep-alive\r\n\r\nevent: message_delta\r\ndata:" + End("end_turn") + "\r\n\r\nevent: message_stop\r\ndata: " + Over + "\r\n\r\n",
            "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "bare CR, several data lines in one event",
            "data: {\"type\":\"content_block_delta\",\"index\":0,\rdata: \"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\r\rdata: " + End("end_turn") + "\r\r",
            "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "members in another order, and more of them",
            Sse("""{"delta":{"text":"a","more":[1],"type":"text_delta"},"more":{"a":1},"index":0,"type":"content_block_delta"}""", """{"usage":{},"delta":{"stop_sequence":"x","stop_reason":"stop_sequence"},"type":"message_delta"}"""),
            "0 text a\n0 closed\nusage 0 0 0 0\nstopped stop_sequence"
        },
        {
            "a character whose halves come in two pieces, and one whose second half never comes",
            Sse(Text(0, "\\ud83d"), Text(0, "\\ude00!"), Text(0, "\\ud83d"), Block(1, Empty), Text(1, "b\\udc00"), End("end_turn")),
            "0 text 😀!\n1 text b\uFFFD\n0 text \uFFFD\n0 closed\n1 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        { "blocks that stay empty", Sse(Block(0, Empty), Stop(0), Block(1, Empty), Text(1, ""), Text(1, "a"), Stop(1), End("end_turn"), Over), "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn" },
        { "a block that begins with text, and one that is not closed", Sse(Block(0, """{"type":"text","text":"a"}"""), Text(0, "b"), End("max_tokens"), Over), "0 text ab\n0 closed\nusage 0 7 0 0\nstopped max_tokens" },
        { "a refusal", Sse(Text(0, "a"), End("refusal"), Over), "0 text a\n0 closed\nusage 0 7 0 0\nstopped content_filtered" },
        { "a refusal without a word", Sse(Begin, End("refusal"), Over), "usage 5 7 3 2\nstopped content_filtered" },
        { "a turn that the provider paused", Sse(Text(0, "a"), End("pause_turn"), Over), "0 text a\n0 closed\nusage 0 7 0 0\nstopped max_tokens" },
        { "window exceeded at once", Sse(Begin, End("model_context_window_exceeded"), Over), "! ContextTooLong: anthropic: the conversation does not fit the model's context window" },
        { "window exceeded later", Sse(Text(0, "a"), End("model_context_window_exceeded"), Over), "0 text a\n0 closed\nusage 0 7 0 0\nstopped model_context_window_exceeded" },
        { "no message_stop", Sse(Text(0, "a"), Stop(0), End("end_turn")), "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn" },
        { "no last line end", "data: " + Text(0, "a") + "\n\ndata: " + End("end_turn"), "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn" },
        { "bytes behind the end", Sse(Text(0, "a"), End("end_turn"), Over) + "data: [DONE]\n\n{", "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn" },
        {
            "reasoning with its signature in pieces",
            Sse(
                Block(0, """{"type":"thinking","thinking":"","signature":""}"""),
                Delta(0, """{"type":"thinking_delta","thinking":"I "}"""),
                Delta(0, """{"type":"thinking_delta","thinking":"think"}"""),
                Delta(0, """{"type":"signature_delta","signature":"si"}"""),
                Delta(0, """{"type":"signature_delta","signature":"g"}"""),
                Stop(0),
                Block(1, Empty),
                Text(1, "a"),
                Stop(1),
                End("end_turn"),
                Over),
            "0 reasoning I think\n0 signature si\n0 signature g\n0 state {}\n0 closed\n1 text a\n1 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "reasoning that shows only its signature",
            Sse(Block(0, """{"type":"thinking","thinking":"","signature":"sig"}"""), Stop(0), Text(1, "a"), End("end_turn")),
            "0 signature sig\n0 state {}\n0 closed\n1 text a\n1 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "redacted reasoning",
            Sse(Block(0, """{"type":"redacted_thinking","data":"AQID"}"""), Stop(0), Text(1, "a"), Stop(1), End("end_turn"), Over),
            "0 redacted 41514944\n0 state {}\n0 closed\n1 text a\n1 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "parallel calls, one without arguments, after text",
            Sse(
                Text(0, "I look."),
                Stop(0),
                Call(1, "a", "f"),
                Input(1, ""),
                Input(1, "{\\\"x\\\":"),
                Input(1, "1}"),
                Stop(1),
                Call(2, "b", "g"),
                Stop(2),
                End("tool_use"),
                Over),
            "0 text I look.\n0 closed\n1 tool f#a\n1 input {\"x\":1}\n1 closed\n2 tool g#b\n2 closed\nusage 0 7 0 0\nstopped tool_use"
        },
        {
            "calls that interleave, gaps in the indices",
            Sse(Call(3, "a", "f"), Call(7, "b", "g"), Input(7, "{"), Input(3, "{}"), Input(7, "}"), Stop(7), Stop(3), End("tool_use"), Over),
            "0 tool f#a\n1 tool g#b\n1 input {\n0 input {}\n1 input }\n1 closed\n0 closed\nusage 0 7 0 0\nstopped tool_use"
        },
        {
            "arguments that come whole, and a stop that says the turn ended",
            Sse(Block(0, """{"type":"tool_use","id":"a","name":"f","input":{"x":1}}"""), Stop(0), End("end_turn"), Over),
            "0 tool f#a\n0 input {\"x\":1}\n0 closed\nusage 0 7 0 0\nstopped tool_use"
        },
        {
            "a tool that the provider runs itself",
            Sse(
                Block(0, """{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"""),
                Input(0, "{\\\"q\\\":"),
                Input(0, "1}"),
                Stop(0),
                Block(1, """{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","url":"https://e.org"}]}"""),
                Stop(1),
                Text(2, "Found."),
                Stop(2),
                End("end_turn"),
                Over),
            "0 server tool web_search#s {\"q\":1}\n0 state {\"call\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{\"q\":1}},\"result\":{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[{\"type\":\"web_search_result\",\"url\":\"https://e.org\"}]}}\n0 closed\n1 text Found.\n1 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "a tool of the provider's whose result is still to come",
            Sse(Block(0, """{"type":"mcp_tool_use","id":"s","name":"f","server_name":"m","input":{"a":1}}"""), Stop(0), End("pause_turn"), Over),
            "0 server tool f#s {\"a\":1}\n0 closed\nusage 0 7 0 0\nstopped max_tokens"
        },
        {
            "citations",
            Sse(
                Text(0, "a"),
                Delta(0, """{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://e.org","title":"T","cited_text":"q"}}"""),
                Delta(0, """{"type":"citations_delta","citation":{"type":"page_location","document_title":"D","cited_text":"r"}}"""),
                Stop(0),
                End("end_turn"),
                Over),
            "0 text a\n0 citation https://e.org | T | q\n0 citation D | D | r\n0 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        {
            "events, blocks and pieces that are newer than this",
            Sse("""{"type":"something_new"}""", Block(0, """{"type":"hologram","x":1}"""), Delta(0, """{"type":"hologram_delta","x":1}"""), Text(0, "no"), Input(0, "no"), Stop(0), Text(1, "a"), Delta(1, """{"type":"hologram_delta"}"""), End("end_turn")),
            "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn"
        },
        { "nothing", "", "! Broken: anthropic: the stream ended without a stop reason" },
        { "no stop reason", Sse(Begin, Text(0, "a"), Stop(0)), "0 text a\n0 closed\n! Broken: anthropic: the stream ended without a stop reason" },
        { "an end without a stop reason", Sse(Text(0, "a"), Stop(0), """{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}""", Over), "0 text a\n0 closed\n! Broken: anthropic: the stream ended without a stop reason" },
        { "cut inside an event", Sse(Text(0, "a")) + "data: {\"type\":\"content_block", "0 text a\n! Broken: anthropic: the stream ended inside an event" },
        { "cut inside an event behind the stop reason", Sse(Text(0, "a"), End("end_turn")) + "data: {\"type\":\"mess", "0 text a\n0 closed\nusage 0 7 0 0\nstopped end_turn" },
        { "a stop that is not known", Sse(Text(0, "a"), End("because")), "0 text a\n0 closed\nusage 0 7 0 0\n! Malformed: anthropic: the reply ended for a reason that is not known" },
        { "a stop for tools that are not there", Sse(Text(0, "a"), End("tool_use")), "0 text a\n0 closed\nusage 0 7 0 0\n! Malformed: anthropic: the reply says that it calls tools, but calls none" },
        { "arguments without a call", Sse(Input(0, "{}")), "! Malformed: anthropic: arguments came for a tool call that was not opened" },
        { "a call without a name", Sse(Block(0, """{"type":"tool_use","id":"a","input":{}}""")), "! Malformed: anthropic: a tool call has no name" },
        { "text in a call", Sse(Call(0, "a", "f"), Text(0, "a")), "0 tool f#a\n! Malformed: anthropic: a piece is not of the kind of its block" },
        { "a piece without its text", Sse(Delta(0, """{"type":"text_delta","text":null}""")), "! Malformed: anthropic: a piece of the stream has no text" },
        { "an event without its members", Sse("""{"type":"content_block_stop"}"""), "! Malformed: anthropic: an event of the stream is not what it should be" },
        { "an event that is no JSON", Sse("{"), "! Malformed: anthropic: an event of the stream is not what it should be" },
        { "an event with more behind it", Sse(Text(0, "a") + "x"), "! Malformed: anthropic: an event of the stream is not what it should be" },
        { "overload", Sse(Text(0, "a"), Error("overloaded_error", "Overloaded")), "0 text a\n! Throttled: anthropic: Overloaded" },
        { "a rate limit", Sse(Error("rate_limit_error", "Slow down")), "! Throttled: anthropic: Slow down" },
        { "a server's fault", Sse(Error("api_error", "Internal server error")), "! Throttled: anthropic: Internal server error" },
        { "too long", Sse(Error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")), "! ContextTooLong: anthropic: prompt is too long: 210000 tokens > 200000 maximum" },
        { "invalid", Sse(Error("invalid_request_error", "no such model")), "! Refused: anthropic: no such model" },
        { "a key that is not good", Sse(Error("authentication_error", "invalid x-api-key")), "! Refused: anthropic: invalid x-api-key" },
        { "an error that is not known", Sse(Error("odd_error", "Odd")), "! Broken: anthropic: Odd" },
        { "a bare error in place of a stream", """{"error":{"type":"overloaded_error","message":"Busy"}}""", "! Throttled: anthropic: Busy" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_BecomesEvents(string name, string stream, string events)
    {
        Assert.NotEmpty(name);
        Assert.Equal(events, ReplyCuts.Print(new AnthropicStream(), Encoding.UTF8.GetBytes(stream)));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_CutAnywhere_IsTheSame(string name, string stream, string events)
    {
        Assert.NotEmpty(name + events);
        ReplyCuts.AssertSame(() => new AnthropicStream(), Encoding.UTF8.GetBytes(stream));
    }

    [Fact]
    public void TextThatIsNoUtf8_IsRepaired()
    {
        var bytes = Encoding.UTF8.GetBytes(Sse(Text(0, "a#b"), End("end_turn"), Over));
        bytes[Array.IndexOf(bytes, (byte)'#')] = 0xFF;

        Assert.StartsWith("0 text a\uFFFDb\n", ReplyCuts.Print(new AnthropicStream(), bytes), StringComparison.Ordinal);
    }

    private static string Begin => """{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":1}}}""";

    private static string Over => """{"type":"message_stop"}""";

    private static string Empty => """{"type":"text","text":""}""";

    private static string Sse(params string[] data) => Encoding.UTF8.GetString(ProviderBytes.Events(data));

    private static string Block(int index, string block) => $$"""{"type":"content_block_start","index":{{index}},"content_block":{{block}}}""";

    private static string Delta(int index, string delta) => $$"""{"type":"content_block_delta","index":{{index}},"delta":{{delta}}}""";

    private static string Text(int index, string text) => Delta(index, $$"""{"type":"text_delta","text":"{{text}}"}""");

    private static string Call(int index, string id, string name) => Block(index, $$$"""{"type":"tool_use","id":"{{{id}}}","name":"{{{name}}}","input":{}}""");

    private static string Input(int index, string json) => Delta(index, $$"""{"type":"input_json_delta","partial_json":"{{json}}"}""");

    private static string Stop(int index) => $$"""{"type":"content_block_stop","index":{{index}}}""";

    private static string End(string reason) => $$$"""{"type":"message_delta","delta":{"stop_reason":"{{{reason}}}","stop_sequence":null},"usage":{"output_tokens":7}}""";

    private static string Error(string type, string message) => $$$"""{"type":"error","error":{"type":"{{{type}}}","message":"{{{message}}}"},"request_id":"r"}""";
}
