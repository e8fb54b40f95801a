using System.Text;
using Belay.Models.OpenAiResponses;
using Belay.Testing.Providers;

namespace Belay.Tests.Models.OpenAiResponses;

public sealed class ResponsesStreamTests
{
    private const string Completed = """{"type":"response.completed","response":{"status":"completed"}}""";
    private const string Message = """{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","status":"in_progress","role":"assistant","content":[]}}""";
    private const string NotComplete = "! Broken: openai: the stream ended without saying that the response is complete";
    private const string NotJson = "! Malformed: openai: an event of the stream is not the JSON that it should be";

    public static TheoryData<string, string, string> Streams() => new()
    {
        {
            "text, and tokens with the cached ones",
            Sse(
                """{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"in_progress","error":null,"output":[],"usage":null}}""",
                Message,
                """{"type":"response.content_part.added","item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}""",
                """{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"Hé","logprobs":[],"obfuscation":"x1"}""",
                """{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"llo"}""",
                """{"type":"response.output_text.done","item_id":"m","output_index":0,"content_index":0,"text":"Héllo"}""",
                """{"type":"response.content_part.done","item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Héllo"}}""",
                """{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m","status":"completed","content":[{"type":"output_text","text":"Héllo","annotations":[]}]}}""",
                """{"type":"response.completed","response":{"id":"r","status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","id":"m","content":[{"type":"output_text","text":"Héllo"}]}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":12}}}"""),
            "0 text Héllo\n0 closed\nusage 9 3 4 0\nstopped end_turn"
        },
        {
            "reasoning in two parts, then text",
            Sse(
                """{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[]}}""",
                Summary("I ", 0), Summary("think.", 0), Summary("So.", 1),
                """{"type":"response.reasoning_summary_text.done","item_id":"rs","output_index":0,"summary_index":1,"text":"So."}""",
                """{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","status":null,"summary":[{"type":"summary_text","text":"I think."},{"type":"summary_text","text":"So."}],"encrypted_content":"gAAA"}}""",
                Text("Yes", 1, "m"), Completed),
            "0 reasoning I think.\\n\\nSo.\n0 state {\"place\":\"here\",\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"I think.\"},{\"type\":\"summary_text\",\"text\":\"So.\"}],\"encrypted_content\":\"gAAA\"}}\n0 closed\n1 text Yes\n1 closed\nstopped end_turn"
        },
        {
            "reasoning that shows nothing",
            Sse("""{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","encrypted_content":"gAAA"}}""", Text("Yes", 1, "m"), Completed),
            "0 state {\"place\":\"here\",\"item\":{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"gAAA\"}}\n0 closed\n1 text Yes\n1 closed\nstopped end_turn"
        },
        {
            "the reasoning itself beside its summary, and nothing encrypted",
            Sse(
                """{"type":"response.reasoning_text.delta","item_id":"rs","output_index":0,"content_index":0,"delta":"Hm"}""", Summary("Other words", 0),
                """{"type":"response.reasoning_text.done","item_id":"rs","output_index":0,"content_index":0,"text":"Hm"}""",
                """{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Other words"}],"content":[{"type":"reasoning_text","text":"Hm"}],"encrypted_content":""}}""",
                Completed),
            "0 reasoning Hm\n0 closed\nstopped end_turn"
        },
        {
            "calls side by side, their arguments interleaved",
            Sse(
                Added(0, "f0", "a", "f"), Added(1, "f1", "b", "g"),
                Arguments(0, "f0", "{\\\"x\\\":"), Arguments(1, "f1", "{}"), Arguments(0, "f0", "1}"),
                """{"type":"response.function_call_arguments.done","item_id":"f1","output_index":1,"arguments":"{}"}""",
                DoneCall(1, "f1", "b", "g", "{}"), DoneCall(0, "f0", "a", "f", "{\\\"x\\\":1}"), Completed),
            "0 tool f#a\n1 tool g#b\n0 input {\"x\":\n1 input {}\n0 input 1}\n1 closed\n0 closed\nstopped tool_use"
        },
        {
            "calls that all have index 0",
            Sse(
                Added(0, "f0", "a", "f"), Added(0, "f1", "b", "g"), Arguments(0, "f0", "{}"), Arguments(0, "f1", "{ }"), DoneCall(0, "f0", "a", "f", "{}"), DoneCall(0, "f1", "b", "g", "{ }"),
                $$$"""{"type":"response.completed","response":{"status":"completed","output":[{{{CallItem("f0", "a", "f", "{}")}}},{{{CallItem("f1", "b", "g", "{ }")}}}]}}"""),
            "0 tool f#a\n1 tool g#b\n0 input {}\n1 input { }\n0 closed\n1 closed\nstopped tool_use"
        },
        {
            "another id in every event",
            Sse(
                Added(0, "x1", "a", "f"), Arguments(0, "x2", "{"), Arguments(0, "x3", "}"), DoneCall(0, "x4", "a", "f", "{}"),
                Text("Hi", 1, "x5"), Text("!", 1, "x6"),
                $$$"""{"type":"response.completed","response":{"status":"completed","output":[{{{CallItem("x7", "a", "f", "{}")}}},{"type":"message","id":"x8","content":[{"type":"output_text","text":"Hi!"}]}]}}"""),
            "0 tool f#a\n0 input {}\n0 closed\n1 text Hi!\n1 closed\nstopped tool_use"
        },
        {
            "no ids and no indices",
            Sse(
                """{"type":"response.output_text.delta","delta":"I look."}""",
                """{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}""",
                """{"type":"response.function_call_arguments.delta","delta":"{}"}""",
                """{"type":"response.output_item.done","item":{"type":"function_call","name":"f","arguments":"{}"}}""",
                """{"type":"response.output_item.added","item":{"type":"function_call","call_id":"b","name":"g","arguments":""}}""",
                """{"type":"response.output_item.done","item":{"type":"function_call","call_id":"b","name":"g","arguments":"{\"y\":2}"}}""",
                """{"type":"response.completed"}"""),
            "0 text I look.\n1 tool f\n1 input {}\n1 closed\n2 tool g#b\n2 input {\"y\":2}\n2 closed\n0 closed\nstopped tool_use"
        },
        {
            "arguments before the call is announced",
            Sse(Arguments(0, "f0", "{\\\"x\\\""), Arguments(0, "f0", ":1}"), DoneCall(0, "f0", "a", "f", "{\\\"x\\\":1}"), Completed),
            "0 tool f#a\n0 input {\"x\":1}\n0 closed\nstopped tool_use"
        },
        {
            "arguments only with the announcement, and as an object",
            Sse("""{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"f0","call_id":"a","name":"f","arguments":"{}"}}""",
                """{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"f1","call_id":"b","name":"g","arguments":{"x":[1]}}}""", Completed),
            "0 tool f#a\n1 tool g#b\n1 input {\"x\":[1]}\n1 closed\n0 input {}\n0 closed\nstopped tool_use"
        },
        {
            "no deltas, only what is complete",
            Sse(
                Message,
                """{"type":"response.output_text.done","item_id":"m","output_index":0,"content_index":0,"text":"Hi"}""",
                """{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m","content":[{"type":"output_text","text":"Hi"},{"type":"output_text","text":" there","annotations":[{"type":"url_citation","url":"u","title":"t"}]}]}}""",
                """{"type":"response.function_call_arguments.done","item_id":"f0","output_index":1,"arguments":"{}"}""", DoneCall(1, "f0", "a", "f", "{}"), Completed),
            "0 text Hi there\n0 citation u | t | \n0 closed\n1 tool f#a\n1 input {}\n1 closed\nstopped tool_use"
        },
        {
            "no items, only the last event's output",
            Sse($$$"""{"type":"response.completed","response":{"status":"completed","output":[{"type":"web_search_call","id":"w"},{"type":"reasoning","id":"rs","summary":[{"text":"Hm"}],"encrypted_content":"e"},{"type":"message","content":[{"type":"output_text","text":"Hi"}]},{{{CallItem("f0", "a", "f", "{}")}}}]}}"""),
            "0 reasoning Hm\n0 state {\"place\":\"here\",\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"text\":\"Hm\"}],\"encrypted_content\":\"e\"}}\n0 closed\n1 text Hi\n1 closed\n2 tool f#a\n2 input {}\n2 closed\nstopped tool_use"
        },
        {
            "a call that only the last event has",
            Sse(Text("Hi", 0, "m"), $$$"""{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","id":"other","content":[{"type":"output_text","text":"Hi"}]},{{{CallItem("f0", "a", "f", "{}")}}}]}}"""),
            "0 text Hi\n0 closed\n1 tool f#a\n1 input {}\n1 closed\nstopped tool_use"
        },
        {
            "a refusal",
            Sse(
                """{"type":"response.refusal.delta","item_id":"m","output_index":0,"content_index":0,"delta":"I "}""",
                """{"type":"response.refusal.delta","item_id":"m","output_index":0,"content_index":0,"delta":"won't."}""",
                """{"type":"response.refusal.done","item_id":"m","output_index":0,"content_index":0,"refusal":"I won't."}""",
                """{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m","content":[{"type":"refusal","refusal":"I won't."}]}}""", Completed),
            "0 text I won't.\n0 closed\nstopped content_filtered"
        },
        { "a refusal that was not streamed", Sse("""{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}}"""), "0 text No.\n0 closed\nstopped content_filtered" },
        {
            "citations",
            Sse(Text("Look", 0, "m"), """{"type":"response.output_text.annotation.added","item_id":"m","output_index":0,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"https://u","title":"T","start_index":0,"end_index":4}}""",
                """{"type":"response.output_text.annotation.added","item_id":"m","output_index":0,"annotation":{"type":"file_citation","file_id":"f"}}""", Completed),
            "0 text Look\n0 citation https://u | T | \n0 closed\nstopped end_turn"
        },
        { "the output limit", Sse(Text("Hi", 0, "m"), """{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":1,"output_tokens":2}}}"""), "0 text Hi\n0 closed\nusage 1 2 0 0\nstopped max_tokens" },
        { "the output limit in the middle of a call", Sse(Added(0, "f0", "a", "f"), Arguments(0, "f0", "{\\\"x"), """{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"""), "0 tool f#a\n0 input {\"x\n0 closed\nstopped max_tokens" },
        { "the output limit under the usual event", Sse(Text("Hi", 0, "m"), """{"type":"response.completed","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"""), "0 text Hi\n0 closed\nstopped max_tokens" },
        { "a filter", Sse(Text("Hi", 0, "m"), """{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}}"""), "0 text Hi\n0 closed\nstopped content_filtered" },
        { "an early end without a reason", Sse(Text("Hi", 0, "m"), """{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":null}}"""), "0 text Hi\n! Malformed: openai: the response is incomplete for a reason that is not known" },
        { "a cancelled response", Sse("""{"type":"response.completed","response":{"status":"cancelled"}}"""), "! Broken: openai: the provider gave up in mid-reply (cancelled)" },
        { "a response that failed", Sse(Text("Hi", 0, "m"), """{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"Oops"}}}"""), "0 text Hi\n! Throttled: openai: Oops" },
        { "a response that failed for the rate", Sse("""{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"Slow down"}}}"""), "! Throttled: openai: Slow down" },
        { "a response that failed for the prompt", Sse("""{"type":"response.failed","response":{"status":"failed","error":{"code":"invalid_prompt","message":"No"}}}"""), "! Refused: openai: No" },
        { "a response that failed for its length", Sse("""{"type":"response.failed","response":{"status":"failed","error":{"code":"context_length_exceeded","message":"Too long"}}}"""), "! ContextTooLong: openai: Too long" },
        { "a response that failed without a word", Sse("""{"type":"response.failed","response":{"status":"failed","error":null}}"""), "! Broken: openai: the response failed without an explanation" },
        { "an error event", Sse(Text("Hi", 0, "m"), """{"type":"error","code":"server_error","message":"Oops","param":null,"sequence_number":3}"""), "0 text Hi\n! Throttled: openai: Oops" },
        { "an error event with its error inside", Sse("""{"type":"error","sequence_number":2,"error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"Your input exceeds the context window of this model.","param":"input"}}"""), "! ContextTooLong: openai: Your input exceeds the context window of this model." },
        { "an error without type", Sse("""{"error":{"code":"429","message":"Slow down"}}"""), "! Throttled: openai: Slow down" },
        { "an error object on many lines", "{\n  \"error\": {\n    \"message\": \"No\",\n    \"type\": \"invalid_request_error\"\n  }\n}\n", "! Refused: openai: No" },
        { "events of other kinds", Sse("""{"type":"response.queued"}""", """{"type":"response.web_search_call.searching","item_id":"w"}""", """{"type":"keepalive"}""", """{"type":7}""", """{"type":"response.output_item.added","item":{"type":"computer_call"}}""", """{"type":"response.output_item.done"}""", """{"type":"response.output_text.delta","delta":7}""", """{"type":"response.output_text.delta","delta":""}""", Completed), "stopped end_turn" },
        { "nulls", Sse("""{"type":"response.output_item.added","output_index":null,"item":null}""", """{"type":"response.output_text.delta","item_id":null,"output_index":null,"content_index":null,"delta":"a"}""", """{"type":"response.completed","error":null,"response":{"status":null,"output":null,"usage":null,"incomplete_details":null}}"""), "0 text a\n0 closed\nstopped end_turn" },
        { "numbers that are none", Sse("""{"type":"response.output_text.delta","output_index":1.5,"content_index":1e99,"delta":"a"}""", """{"type":"response.completed","response":{"usage":{"input_tokens":-1,"output_tokens":1e99,"input_tokens_details":{"cached_tokens":"x"}}}}"""), "0 text a\n0 closed\nusage 0 2147483647 0 0\nstopped end_turn" },
        { "what comes after the end", Sse(Text("a", 0, "m"), Completed, Text("b", 0, "m"), "[DONE]"), "0 text a\n0 closed\nstopped end_turn" },
        {
            "a character whose halves come in two deltas, and a lone half",
            Sse("""{"type":"response.output_text.delta","delta":"\ud83d"}""", """{"type":"response.output_text.delta","delta":"\ude00!"}""", """{"type":"response.output_text.delta","delta":"\ud83d"}""", Completed),
            "0 text 😀!\uFFFD\n0 closed\nstopped end_turn"
        },
        { "halves of interleaved arguments", Sse(Added(0, "f0", "a", "f"), Added(1, "f1", "b", "g"), Arguments(0, "f0", "\\ud83d"), Arguments(1, "f1", "{}"), Arguments(0, "f0", "\\ude00"), Completed), "0 tool f#a\n1 tool g#b\n1 input {}\n0 input 😀\n0 closed\n1 closed\nstopped tool_use" },
        { "CRLF, comments, byte order mark, event names", "\uFEFF: hi\r\n\r\nevent: response.output_text.delta\r\ndata: " + Text("a", 0, "m") + "\r\n\r\n: keep-alive\r\n\r\nevent: response.completed\r\ndata:" + Completed + "\r\n\r\n", "0 text a\n0 closed\nstopped end_turn" },
        { "no last line end", $"data: {Text("a", 0, "m")}\n\ndata: {Completed}", "0 text a\n0 closed\nstopped end_turn" },
        { "an answer in place of a stream", """{"id":"r","object":"response","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":3,"output_tokens":1}}""", "0 text Hi\n0 closed\nusage 3 1 0 0\nstopped end_turn" },
        { "an answer that is not complete", """{"id":"r","object":"response","status":"in_progress","output":[]}""", "! Malformed: openai: the answer is not a response that is complete" },
        { "a deep schema that is repeated", Sse($$$"""{"type":"response.created","response":{"tools":[{{{string.Concat(Enumerable.Repeat("{\"a\":", 60))}}}1{{{new string('}', 60)}}}]}}""", Completed), "stopped end_turn" },
        { "an empty answer", Sse(Completed), "stopped end_turn" },
        { "nothing", "", NotComplete },
        { "text without an end", Sse(Text("a", 0, "m")), $"0 text a\n{NotComplete}" },
        { "an end of another protocol", Sse(Text("a", 0, "m"), "[DONE]"), $"0 text a\n{NotComplete}" },
        { "an event cut off", $"data: {Text("a", 0, "m")}\n\ndata: {{\"type\":\"respo", "0 text a\n! Broken: openai: the stream ended inside an event" },
        { "no JSON", "data: hello\n\n", NotJson },
        { "JSON of another shape", Sse("7"), NotJson },
        { "JSON twice", "data: {}{}\n\n", NotJson },
        { "JSON that is too deep", Sse($"{{\"x\":{new string('[', 130)}{new string(']', 130)}}}"), NotJson },
        { "a call without a name", Sse(Arguments(0, "f0", "{}"), Completed), "! Malformed: openai: a tool call has no name" },
        { "a delta of an item that was complete", Sse(Text("a", 0, "m"), """{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m","content":[{"type":"output_text","text":"a"}]}}""", Text("b", 0, "m"), Completed), "0 text a\n0 closed\n! Malformed: openai: a delta belongs to an item that was complete" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_BecomesEvents(string name, string stream, string events)
    {
        Assert.NotEmpty(name);
        Assert.Equal(events, ReplyCuts.Print(new ResponsesStream("here"), Encoding.UTF8.GetBytes(stream)));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_CutAnywhere_IsTheSame(string name, string stream, string events)
    {
        Assert.NotEmpty(name + events);
        ReplyCuts.AssertSame(() => new ResponsesStream("here"), Encoding.UTF8.GetBytes(stream));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WholeAnswer_IsWhatTheStreamWouldHaveSaid(bool labelled)
    {
        var reply = new ResponsesReply(
            [new ResponsesItem.Reasoning("Because it is long enough for two.", "e"), new ResponsesItem.Text("Ünïcödé in pieces of sixteen 😀😀😀😀"), new ResponsesItem.Call("a", "f", """{"command":"ls -la /tmp"}""")],
            new ResponsesEnd.Completed(),
            new ChatUsage(7, 3));

        var streamed = ReplyCuts.Print(new ResponsesStream("here"), Encoding.UTF8.GetBytes(string.Concat(reply.Stream(1, "m"))));
        var whole = ReplyCuts.Print(new ResponsesStream("here", streamed: !labelled), Encoding.UTF8.GetBytes(reply.Whole(1, "m").ToJsonString()));

        Assert.Equal(
            "0 reasoning Because it is long enough for two.\n0 state {\"place\":\"here\",\"item\":{\"type\":\"reasoning\",\"id\":\"rs_1_0\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Because it is long enough for two.\"}],\"encrypted_content\":\"e\"}}\n0 closed\n1 text Ünïcödé in pieces of sixteen 😀😀😀😀\n1 closed\n2 tool f#a\n2 input {\"command\":\"ls -la /tmp\"}\n2 closed\nusage 7 3 0 0\nstopped tool_use",
            streamed);
        Assert.Equal(streamed, whole);
    }

    [Fact]
    public void StreamUnderTheWrongLabel_IsRead() =>
        Assert.Equal("0 text a\n0 closed\nstopped end_turn", ReplyCuts.Print(new ResponsesStream("here", streamed: false), Encoding.UTF8.GetBytes(Sse(Text("a", 0, "m"), Completed))));

    [Fact]
    public void TooManyItems_AreMalformed()
    {
        var events = ReplyCuts.Print(new ResponsesStream("here"), Encoding.UTF8.GetBytes(Sse([.. Enumerable.Range(0, 1100).Select(i => Text("a", i, $"m{i}"))])));

        Assert.EndsWith("! Malformed: openai: the reply has more than 1024 items", events, StringComparison.Ordinal);
    }

    private static string Sse(params string[] data) => string.Concat(data.Select(one => $"data: {one}\n\n"));

    private static string Text(string delta, int index, string id) =>
        $$"""{"type":"response.output_text.delta","item_id":"{{id}}","output_index":{{index}},"content_index":0,"delta":"{{delta}}"}""";

    private static string Summary(string delta, int part) =>
        $$"""{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":{{part}},"delta":"{{delta}}"}""";

    private static string CallItem(string id, string callId, string name, string arguments) =>
        $$"""{"type":"function_call","id":"{{id}}","call_id":"{{callId}}","name":"{{name}}","arguments":"{{arguments}}"}""";

    private static string Added(int index, string id, string callId, string name) =>
        $$"""{"type":"response.output_item.added","output_index":{{index}},"item":{{CallItem(id, callId, name, "")}}}""";

    private static string Arguments(int index, string id, string delta) =>
        $$"""{"type":"response.function_call_arguments.delta","item_id":"{{id}}","output_index":{{index}},"delta":"{{delta}}"}""";

    private static string DoneCall(int index, string id, string callId, string name, string arguments) =>
        $$"""{"type":"response.output_item.done","output_index":{{index}},"item":{{CallItem(id, callId, name, arguments)}}}""";
}
