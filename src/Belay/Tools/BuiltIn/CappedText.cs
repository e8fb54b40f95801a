using System.Buffers;
using System.Globalization;
using System.Text;

namespace Belay.Tools.BuiltIn;

/// <summary>
/// Keeps the beginning and the end of a stream of bytes in bounded memory, and says in between how much is missing: the beginning
/// tells what was done, the end how it went.
/// </summary>
internal sealed class CappedText(int limit)
{
    private readonly int _tailLength = limit - (limit / 2);
    private readonly ArrayBufferWriter<byte> _head = new();
    private byte[] _tail = [];
    private long _tailed;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var room = Math.Min((limit / 2) - _head.WrittenCount, bytes.Length);
        _head.Write(bytes[..room]);
        bytes = bytes[room..];
        if (bytes.IsEmpty)
        {
            return;
        }

        // The tail is a ring; of a long piece only the last bytes can matter.
        _tail = _tail.Length == 0 ? new byte[_tailLength] : _tail;
        var skipped = Math.Max(bytes.Length - _tailLength, 0);
        _tailed += skipped;
        bytes = bytes[skipped..];
        while (!bytes.IsEmpty)
        {
            var at = (int)(_tailed % _tailLength);
            var count = Math.Min(bytes.Length, _tailLength - at);
            bytes[..count].CopyTo(_tail.AsSpan(at));
            bytes = bytes[count..];
            _tailed += count;
        }
    }

    public override string ToString()
    {
        var head = _head.WrittenSpan;
        if (_tailed <= _tailLength)
        {
            return Encoding.UTF8.GetString([.. head, .. _tail.AsSpan(0, (int)_tailed)]);
        }

        // Cut between characters: a half one at either side of the gap belongs to what is missing.
        var start = (int)(_tailed % _tailLength);
        byte[] tail = [.. _tail.AsSpan(start), .. _tail.AsSpan(0, start)];
        var headLength = WholeCharacters(head);
        var tailStart = 0;
        while (tailStart < 3 && (tail[tailStart] & 0xC0) == 0x80)
        {
            tailStart++;
        }

        var missing = (head.Length - headLength) + (_tailed - _tailLength) + tailStart;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Encoding.UTF8.GetString(head[..headLength])}\n[… {missing} bytes of output left out here …]\n{Encoding.UTF8.GetString(tail.AsSpan(tailStart))}");
    }

    private static int WholeCharacters(ReadOnlySpan<byte> text)
    {
        // Steps back over at most one unfinished character.
        for (var back = 1; back <= Math.Min(3, text.Length); back++)
        {
            var lead = text[^back];
            if ((lead & 0xC0) != 0x80)
            {
                var needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
                return needed > back ? text.Length - back : text.Length;
            }
        }

        return text.Length;
    }
}
