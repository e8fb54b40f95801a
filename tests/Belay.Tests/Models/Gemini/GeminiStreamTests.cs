using System.Text;
using Belay.Models;
using Belay.Models.Gemini;
using Belay.Testing.Models;
using static Belay.Testing.Models.ProviderBytes;

namespace Belay.Tests.Models.Gemini;

public sealed class GeminiStreamTests
{
    public static TheoryData<string, string, string> Streams() => new()
    {
        {
            "text, the counts of the last chunk",
            Sse(
                Candidate("""{"text":"Hé"}""", more: ""","usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r" """),
                Candidate("""{"text":"llo"}""", "STOP", ""","usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":20,"toolUsePromptTokenCount":1,"cachedContentTokenCount":4,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}]}""")),
            "0 text Héllo\n0 closed\nusage 10 23 4 0\nstopped end_turn"
        },
        {
            "CRLF, comments, byte order mark, other fields",
            "\uFEFF: hi\r\n\r\nevent: x\r\nid: 7\r\nretry: 5\r\ndata: " + Candidate("""{"text":"a"}""") + "\r\n\r\n: keep-alive\r\n\r\ndata:" + Candidate("", "STOP") + "\r\n\r\n",
            "0 text a\n0 closed\nstopped end_turn"
        },
        {
            "bare CR, several data lines in one event, no last line end",
            "data: {\"candidates\":[{\"content\":\rdata: {\"parts\":[{\"text\":\"a\"}]}}]}\r\rdata: " + Candidate("", "STOP"),
            "0 text a\n0 closed\nstopped end_turn"
        },
        { "a finish without content", Sse(Candidate("""{"text":"a"}"""), """{"candidates":[{"finishReason":"MAX_TOKENS","index":0}]}""", "[DONE]"), "0 text a\n0 closed\nstopped max_tokens" },
        { "nulls", Sse("""{"error":null,"promptFeedback":null,"usageMetadata":null,"candidates":null}""", """{"candidates":[{"finishReason":"STOP","content":{"parts":null}}]}""", """{"candidates":[{"content":null}]}"""), "stopped end_turn" },
        {
            "calls side by side, one signed, one without id and arguments",
            Sse(
                Candidate("""{"text":"I look."}"""),
                Candidate("""{"functionCall":{"name":"f","args":{"x":[1,"é"]},"id":"a"},"thoughtSignature":"c2ln"},{"functionCall":{"name":"g"}}"""),
                Candidate("""{"functionCall":{"id":"b","args":{},"name":"f"}}""", "STOP")),
            "0 text I look.\n0 closed\n1 tool f#a\n1 state {\"thoughtSignature\":\"c2ln\"}\n1 input {\"x\":[1,\"é\"]}\n1 closed\n2 tool g\n2 closed\n3 tool f#b\n3 input {}\n3 closed\nstopped tool_use"
        },
        {
            "thoughts, unsigned and signed",
            Sse(Candidate("""{"text":"I ","thought":true}"""), Candidate("""{"thought":true,"text":"think"}"""), Candidate("""{"thoughtSignature":"c2ln","text":".","thought":true},{"text":"Yes"}""", "STOP")),
            "0 reasoning I think.\n0 signature c2ln\n0 state {}\n0 closed\n1 text Yes\n1 closed\nstopped end_turn"
        },
        {
            "a signature that comes alone after the text, and one that comes alone",
            Sse(Candidate("""{"text":"Yes"}"""), Candidate("""{"text":"","thoughtSignature":"c2ln"}"""), Candidate("""{"thoughtSignature":"b3RoZXI="}""", "STOP")),
            "0 text Yes\n0 state {\"thoughtSignature\":\"c2ln\"}\n0 closed\n1 state {\"thoughtSignature\":\"b3RoZXI=\"}\n1 closed\nstopped end_turn"
        },
        {
            "text after signed text is another block",
            Sse(Candidate("""{"text":"a","thoughtSignature":"c2ln"}"""), Candidate("""{"text":"b"}""", "STOP")),
            "0 text a\n0 state {\"thoughtSignature\":\"c2ln\"}\n0 closed\n1 text b\n1 closed\nstopped end_turn"
        },
        {
            "a finish before the last part, and one with each chunk",
            Sse(Candidate("", "STOP"), Candidate("""{"text":"a"}""", "STOP"), Candidate("""{"text":"b"}""", "MAX_TOKENS")),
            "0 text ab\n0 closed\nstopped max_tokens"
        },
        { "a finish, and more after it that has none", Sse(Candidate("", "STOP"), Candidate("""{"text":"a"}""")), "0 text a\n! Broken: gemini: the stream ended without a finish reason" },
        {
            "an image, and one that was only thought of",
            Sse(Candidate("""{"text":"Look"},{"inlineData":{"mimeType":"image/png","data":"AQID"}},{"thought":true,"inlineData":{"mimeType":"image/png","data":"BA=="}},{"inlineData":{"mimeType":"audio/wav","data":"BA=="}}""", "STOP")),
            "0 text Look\n0 closed\n1 image image/png 010203\n1 closed\nstopped end_turn"
        },
        { "parts of other kinds", Sse(Candidate("""{"executableCode":{"language":"PYTHON","code":"1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK"}},{"fileData":{"fileUri":"u"}},{}""", "STOP")), "stopped end_turn" },
        {
            "a character whose halves come in two chunks, and a lone half",
            Sse(Candidate("""{"text":"\ud83d"}"""), Candidate("""{"text":"\ude00!"}"""), Candidate("""{"text":"\ud83d"}""", "STOP")),
            "0 text 😀!\uFFFD\n0 closed\nstopped end_turn"
        },
        { "counts that are none", Sse(Candidate("""{"text":"a"}""", "STOP", ""","usageMetadata":{"promptTokenCount":-1,"candidatesTokenCount":2.5,"cachedContentTokenCount":1e99,"thoughtsTokenCount":"x"}""")), "0 text a\n0 closed\nusage 0 2 2147483647 0\nstopped end_turn" },
        { "other candidates are not read", Sse("""{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},{"content":{"parts":[{"text":"b"}]},"index":1}]}"""), "0 text a\n0 closed\nstopped end_turn" },
        { "the array that is not server-sent events", "[" + Candidate("""{"text":"a"}""") + "\n,\r\n{\n  \"candidates\": [\n    {\n      \"finishReason\": \"STOP\"\n    }\n  ]\n}\n]\n", "0 text a\n0 closed\nstopped end_turn" },
        { "one answer in place of a stream", Candidate("""{"text":"a"}""", "STOP"), "0 text a\n0 closed\nstopped end_turn" },
        { "a prompt that is blocked", Sse("""{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":5}}"""), "usage 5 0 0 0\nstopped content_filtered" },
        { "a prompt that is rated, not blocked", Sse("""{"promptFeedback":{"blockReason":"BLOCK_REASON_UNSPECIFIED","safetyRatings":[]}}"""), "! Broken: gemini: the stream ended without a finish reason" },
        { "a filter after a call", Sse(Candidate("""{"functionCall":{"name":"f","args":{}}}"""), Candidate("", "SAFETY")), "0 tool f\n0 input {}\n0 closed\nstopped content_filtered" },
        { "an empty answer", Sse(Candidate("""{"text":""}""", "STOP")), "stopped end_turn" },
        { "nothing", "", "! Broken: gemini: the stream ended without a finish reason" },
        { "text without a finish", Sse(Candidate("""{"text":"a"}"""), Candidate("", "FINISH_REASON_UNSPECIFIED")), "0 text a\n! Broken: gemini: the stream ended without a finish reason" },
        { "an event cut off", "data: " + Candidate("""{"text":"a"}""") + "\n\ndata: {\"candidates\":[{\"con", "0 text a\n! Broken: gemini: the stream ended inside an event" },
        { "an event cut off after the finish", Sse(Candidate("""{"text":"a"}""", "STOP")) + "data: {\"usageMeta", "0 text a\n0 closed\nstopped end_turn" },
        { "an array cut off", "[" + Candidate("""{"text":"a"}""") + ",", "0 text a\n! Broken: gemini: the stream ended inside an event" },
        { "no JSON", "data: hello\n\n", "! Malformed: gemini: a chunk of the stream is not the JSON that it should be" },
        { "JSON of another shape", Sse("7"), "! Malformed: gemini: a chunk of the stream is not the JSON that it should be" },
        { "JSON twice", "data: {}{}\n\n", "! Malformed: gemini: a chunk of the stream is not the JSON that it should be" },
        { "JSON that is too deep", Sse($"{{\"x\":{new string('[', 70)}{new string(']', 70)}}}"), "! Malformed: gemini: a chunk of the stream is not the JSON that it should be" },
        { "a call without a name", Sse(Candidate("""{"functionCall":{"args":{}}}""", "STOP")), "! Malformed: gemini: a tool call has no name" },
        { "an image that is no Base64", Sse(Candidate("""{"inlineData":{"mimeType":"image/png","data":"?"}}""", "STOP")), "! Malformed: gemini: the data of a part is not the Base64 that it should be" },
        { "an error inside the stream", Sse(Candidate("""{"text":"a"}"""), """{"error":{"code":429,"message":"Slow down","status":"RESOURCE_EXHAUSTED"}}"""), "0 text a\n! Throttled: gemini: Slow down" },
        { "an error in an array, on many lines", Sse(Candidate("""{"text":"a"}""")) + "[{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"Overloaded\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n]\n", "0 text a\n! Throttled: gemini: Overloaded" },
        { "an error object on many lines", "{\r\n  \"error\": {\r\n    \"code\": 400,\r\n    \"message\": \"No\"\r\n  }\r\n}\r\n", "! Refused: gemini: No" },
        { "an error after chunks of an array", "[" + Candidate("""{"text":"a"}""") + """,{"error":{"code":500,"message":"Internal"}}]""", "0 text a\n! Throttled: gemini: Internal" },
        { "an error that knows only its status", Sse("""{"error":{"message":"Busy","status":"UNAVAILABLE"}}"""), "! Throttled: gemini: Busy" },
        { "a conversation that is too long", Sse("""{"error":{"code":400,"message":"The input token count (11) exceeds the maximum number of tokens allowed (10).","status":"INVALID_ARGUMENT"}}"""), "! ContextTooLong: gemini: The input token count (11) exceeds the maximum number of tokens allowed (10)." },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_BecomesEvents(string name, string stream, string events)
    {
        Assert.NotEmpty(name);
        Assert.Equal(events, ReplyCuts.Print(new GeminiStream(), Encoding.UTF8.GetBytes(stream)));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_CutAnywhere_IsTheSame(string name, string stream, string events)
    {
        Assert.NotEmpty(name + events);
        ReplyCuts.AssertSame(() => new GeminiStream(), Encoding.UTF8.GetBytes(stream));
    }

    [Theory]
    [InlineData("STOP", "stopped end_turn")]
    [InlineData("MAX_TOKENS", "stopped max_tokens")]
    [InlineData("SAFETY", "stopped content_filtered")]
    [InlineData("RECITATION", "stopped content_filtered")]
    [InlineData("LANGUAGE", "stopped content_filtered")]
    [InlineData("BLOCKLIST", "stopped content_filtered")]
    [InlineData("PROHIBITED_CONTENT", "stopped content_filtered")]
    [InlineData("SPII", "stopped content_filtered")]
    [InlineData("MODEL_ARMOR", "stopped content_filtered")]
    [InlineData("IMAGE_SAFETY", "stopped content_filtered")]
    [InlineData("IMAGE_PROHIBITED_CONTENT", "stopped content_filtered")]
    [InlineData("IMAGE_RECITATION", "stopped content_filtered")]
    [InlineData("MALFORMED_FUNCTION_CALL", "stopped malformed_tool_use")]
    [InlineData("UNEXPECTED_TOOL_CALL", "stopped malformed_tool_use")]
    [InlineData("TOO_MANY_TOOL_CALLS", "stopped malformed_tool_use")]
    [InlineData("MALFORMED_RESPONSE", "stopped malformed_model_output")]
    [InlineData("MISSING_THOUGHT_SIGNATURE", "! Refused: gemini: the conversation lacks a thought signature that the model wants back")]
    [InlineData("OTHER", "! Broken: gemini: the provider gave up in mid-reply (OTHER)")]
    [InlineData("IMAGE_OTHER", "! Broken: gemini: the provider gave up in mid-reply (IMAGE_OTHER)")]
    [InlineData("NO_IMAGE", "! Broken: gemini: the provider gave up in mid-reply (NO_IMAGE)")]
    [InlineData("BECAUSE", "! Malformed: gemini: the reply ended for a reason that is not known")]
    public void FinishReason_IsMapped(string finish, string end) =>
        Assert.Equal($"0 text a\n0 closed\n{end}", ReplyCuts.Print(new GeminiStream(), Events(Candidate("""{"text":"a"}""", finish))));

    [Fact]
    public void RenamedTool_HasItsOwnNameAgain() =>
        Assert.Equal(
            "0 tool 1st\n0 closed\nstopped tool_use",
            ReplyCuts.Print(new GeminiStream(GeminiToolNames.Renamed([ModelContract.Tool("1st"), ModelContract.Tool("f")])), Events(Candidate($$$"""{"functionCall":{"name":"{{{GeminiToolNames.Fit("1st")}}}"}}""", "STOP"))));

    [Fact]
    public void InvalidUtf8_BecomesReplacements()
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a"), 0xC3, .. Encoding.UTF8.GetBytes("b\"}]},\"finishReason\":\"STOP\"}]}\n\n")];

        Assert.Equal("0 text a\uFFFDb\n0 closed\nstopped end_turn", ReplyCuts.Print(new GeminiStream(), bytes));
    }

    [Fact]
    public void LineWithoutEnd_IsRefusedInBoundedMemory()
    {
        var parser = new GeminiStream();
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

        Assert.Equal((ModelFailure.Malformed, $"gemini: an event of the stream has more than {GeminiStream.MaxEventBytes} bytes"), (exception.Failure, exception.Message));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5 * GeminiStream.MaxEventBytes);
    }

    [Fact]
    public void MoreBlocksThanAReplyMayHave_AreRefused() =>
        Assert.EndsWith(
            "! Malformed: gemini: the reply has more than 1024 blocks",
            ReplyCuts.Print(new GeminiStream(), Events(Candidate(string.Join(',', Enumerable.Repeat("""{"functionCall":{"name":"f"}}""", 1025)), "STOP"))),
            StringComparison.Ordinal);

    private static string Sse(params string[] data) => Encoding.UTF8.GetString(Events(data));
}
