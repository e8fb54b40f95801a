namespace Belay.Models;

/// <summary>
/// Splits a stream of server-sent events into their data, wherever the bytes are cut: LF, CR and CRLF, a leading byte order
/// mark, comments, several data lines in one event. An event that comes in one piece is not even copied.
/// </summary>
/// <param name="maxEventBytes">Largest line, and largest event.</param>
/// <param name="provider">Name for messages.</param>
internal sealed class SseReader(int maxEventBytes, string provider)
{
    private const int MaxFieldName = 5;
    private const int DataPrefix = 6;
    private byte[] _line = [];
    private byte[] _data = [];
    private int _lineLength;
    private int _dataLength;
    private bool _hasData;
    private bool _bare;
    private bool _given;
    private bool _skipLineFeed;
    private bool _begun;

    /// <summary>Takes from the front of <paramref name="bytes"/> until an event is complete; false when more bytes are needed. The
    /// data is valid until the next call.</summary>
    public bool TryRead(ref ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> data)
    {
        Forget();
        if (TryWhole(ref bytes, out data))
        {
            return true;
        }

        while (!bytes.IsEmpty)
        {
            if (_skipLineFeed)
            {
                _skipLineFeed = false;
                if (bytes[0] == '\n')
                {
                    bytes = bytes[1..];
                    continue;
                }
            }

            var end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
            if (end < 0)
            {
                Append(ref _line, ref _lineLength, bytes);
                bytes = default;
                break;
            }

            var line = bytes[..end];
            _skipLineFeed = bytes[end] == '\r';
            bytes = bytes[(end + 1)..];
            if (_lineLength > 0)
            {
                Append(ref _line, ref _lineLength, line);
                line = _line.AsSpan(0, _lineLength);
                _lineLength = 0;
            }

            if (TakeLine(line))
            {
                data = _data.AsSpan(0, _dataLength);
                return true;
            }
        }

        data = default;
        return false;
    }

    /// <summary>The stream is over: gives the event that no blank line ended, if there is one.</summary>
    public bool TryEnd(out ReadOnlySpan<byte> data)
    {
        Forget();
        if (_lineLength > 0)
        {
            TakeLine(_line.AsSpan(0, _lineLength));
            _lineLength = 0;
        }

        var last = _hasData && _dataLength > 0;
        data = last ? _data.AsSpan(0, _dataLength) : default;
        _given = true;
        return last;
    }

    // What nearly every event is: one line of data and the blank line, all of it here.
    private bool TryWhole(ref ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> data)
    {
        data = default;
        if (!_begun || _hasData || _lineLength > 0 || _skipLineFeed || !bytes.StartsWith("data: "u8))
        {
            return false;
        }

        var end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
        if (end <= DataPrefix || bytes[end] != '\n' || end + 1 >= bytes.Length || bytes[end + 1] != '\n' || end > maxEventBytes)
        {
            return false;
        }

        data = bytes[DataPrefix..end];
        bytes = bytes[(end + 2)..];
        return true;
    }

    private void Forget()
    {
        if (_given)
        {
            _given = _hasData = _bare = false;
            _dataLength = 0;
        }
    }

    /// <summary>Whether the line ends an event that has data.</summary>
    private bool TakeLine(ReadOnlySpan<byte> line)
    {
        if (!_begun)
        {
            _begun = true;
            line = line.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? line[3..] : line;
        }

        if (line.IsEmpty)
        {
            _given = _hasData && _dataLength > 0;
            return _given;
        }

        // Some servers answer 200 and then write a bare object or array, an error mostly, where events should be; it may have many lines.
        if (_bare || line[0] is (byte)'{' or (byte)'[')
        {
            _bare = true;
            AddData(line);
            return false;
        }

        var colon = line[..Math.Min(line.Length, MaxFieldName)].IndexOf((byte)':');
        var name = colon < 0 ? line : line[..colon];
        if (name.SequenceEqual("data"u8))
        {
            var value = colon < 0 ? default : line[(colon + 1)..];
            AddData(!value.IsEmpty && value[0] == ' ' ? value[1..] : value);
        }

        return false;
    }

    private void AddData(ReadOnlySpan<byte> value)
    {
        if (_hasData)
        {
            Append(ref _data, ref _dataLength, "\n"u8);
        }

        _hasData = true;
        Append(ref _data, ref _dataLength, value);
    }

    private void Append(ref byte[] buffer, ref int length, ReadOnlySpan<byte> bytes)
    {
        if (length + bytes.Length > maxEventBytes)
        {
            throw new ModelException(ModelFailure.Malformed, $"{provider}: an event of the stream has more than {maxEventBytes} bytes");
        }

        if (length + bytes.Length > buffer.Length)
        {
            Array.Resize(ref buffer, Math.Max(length + bytes.Length, Math.Min(buffer.Length * 2, maxEventBytes)));
        }

        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }
}
