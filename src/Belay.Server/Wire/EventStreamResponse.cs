using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.EventStream;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>
/// The running event stream of a response. One writer at a time; frames leave when they are flushed, or when many have come together. A
/// client that takes nothing for <paramref name="timeout"/> has left: it must not hold memory, a session and a sandbox for as long as it likes.
/// </summary>
public sealed class EventStreamResponse(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Largest payload of a frame that we send; whoever has more splits it.</summary>
    public const int MaxPayloadBytes = 256 * 1024;

    private const int MaxPendingBytes = 16 * 1024;
    private readonly WriteDeadline _deadline = new(response, timeout, time);
    private readonly ArrayBufferWriter<byte> _frame = new(1024);
    private Utf8JsonWriter? _json;
    private int _pending;

    /// <summary>Writes an event frame. Call <see cref="FlushAsync"/> before waiting for anything but the next frame.</summary>
    public ValueTask WriteAsync<T>(string eventType, T payload, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        Put(EventStreamWriter.EventHeaders(eventType).Span, payload, type) ? new ValueTask(FlushAsync(cancellationToken)) : ValueTask.CompletedTask;

    /// <summary>The same, with a payload that is written without a serialiser: for what comes by the hundred.</summary>
    public ValueTask WriteAsync<T>(string eventType, T payload, Action<Utf8JsonWriter, T> write, CancellationToken cancellationToken)
    {
        var headers = EventStreamWriter.EventHeaders(eventType).Span;
        write(Begin(headers), payload);
        End(headers.Length);
        return _pending >= MaxPendingBytes ? new ValueTask(FlushAsync(cancellationToken)) : ValueTask.CompletedTask;
    }

    /// <summary>Sends what was written.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_pending == 0)
        {
            return;
        }

        _pending = 0;
        await _deadline.WaitAsync(response.BodyWriter.FlushAsync(cancellationToken), cancellationToken);
    }

    /// <summary>Writes the frame of a modelled exception, after which nothing may follow.</summary>
    internal Task WriteExceptionAsync(string exceptionType, Action<Utf8JsonWriter> payload, CancellationToken cancellationToken)
    {
        var headers = EventStreamWriter.ExceptionHeaders(exceptionType).Span;
        var json = Begin(headers);
        payload(json);
        End(headers.Length);
        return FlushAsync(cancellationToken);
    }

    /// <summary>Whether enough has come together to be sent.</summary>
    private bool Put<T>(ReadOnlySpan<byte> headers, T payload, JsonTypeInfo<T> type)
    {
        JsonSerializer.Serialize(Begin(headers), payload, type);
        End(headers.Length);
        return _pending >= MaxPendingBytes;
    }

    // The payload is serialised where it belongs in the frame; lengths and sums are filled in afterwards.
    private Utf8JsonWriter Begin(ReadOnlySpan<byte> headers)
    {
        _frame.ResetWrittenCount();
        _frame.GetSpan(EventStreamWriter.PreludeBytes);
        _frame.Advance(EventStreamWriter.PreludeBytes);
        _frame.Write(headers);
        _json ??= new Utf8JsonWriter(_frame, OperationCall.WriterOptions);
        _json.Reset();
        return _json;
    }

    private void End(int headers)
    {
        _json!.Flush();
        var length = _frame.WrittenCount - EventStreamWriter.PreludeBytes - headers;
        if (length > MaxPayloadBytes)
        {
            throw new InvalidOperationException($"An event's payload has {length} bytes; the limit is {MaxPayloadBytes}.");
        }

        _frame.GetSpan(sizeof(uint));
        _frame.Advance(sizeof(uint));
        EventStreamWriter.Seal(MemoryMarshal.AsMemory(_frame.WrittenMemory).Span, headers);
        response.BodyWriter.Write(_frame.WrittenSpan);
        _pending += _frame.WrittenCount;
    }
}
