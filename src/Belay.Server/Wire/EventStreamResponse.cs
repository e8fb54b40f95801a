using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.EventStream;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>
/// The running event stream of a response. One writer at a time; every frame is flushed. A client that takes nothing for
/// <paramref name="timeout"/> has left: it must not hold memory, a session and a sandbox for as long as it likes.
/// </summary>
public sealed class EventStreamResponse(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Largest payload of a frame that we send; whoever has more splits it.</summary>
    public const int MaxPayloadBytes = 256 * 1024;

    private readonly ArrayBufferWriter<byte> _frame = new(1024);

    /// <summary>Writes an event frame and flushes it.</summary>
    public Task WriteAsync<T>(string eventType, T payload, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(EventStreamWriter.EventHeaders(eventType), json => JsonSerializer.Serialize(json, payload, type), cancellationToken);

    /// <summary>Writes the frame of a modelled exception, after which nothing may follow.</summary>
    internal Task WriteExceptionAsync(string exceptionType, Action<Utf8JsonWriter> payload, CancellationToken cancellationToken) =>
        SendAsync(EventStreamWriter.ExceptionHeaders(exceptionType), payload, cancellationToken);

    private async Task SendAsync(ReadOnlyMemory<byte> headers, Action<Utf8JsonWriter> payload, CancellationToken cancellationToken)
    {
        // The payload is serialised where it belongs in the frame; lengths and sums are filled in afterwards.
        _frame.ResetWrittenCount();
        _frame.GetSpan(EventStreamWriter.PreludeBytes);
        _frame.Advance(EventStreamWriter.PreludeBytes);
        _frame.Write(headers.Span);
        using (var json = new Utf8JsonWriter(_frame, OperationCall.WriterOptions))
        {
            payload(json);
        }

        var length = _frame.WrittenCount - EventStreamWriter.PreludeBytes - headers.Length;
        if (length > MaxPayloadBytes)
        {
            throw new InvalidOperationException($"An event's payload has {length} bytes; the limit is {MaxPayloadBytes}.");
        }

        _frame.GetSpan(sizeof(uint));
        _frame.Advance(sizeof(uint));
        EventStreamWriter.Seal(MemoryMarshal.AsMemory(_frame.WrittenMemory).Span, headers.Length);
        var written = response.BodyWriter.WriteAsync(_frame.WrittenMemory, cancellationToken);
        if (written.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            await written.AsTask().WaitAsync(timeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            response.HttpContext.Abort();
            throw new ConnectionResetException("The client does not read its stream.");
        }
    }
}
