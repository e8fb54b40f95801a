using Belay.Models.Bedrock;
using Belay.Testing.Models;

namespace Belay.Tests.Models.Bedrock;

public sealed class BedrockStreamTests
{
    private static readonly (string, string) Usage = ("metadata", """{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7,"cacheReadInputTokens":3,"cacheWriteInputTokens":1},"metrics":{"latencyMs":9}}""");

    public static TheoryData<string, byte[], string> Streams() => new()
    {
        { "text", Frames(Text(0, "Hé"), Text(0, "llo"), Stop(0), End("end_turn"), Usage), "0 text Héllo\n0 closed\nusage 5 2 3 1\nstopped end_turn" },
        { "no metadata", Frames(Text(0, "a"), Stop(0), End("max_tokens")), "0 text a\n0 closed\nstopped max_tokens" },
        { "no block stop", Frames(Text(0, "a"), End("stop_sequence"), Usage), "0 text a\n0 closed\nusage 5 2 3 1\nstopped stop_sequence" },
        { "a guardrail", Frames(Text(0, "a"), Stop(0), End("guardrail_intervened"), Usage), "0 text a\n0 closed\nusage 5 2 3 1\nstopped content_filtered" },
        { "a filter", Frames(End("content_filtered")), "stopped content_filtered" },
        { "malformed output", Frames(Text(0, "a"), End("malformed_model_output")), "0 text a\n0 closed\nstopped malformed_model_output" },
        { "malformed tool use", Frames(Text(0, "a"), End("malformed_tool_use")), "0 text a\n0 closed\nstopped malformed_tool_use" },
        { "window exceeded at once", Frames(End("model_context_window_exceeded")), "! ContextTooLong: bedrock: the conversation does not fit the model's context window" },
        { "window exceeded later", Frames(Text(0, "a"), End("model_context_window_exceeded")), "0 text a\n0 closed\nstopped model_context_window_exceeded" },
        {
            "reasoning with signature, then text under the same index",
            Frames(
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"I think"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"sig"}}}"""),
                Text(0, "a"),
                Stop(0),
                End("end_turn")),
            "0 reasoning I think\n0 signature sig\n0 state {}\n0 closed\n1 text a\n1 closed\nstopped end_turn"
        },
        {
            "redacted reasoning",
            Frames(("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"AQID"}}}"""), Stop(0), Text(1, "a"), Stop(1), End("end_turn")),
            "0 redacted 010203\n0 state {}\n0 closed\n1 text a\n1 closed\nstopped end_turn"
        },
        {
            "tools, gaps in the indices",
            Frames(
                Text(0, "I look."),
                Stop(0),
                ("contentBlockStart", """{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"x\":"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}"""),
                Stop(2),
                ("contentBlockStart", """{"contentBlockIndex":5,"start":{"toolUse":{"toolUseId":"b","name":"g"}}}"""),
                Stop(5),
                End("tool_use"),
                Usage),
            "0 text I look.\n0 closed\n1 tool f#a\n1 input {\"x\":1}\n1 closed\n2 tool g#b\n2 closed\nusage 5 2 3 1\nstopped tool_use"
        },
        {
            "a tool that the provider runs itself",
            Frames(
                ("contentBlockStart", """{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"s","name":"search","type":"server_tool_use"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"q\":"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"1}"}}}"""),
                Stop(0),
                ("contentBlockStart", """{"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"s","status":"success"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"toolResult":[{"text":"r"},{"json":{"a":1}}]}}"""),
                Stop(1),
                Text(2, "Found."),
                Stop(2),
                End("end_turn")),
            "0 server tool search#s {\"q\":1}\n0 state {\"toolResult\":{\"status\":\"success\",\"content\":[{\"text\":\"r\"},{\"json\":{\"a\":1}}]}}\n0 closed\n1 text Found.\n1 closed\nstopped end_turn"
        },
        {
            "citations",
            Frames(
                Text(0, "a"),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"citation":{"title":"T","location":{"web":{"url":"https://e.org"}},"sourceContent":[{"text":"q"},{"text":"r"}]}}}"""),
                Stop(0),
                End("end_turn")),
            "0 text a\n0 citation https://e.org | T | qr\n0 closed\nstopped end_turn"
        },
        {
            "an image in pieces",
            Frames(
                ("contentBlockStart", """{"contentBlockIndex":0,"start":{"image":{"format":"png"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AQ=="}}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AgM="}}}}"""),
                Stop(0),
                End("end_turn")),
            "0 image image/png 010203\n0 closed\nstopped end_turn"
        },
        { "events that are newer than this", Frames(("somethingNew", "{}"), Text(0, "a"), ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"hologram":{}}}"""), End("end_turn")), "0 text a\n0 closed\nstopped end_turn" },
        { "nothing", [], "! Broken: bedrock: the stream ended without a stop reason" },
        { "no stop", Frames(Text(0, "a"), Stop(0)), "0 text a\n0 closed\n! Broken: bedrock: the stream ended without a stop reason" },
        { "cut inside a frame", [.. Frames(Text(0, "a")), .. Frames(Text(0, "b"))[..20]], "0 text a\n! Broken: bedrock: the stream ended inside a frame" },
        { "a stop that is not known", Frames(Text(0, "a"), End("because")), "0 text a\n0 closed\n! Malformed: bedrock: the reply ended for a reason that is not known" },
        { "a stop for tools that are not there", Frames(Text(0, "a"), End("tool_use")), "0 text a\n0 closed\n! Malformed: bedrock: the reply says that it calls tools, but calls none" },
        { "arguments without a call", Frames(("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"x"}}}""")), "! Malformed: bedrock: arguments came for a tool call that was not opened" },
        { "an event without its members", Frames(("contentBlockStop", "{}")), "! Malformed: bedrock: an event of the stream is not what it should be" },
        { "an event that is no JSON", Frames(("contentBlockDelta", "{")), "! Malformed: bedrock: an event of the stream is not what it should be" },
        { "no frame", "HTTP is not an event stream"u8.ToArray(), "! Malformed: bedrock: the stream is damaged. The frame's prelude checksum does not match." },
        { "throttling", [.. Frames(Text(0, "a")), .. ProviderBytes.ExceptionFrame("throttlingException", """{"message":"Slow down"}""")], "0 text a\n! Throttled: bedrock: Slow down" },
        { "a server's fault", ProviderBytes.ExceptionFrame("internalServerException", """{"message":"Oops"}"""), "! Throttled: bedrock: Oops" },
        { "unavailable", ProviderBytes.ExceptionFrame("serviceUnavailableException", "{}"), "! Throttled: bedrock: serviceUnavailableException" },
        { "a model's error", ProviderBytes.ExceptionFrame("modelStreamErrorException", """{"message":"It broke","originalStatusCode":400}"""), "! Broken: bedrock: It broke" },
        { "a model's overload", ProviderBytes.ExceptionFrame("modelStreamErrorException", """{"message":"Busy","originalStatusCode":529}"""), "! Throttled: bedrock: Busy" },
        { "too long", ProviderBytes.ExceptionFrame("validationException", """{"message":"prompt is too long: 210000 tokens"}"""), "! ContextTooLong: bedrock: prompt is too long: 210000 tokens" },
        { "invalid", ProviderBytes.ExceptionFrame("validationException", """{"message":"no such model"}"""), "! Refused: bedrock: no such model" },
        { "an unmodelled error", ProviderBytes.Frame("error", ":error-code", "ThrottlingError", ""), "! Throttled: bedrock: ThrottlingError" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_BecomesEvents(string name, byte[] stream, string events)
    {
        Assert.NotEmpty(name);
        Assert.Equal(events, ReplyCuts.Print(new BedrockStream(), stream));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_CutAnywhere_IsTheSame(string name, byte[] stream, string events)
    {
        Assert.NotEmpty(name + events);
        ReplyCuts.AssertSame(() => new BedrockStream(), stream);
    }

    private static byte[] Frames(params (string, string)[] events) => ProviderBytes.Frames(events);

    private static (string, string) Text(int index, string text) => ("contentBlockDelta", $$$"""{"contentBlockIndex":{{{index}}},"delta":{"text":"{{{text}}}"},"p":"abc"}""");

    private static (string, string) Stop(int index) => ("contentBlockStop", "{\"contentBlockIndex\":" + index + "}");

    private static (string, string) End(string reason) => ("messageStop", $$"""{"stopReason":"{{reason}}","additionalModelResponseFields":{"a":1} }""");
}
