using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace Belay.Contracts.EventStream;

/// <summary>
/// Encodes frames: total length, headers length, their CRC, headers, payload, CRC of everything. Pure; it knows nothing of
/// streams or agents.
/// </summary>
public static class EventStreamWriter
{
    /// <summary>Bytes before the headers.</summary>
    public const int PreludeBytes = 12;

    /// <summary>Bytes that a frame has beside headers and payload.</summary>
    public const int FrameBytes = PreludeBytes + sizeof(uint);

    private static readonly ConcurrentDictionary<string, byte[]> EventBlocks = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, byte[]> ExceptionBlocks = new(StringComparer.Ordinal);

    /// <summary>The header block of an event with a JSON payload. Built once for each name: give it names of the model, not of a caller.</summary>
    public static ReadOnlyMemory<byte> EventHeaders(string eventType) => EventBlocks.GetOrAdd(eventType, static name => Block("event", ":event-type", name));

    /// <summary>The header block of a modelled exception, named by its camel-case union member.</summary>
    public static ReadOnlyMemory<byte> ExceptionHeaders(string exceptionType) => ExceptionBlocks.GetOrAdd(exceptionType, static name => Block("exception", ":exception-type", name));

    /// <summary>Encodes one frame from a prebuilt header block.</summary>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> headerBlock, ReadOnlySpan<byte> payload)
    {
        var length = checked(FrameBytes + headerBlock.Length + payload.Length);
        var frame = output.GetSpan(length)[..length];
        headerBlock.CopyTo(frame[PreludeBytes..]);
        payload.CopyTo(frame[(PreludeBytes + headerBlock.Length)..]);
        Seal(frame, headerBlock.Length);
        output.Advance(length);
    }

    /// <summary>
    /// Completes a frame in place: headers and payload are already where they belong, prelude and sums are filled in. For
    /// writers that serialise the payload straight into the frame.
    /// </summary>
    public static void Seal(Span<byte> frame, int headerBytes)
    {
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame[4..], headerBytes);
        BinaryPrimitives.WriteUInt32BigEndian(frame[8..], Crc32.Compute(frame[..8]));
        BinaryPrimitives.WriteUInt32BigEndian(frame[^4..], Crc32.Compute(frame[..^4]));
    }

    /// <summary>Encodes one frame with any headers.</summary>
    public static byte[] Encode(IReadOnlyList<EventStreamHeader> headers, ReadOnlySpan<byte> payload)
    {
        var output = new ArrayBufferWriter<byte>();
        Write(output, EncodeHeaders(headers), payload);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Encodes a header block.</summary>
    public static byte[] EncodeHeaders(IReadOnlyList<EventStreamHeader> headers)
    {
        var output = new ArrayBufferWriter<byte>();
        foreach (var header in headers)
        {
            var name = Encoding.UTF8.GetBytes(header.Name);
            ArgumentOutOfRangeException.ThrowIfZero(name.Length, nameof(headers));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(name.Length, byte.MaxValue, nameof(headers));
            output.Write<byte>([(byte)name.Length]);
            output.Write(name);
            WriteValue(output, header.Value);
        }

        return output.WrittenSpan.ToArray();
    }

    private static byte[] Block(string messageType, string nameHeader, string name) => EncodeHeaders(
    [
        new(":message-type", new EventStreamValue.Text(messageType)),
        new(nameHeader, new EventStreamValue.Text(name)),
        new(":content-type", new EventStreamValue.Text("application/json")),
    ]);

    private static void WriteValue(ArrayBufferWriter<byte> output, EventStreamValue value)
    {
        switch (value)
        {
            case EventStreamValue.Bool { Value: var truth }:
                output.Write<byte>([truth ? (byte)0 : (byte)1]);
                break;
            case EventStreamValue.Number8 { Value: var number }:
                output.Write<byte>([2, (byte)number]);
                break;
            case EventStreamValue.Number16 { Value: var number }:
                BinaryPrimitives.WriteInt16BigEndian(Typed(output, 3, sizeof(short)), number);
                break;
            case EventStreamValue.Number32 { Value: var number }:
                BinaryPrimitives.WriteInt32BigEndian(Typed(output, 4, sizeof(int)), number);
                break;
            case EventStreamValue.Number64 { Value: var number }:
                BinaryPrimitives.WriteInt64BigEndian(Typed(output, 5, sizeof(long)), number);
                break;
            case EventStreamValue.Binary { Value: var bytes }:
                WriteCounted(output, 6, bytes);
                break;
            case EventStreamValue.Text { Value: var text }:
                WriteCounted(output, 7, Encoding.UTF8.GetBytes(text));
                break;
            case EventStreamValue.Time { Milliseconds: var time }:
                BinaryPrimitives.WriteInt64BigEndian(Typed(output, 8, sizeof(long)), time);
                break;
            case EventStreamValue.Uuid { Value: var id }:
                id.TryWriteBytes(Typed(output, 9, 16), bigEndian: true, out _);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static Span<byte> Typed(ArrayBufferWriter<byte> output, byte type, int size)
    {
        var span = output.GetSpan(1 + size)[..(1 + size)];
        span[0] = type;
        output.Advance(1 + size);
        return span[1..];
    }

    private static void WriteCounted(ArrayBufferWriter<byte> output, byte type, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, ushort.MaxValue);
        BinaryPrimitives.WriteUInt16BigEndian(Typed(output, type, sizeof(ushort)), (ushort)bytes.Length);
        output.Write(bytes);
    }
}
