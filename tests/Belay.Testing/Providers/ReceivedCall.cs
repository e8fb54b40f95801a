using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>A call of a model that a scripted provider received, read from its wire format.</summary>
/// <param name="Number">From 1, over the life of the provider.</param>
/// <param name="Format">Format that it came in.</param>
/// <param name="ModelId">The model, as the request names it.</param>
/// <param name="Request">The request as it came.</param>
/// <param name="Body">Its body.</param>
/// <param name="Asked">What it says, whatever the format.</param>
public sealed record ReceivedCall(int Number, WireFormat Format, string ModelId, ProviderRequest Request, JsonElement Body, ModelRequest Asked)
{
    /// <summary>The secret that it came with; empty when it came with none.</summary>
    public string Key =>
        Request.Headers.GetValueOrDefault("x-api-key")
        ?? Request.Headers.GetValueOrDefault("x-goog-api-key")
        ?? Request.Headers.GetValueOrDefault("api-key")
        ?? Request.Headers.GetValueOrDefault("authorization", "").Replace("Bearer ", "", StringComparison.Ordinal);

    /// <summary>What people and tools wrote, message by message.</summary>
    public IEnumerable<string> Texts => Asked.Messages.Select(message => string.Join('\n', message.Blocks.Select(block => block switch
    {
        Block.Text text => text.Value,
        Block.ToolUse call => $"{call.Name} {call.Input.GetRawText()}",
        Block.ToolResult result => string.Join('\n', result.Content.Select(content => content switch
        {
            ToolContent.Text text => text.Value,
            ToolContent.Json json => json.Value.GetRawText(),
            _ => "",
        })),
        _ => "",
    })));

    /// <summary>The bytes of a reply in the call's format.</summary>
    /// <param name="events">What the model says.</param>
    /// <param name="reason">Why it ends.</param>
    public byte[] Reply(IEnumerable<ModelEvent> events, HarnessStopReason reason)
    {
        var writer = ReplyWriter.For(this);
        var pieces = writer.Begin().ToList();
        foreach (var one in events)
        {
            pieces.AddRange(writer.Write(one));
        }

        return [.. pieces.Concat(writer.End(reason, default)).SelectMany(piece => piece.Bytes)];
    }
}
