using System.Buffers.Binary;
using System.Text;

namespace Belay.Testing.Telemetry;

/// <summary>Reads the protocol-buffers wire format, field by field.</summary>
public ref struct ProtobufReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;
    private ulong _number;

    /// <summary>Number of the field that was read.</summary>
    public int Field { get; private set; }

    /// <summary>Content of the field when it has a length.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Value of the field when it is a number.</summary>
    public readonly ulong Number => _number;

    /// <summary>Content of the field as text.</summary>
    public readonly string Text => Encoding.UTF8.GetString(Bytes);

    /// <summary>Content of the field as hex.</summary>
    public readonly string Hex => Convert.ToHexStringLower(Bytes);

    /// <summary>Reads the next field; false at the end.</summary>
    public bool Read()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        Field = (int)(tag >> 3);
        Bytes = default;
        switch (tag & 7)
        {
            case 0:
                _number = Varint();
                break;
            case 1:
                _number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case 2:
                Bytes = Take((int)Varint());
                break;
            case 5:
                _number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw new InvalidDataException($"Wire type {tag & 7} is not known.");
        }

        return true;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private ulong Varint()
    {
        var value = 0ul;
        for (var shift = 0; ; shift += 7)
        {
            var one = Take(1)[0];
            value |= (ulong)(one & 0x7F) << shift;
            if (one < 0x80)
            {
                return value;
            }
        }
    }
}
