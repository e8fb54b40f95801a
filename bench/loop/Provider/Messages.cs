using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>Anthropic's Messages API.</summary>
internal sealed class Messages : WireFormat
{
    /// <inheritdoc/>
    public override string Name => "Messages";

    /// <inheritdoc/>
    public override bool Marks => true;

    /// <inheritdoc/>
    public override bool CountsCacheWithin => false;

    /// <inheritdoc/>
    public override string Configuration(Script script, Uri provider) =>
        $$$"""{"liteLlmModelConfig":{"modelId":"anthropic/{{{script.Name}}}","apiBase":"{{{provider}}}"}}""";

    /// <inheritdoc/>
    public override bool Owns(PathString path) => path == "/v1/messages";

    /// <inheritdoc/>
    public override void Open(IBufferWriter<byte> reply, Tokens tokens) => Send(
        reply,
        $$$"""{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":{{{tokens.Fresh}}},"cache_creation_input_tokens":{{{tokens.Written}}},"cache_read_input_tokens":{{{tokens.Read}}},"output_tokens":1} } }""");

    /// <inheritdoc/>
    public override void Piece(IBufferWriter<byte> reply, string text, int index)
    {
        if (index == 0)
        {
            Send(reply, """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""");
        }

        Send(reply, $$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{text}}}"}}""");
    }

    /// <inheritdoc/>
    public override void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments)
    {
        Send(reply, $$$"""{"type":"content_block_start","index":{{{index}}},"content_block":{"type":"tool_use","id":"{{{id}}}","name":"{{{name}}}","input":{} } }""");
        Send(reply, $$$"""{"type":"content_block_delta","index":{{{index}}},"delta":{"type":"input_json_delta","partial_json":"{{{arguments}}}"}}""");
        Send(reply, $$$"""{"type":"content_block_stop","index":{{{index}}}}""");
    }

    /// <inheritdoc/>
    public override void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens)
    {
        if (!calls)
        {
            Send(reply, """{"type":"content_block_stop","index":0}""");
        }

        Send(reply, $$$"""{"type":"message_delta","delta":{"stop_reason":"{{{(calls ? "tool_use" : "end_turn")}}}","stop_sequence":null},"usage":{"output_tokens":{{{tokens.Output}}}}}""");
        Send(reply, """{"type":"message_stop"}""");
    }
}
