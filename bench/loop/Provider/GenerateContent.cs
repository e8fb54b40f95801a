using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Provider;

/// <summary>Gemini's streamGenerateContent, with automatic caching.</summary>
internal sealed class GenerateContent : WireFormat
{
    private const string Models = "/v1beta/models/";

    /// <inheritdoc/>
    public override string Name => "generateContent";

    /// <inheritdoc/>
    public override string MessagesMember => "contents";

    /// <inheritdoc/>
    public override string Configuration(Script script, Uri provider) =>
        $$$"""{"liteLlmModelConfig":{"modelId":"gemini/{{{script.Name}}}","apiBase":"{{{provider}}}v1beta"}}""";

    /// <inheritdoc/>
    public override bool Owns(PathString path) => path.StartsWithSegments("/v1beta", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string? ModelIn(PathString path) => path.Value![Models.Length..path.Value!.IndexOf(':', StringComparison.Ordinal)];

    /// <inheritdoc/>
    public override void Open(IBufferWriter<byte> reply, Tokens tokens)
    {
    }

    /// <inheritdoc/>
    public override void Piece(IBufferWriter<byte> reply, string text, int index) => Part(reply, $$"""{"text":"{{text}}"}""");

    /// <inheritdoc/>
    public override void Call(IBufferWriter<byte> reply, int index, string id, string name, string arguments) => Part(
        reply, $$$"""{"functionCall":{"id":"{{{id}}}","name":"{{{name}}}","args":{{{arguments.Replace("\\\"", "\"", StringComparison.Ordinal)}}}}}""");

    /// <inheritdoc/>
    public override void Close(IBufferWriter<byte> reply, bool calls, Tokens tokens) => Send(
        reply,
        $$$"""{"candidates":[{"content":{"role":"model","parts":[]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":{{{tokens.Input}}},"candidatesTokenCount":{{{tokens.Output}}},"totalTokenCount":{{{tokens.Input + tokens.Output}}},"cachedContentTokenCount":{{{tokens.Read}}}}}""");

    private static void Part(IBufferWriter<byte> reply, string part) =>
        Send(reply, $$$"""{"candidates":[{"content":{"role":"model","parts":[{{{part}}}]},"index":0}]}""");
}
