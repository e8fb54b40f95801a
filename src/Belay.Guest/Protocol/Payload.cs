using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Belay.Guest.Protocol;

/// <summary>Builds a payload: little-endian numbers, strings as a length and UTF-8.</summary>
internal sealed class PayloadWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public PayloadWriter UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.GetSpan(2), value);
        _buffer.Advance(2);
        return this;
    }

    public PayloadWriter Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
        return this;
    }

    public PayloadWriter Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
        return this;
    }

    public PayloadWriter String(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Int32(length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
        return this;
    }

    public PayloadWriter Strings(IReadOnlyCollection<string> values)
    {
        Int32(values.Count);
        foreach (var value in values)
        {
            String(value);
        }

        return this;
    }

    public PayloadWriter Pairs(IReadOnlyDictionary<string, string> values)
    {
        Int32(values.Count);
        foreach (var (name, value) in values)
        {
            String(name).String(value);
        }

        return this;
    }
}

/// <summary>Takes a payload apart and trusts nothing in it; throws <see cref="ProtocolException"/> at the first lie.</summary>
internal ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private ReadOnlySpan<byte> _rest = payload;

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public string String() => Encoding.UTF8.GetString(Take(Int32()));

    public List<string> Strings(int limit)
    {
        var values = new List<string>();
        for (var left = Count(limit); left > 0; left--)
        {
            values.Add(String());
        }

        return values;
    }

    public Dictionary<string, string> Pairs(int limit)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var left = Count(limit); left > 0; left--)
        {
            values[String()] = String();
        }

        return values;
    }

    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw new ProtocolException("a payload is longer than its fields");
        }
    }

    private int Count(int limit)
    {
        var count = Int32();
        return count >= 0 && count <= limit ? count : throw new ProtocolException("a payload counts more fields than allowed");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > _rest.Length)
        {
            throw new ProtocolException("a payload is shorter than its fields");
        }

        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
