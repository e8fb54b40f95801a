namespace Belay.Contracts.EventStream;

/// <summary>One header of a frame.</summary>
/// <param name="Name">1 to 255 bytes of UTF-8.</param>
/// <param name="Value">Its typed value.</param>
public sealed record EventStreamHeader(string Name, EventStreamValue Value);

/// <summary>A header's value. The set is closed; the wire numbers the types 0 to 9, and both truth values have a number of their own.</summary>
public abstract record EventStreamValue
{
    private EventStreamValue()
    {
    }

    /// <summary>Types 0 (true) and 1 (false).</summary>
    public sealed record Bool(bool Value) : EventStreamValue;

    /// <summary>Type 2.</summary>
    public sealed record Number8(sbyte Value) : EventStreamValue;

    /// <summary>Type 3.</summary>
    public sealed record Number16(short Value) : EventStreamValue;

    /// <summary>Type 4.</summary>
    public sealed record Number32(int Value) : EventStreamValue;

    /// <summary>Type 5.</summary>
    public sealed record Number64(long Value) : EventStreamValue;

    /// <summary>Type 6, at most 65,535 bytes.</summary>
    public sealed record Binary(byte[] Value) : EventStreamValue
    {
        /// <inheritdoc/>
        public bool Equals(Binary? other) => other is not null && Value.AsSpan().SequenceEqual(other.Value);

        /// <inheritdoc/>
        public override int GetHashCode() => (int)Crc32.Compute(Value);
    }

    /// <summary>Type 7, at most 65,535 bytes of UTF-8.</summary>
    public sealed record Text(string Value) : EventStreamValue;

    /// <summary>Type 8: milliseconds since 1970.</summary>
    public sealed record Time(long Milliseconds) : EventStreamValue;

    /// <summary>Type 9.</summary>
    public sealed record Uuid(Guid Value) : EventStreamValue;
}

/// <summary>One decoded frame.</summary>
/// <param name="Headers">Headers in the order in which they came.</param>
/// <param name="Payload">The payload.</param>
public sealed record EventStreamMessage(IReadOnlyList<EventStreamHeader> Headers, ReadOnlyMemory<byte> Payload)
{
    /// <summary><c>event</c>, <c>exception</c> or <c>error</c>; null when the frame does not say.</summary>
    public string? MessageType => Text(":message-type");

    /// <summary>Name of the event; null for other frames.</summary>
    public string? EventType => Text(":event-type");

    /// <summary>Name of the exception; null for other frames.</summary>
    public string? ExceptionType => Text(":exception-type");

    /// <summary>Value of a text header; null when there is none of that name and type.</summary>
    public string? Text(string name)
    {
        foreach (var header in Headers)
        {
            if (header.Name == name && header.Value is EventStreamValue.Text text)
            {
                return text.Value;
            }
        }

        return null;
    }
}

/// <summary>Bytes that are no frame: a wrong sum, a length out of bounds, a header that does not add up. The stream cannot be read on.</summary>
public sealed class EventStreamException(string message) : Exception(message);
