using System.Buffers;
using System.Text;
using Belay.Contracts.EventStream;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>Amazon Bedrock's ConverseStream, with a model of Claude's family.</summary>
internal sealed class ConverseStream : WireFormat
{
    private const string Maker = "anthropic.claude-";

    /// <inheritdoc/>
    public override string Name => "Converse";

    /// <inheritdoc/>
    public override string ContentType => "application/vnd.amazon.eventstream";

    /// <inheritdoc/>
    public override bool Marks => true;

    /// <inheritdoc/>
    public override bool CountsCacheWithin => false;

    /// <inheritdoc/>
    public override string Configuration(Script script, Uri provider) => $$$"""{"bedrockModelConfig":{"modelId":"{{{Maker}}}{{{script.Name}}}"}}""";

    /// <inheritdoc/>
    public override bool Owns(PathString path) => path.StartsWithSegments("/model", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string? ModelIn(PathString path) => path.Value!.Split('/')[2];

    /// <inheritdoc/>
    public override void Open(IBufferWriter<byte> reply, Tokens tokens) => Frame(reply, "messageStart", """{"role":"assistant"}""");

    /// <inheritdoc/>
    public override void Piece(IBufferWriter<byte> reply, string text, int index) =>
        Frame(reply, "contentBlockDelta", $$$"""{"contentBlockIndex":0,"delta":{"text":"{{{text}}}"}}""");

    /// <inheritdoc/>
    public override void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments)
    {
        Frame(reply, "contentBlockStart", $$$"""{"contentBlockIndex":{{{index}}},"start":{"toolUse":{"toolUseId":"{{{id}}}","name":"{{{name}}}"} } }""");
        Frame(reply, "contentBlockDelta", $$$"""{"contentBlockIndex":{{{index}}},"delta":{"toolUse":{"input":"{{{arguments}}}"} } }""");
        Frame(reply, "contentBlockStop", $$"""{"contentBlockIndex":{{index}}}""");
    }

    /// <inheritdoc/>
    public override void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens)
    {
        if (!calls)
        {
            Frame(reply, "contentBlockStop", """{"contentBlockIndex":0}""");
        }

        Frame(reply, "messageStop", $$"""{"stopReason":"{{(calls ? "tool_use" : "end_turn")}}"}""");
        Frame(
            reply,
            "metadata",
            $$$"""{"usage":{"inputTokens":{{{tokens.Fresh}}},"outputTokens":{{{tokens.Output}}},"totalTokens":{{{tokens.Input + tokens.Output}}},"cacheReadInputTokens":{{{tokens.Read}}},"cacheWriteInputTokens":{{{tokens.Written}}}},"metrics":{"latencyMs":1}}""");
    }

    private static void Frame(IBufferWriter<byte> reply, string type, string json) =>
        EventStreamWriter.Write(reply, EventStreamWriter.EventHeaders(type).Span, Encoding.UTF8.GetBytes(json));
}
