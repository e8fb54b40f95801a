using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>OpenAI's Responses API, with automatic caching.</summary>
internal sealed class Responses : WireFormat
{
    /// <inheritdoc/>
    public override string Name => "Responses";

    /// <inheritdoc/>
    public override string MessagesMember => "input";

    /// <inheritdoc/>
    public override string Configuration(Script script, Uri provider) =>
        $$$"""{"liteLlmModelConfig":{"modelId":"openai/responses/{{{script.Name}}}","apiBase":"{{{provider}}}v1"}}""";

    /// <inheritdoc/>
    public override bool Owns(PathString path) => path == "/v1/responses";

    /// <inheritdoc/>
    public override void Open(IBufferWriter<byte> reply, Tokens tokens) =>
        Send(reply, """{"type":"response.created","response":{"id":"r","object":"response","status":"in_progress","output":[]}}""");

    /// <inheritdoc/>
    public override void Piece(IBufferWriter<byte> reply, string text, int index)
    {
        if (index == 0)
        {
            Send(reply, """{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","status":"in_progress","role":"assistant","content":[]}}""");
        }

        Send(reply, $$"""{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"{{text}}"}""");
    }

    /// <inheritdoc/>
    public override void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments)
    {
        Send(reply, $$$"""{"type":"response.output_item.added","output_index":{{{index}}},"item":{{{Item("in_progress", "")}}}}""");
        Send(reply, $$"""{"type":"response.function_call_arguments.delta","item_id":"f{{index}}","output_index":{{index}},"delta":"{{arguments}}"}""");
        Send(reply, $$$"""{"type":"response.output_item.done","output_index":{{{index}}},"item":{{{Item("completed", arguments)}}}}""");

        string Item(string status, string given) =>
            $$"""{"type":"function_call","id":"f{{index}}","status":"{{status}}","call_id":"{{id}}","name":"{{name}}","arguments":"{{given}}"}""";
    }

    /// <inheritdoc/>
    public override void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens) => Send(
        reply,
        $$$"""{"type":"response.completed","response":{"id":"r","object":"response","status":"completed","output":[],"usage":{"input_tokens":{{{tokens.Input}}},"input_tokens_details":{"cached_tokens":{{{tokens.Read}}}},"output_tokens":{{{tokens.Output}}},"total_tokens":{{{tokens.Input + tokens.Output}}} } } }""");
}
