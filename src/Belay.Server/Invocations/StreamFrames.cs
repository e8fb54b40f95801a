using System.Diagnostics;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Server.Wire;

namespace Belay.Server.Invocations;

/// <summary>
/// The frames of InvokeHarness. What every iteration sends is written by hand, to the same bytes as the serialiser's: that one allocates for each
/// object within another.
/// </summary>
internal static class StreamFrames
{
    /// <summary>Writes the frame of an event.</summary>
    public static ValueTask WriteAsync(EventStreamResponse stream, InvocationEvent item, CancellationToken cancellationToken) => item switch
    {
        HarnessMessageStartEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMessageStartEvent, cancellationToken),
        HarnessContentBlockStartEvent { Start.ToolUse: { Type: null or HarnessToolUseType.ToolUse } } one => stream.WriteAsync(one.EventType, one, WriteToolUse, cancellationToken),
        HarnessContentBlockStartEvent { Start.ToolResult: { } } one => stream.WriteAsync(one.EventType, one, WriteToolResult, cancellationToken),
        HarnessContentBlockStartEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockStartEvent, cancellationToken),
        HarnessContentBlockDeltaEvent { Delta: { Text: not null } or { ToolUse: not null } } one => stream.WriteAsync(one.EventType, one, WritePiece, cancellationToken),
        HarnessContentBlockDeltaEvent { Delta.ToolResult: [{ Text: not null }] } one => stream.WriteAsync(one.EventType, one, WriteResult, cancellationToken),
        HarnessContentBlockDeltaEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockDeltaEvent, cancellationToken),
        HarnessContentBlockStopEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockStopEvent, cancellationToken),
        HarnessMessageStopEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMessageStopEvent, cancellationToken),
        HarnessMetadataEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMetadataEvent, cancellationToken),
        _ => throw new UnreachableException(),
    };

    private static void WriteToolUse(Utf8JsonWriter json, HarnessContentBlockStartEvent start)
    {
        var use = start.Start.ToolUse!; // As WriteAsync found it.
        json.WriteStartObject();
        json.WriteNumber("contentBlockIndex"u8, start.ContentBlockIndex);
        json.WriteStartObject("start"u8);
        json.WriteStartObject("toolUse"u8);
        json.WriteString("toolUseId"u8, use.ToolUseId);
        json.WriteString("name"u8, use.Name);
        if (use.Type is not null)
        {
            json.WriteString("type"u8, "tool_use"u8);
        }

        if (use.ServerName is { } server)
        {
            json.WriteString("serverName"u8, server);
        }

        End(json, 3);
    }

    private static void WriteToolResult(Utf8JsonWriter json, HarnessContentBlockStartEvent start)
    {
        var result = start.Start.ToolResult!; // As WriteAsync found it.
        json.WriteStartObject();
        json.WriteNumber("contentBlockIndex"u8, start.ContentBlockIndex);
        json.WriteStartObject("start"u8);
        json.WriteStartObject("toolResult"u8);
        json.WriteString("toolUseId"u8, result.ToolUseId);
        if (result.Status is { } status)
        {
            json.WriteString("status"u8, status == HarnessToolUseStatus.Success ? "success"u8 : "error"u8);
        }

        End(json, 3);
    }

    // What a model says, piece by piece.
    private static void WritePiece(Utf8JsonWriter json, HarnessContentBlockDeltaEvent piece)
    {
        json.WriteStartObject();
        json.WriteNumber("contentBlockIndex"u8, piece.ContentBlockIndex);
        json.WriteStartObject("delta"u8);
        if (piece.Delta.Text is { } text)
        {
            json.WriteString("text"u8, text);
        }
        else if (piece.Delta.ToolUse is { } call)
        {
            json.WriteStartObject("toolUse"u8);
            json.WriteString("input"u8, call.Input);
            json.WriteEndObject();
        }

        End(json, 2);
    }

    private static void WriteResult(Utf8JsonWriter json, HarnessContentBlockDeltaEvent piece)
    {
        json.WriteStartObject();
        json.WriteNumber("contentBlockIndex"u8, piece.ContentBlockIndex);
        json.WriteStartObject("delta"u8);
        json.WriteStartArray("toolResult"u8);
        json.WriteStartObject();
        json.WriteString("text"u8, piece.Delta.ToolResult![0].Text); // As WriteAsync found it.
        json.WriteEndObject();
        json.WriteEndArray();
        End(json, 2);
    }

    private static void End(Utf8JsonWriter json, int objects)
    {
        for (; objects > 0; objects--)
        {
            json.WriteEndObject();
        }
    }
}
