using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>OpenAI's chat completions, with automatic caching.</summary>
internal sealed class ChatCompletions : WireFormat
{
    private const string Head = """{"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[""";

    /// <inheritdoc/>
    public override string Name => "chat completions";

    /// <inheritdoc/>
    public override string Configuration(Script script, Uri provider) =>
        $$$"""{"liteLlmModelConfig":{"modelId":"openai/{{{script.Name}}}","apiBase":"{{{provider}}}v1"}}""";

    /// <inheritdoc/>
    public override bool Owns(PathString path) => path == "/v1/chat/completions";

    /// <inheritdoc/>
    public override void Open(IBufferWriter<byte> reply, Tokens tokens) => Delta(reply, """{"role":"assistant","content":""}""", "null");

    /// <inheritdoc/>
    public override void Piece(IBufferWriter<byte> reply, string text, int index) => Delta(reply, $$"""{"content":"{{text}}"}""", "null");

    /// <inheritdoc/>
    public override void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments)
    {
        Delta(reply, $$$"""{"tool_calls":[{"index":{{{index}}},"id":"{{{id}}}","type":"function","function":{"name":"{{{name}}}","arguments":""}}]}""", "null");
        Delta(reply, $$$"""{"tool_calls":[{"index":{{{index}}},"function":{"arguments":"{{{arguments}}}"}}]}""", "null");
    }

    /// <inheritdoc/>
    public override void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens)
    {
        Delta(reply, "{}", calls ? "\"tool_calls\"" : "\"stop\"");
        var details = tokens.Read > 0 ? $$""","prompt_tokens_details":{"cached_tokens":{{tokens.Read}}}""" : "";
        Send(reply, $$"""{{Head}}],"usage":{"prompt_tokens":{{tokens.Input}},"completion_tokens":{{tokens.Output}},"total_tokens":{{tokens.Input + tokens.Output}}{{details}} } }""");
        Encoding.UTF8.GetBytes("data: [DONE]\n\n", reply);
    }

    private static void Delta(IBufferWriter<byte> reply, string delta, string finishReason) =>
        Send(reply, $$"""{{Head}}{"index":0,"delta":{{delta}},"finish_reason":{{finishReason}}}]}""");
}
