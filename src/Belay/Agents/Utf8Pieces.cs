using System.Text;

namespace Belay.Agents;

/// <summary>Cuts text for frames and for tool results, never inside a character.</summary>
public static class Utf8Pieces
{
    /// <summary>Largest text of one frame.</summary>
    public const int FrameBytes = 64 * 1024;

    // A character that JSON escapes takes six bytes of a frame; what a frame holds then bounds a piece, not the text itself.
    private const int EscapedBytes = 6;
    private const int FrameRoom = 240 * 1024;

    /// <summary>Pieces of at most <paramref name="maxBytes"/> of UTF-8 each, in order; none for an empty text.</summary>
    public static IEnumerable<string> Split(string text, int maxBytes = FrameBytes)
    {
        // Three bytes are the most that one UTF-16 unit becomes, six the most in a frame; most texts need no counting.
        return !IsOnePiece(text, maxBytes) ? Cut(text, maxBytes) : text.Length > 0 ? [text] : [];
    }

    /// <summary>Whether a text fits one piece without being counted; a longer one may.</summary>
    public static bool IsOnePiece(string text, int maxBytes = FrameBytes) => text.Length <= Math.Min(maxBytes / 3, FrameRoom / EscapedBytes);

    /// <summary>The text when it fits; otherwise its beginning and end around a notice of what is missing.</summary>
    public static string CutMiddle(string text, int maxBytes)
    {
        var bytes = Encoding.UTF8.GetByteCount(text);
        if (bytes <= maxBytes)
        {
            return text;
        }

        var head = Fit(text, 0, maxBytes / 2, int.MaxValue);
        var kept = FitBackward(text, head, maxBytes / 2);
        var missing = bytes - Encoding.UTF8.GetByteCount(text.AsSpan(0, head)) - Encoding.UTF8.GetByteCount(text.AsSpan(text.Length - kept));
        return $"{text.AsSpan(0, head)}\n[… {missing} bytes removed …]\n{text.AsSpan(text.Length - kept)}";
    }

    private static IEnumerable<string> Cut(string text, int maxBytes)
    {
        var start = 0;
        while (start < text.Length)
        {
            var length = Fit(text, start, maxBytes, FrameRoom);
            yield return text.Substring(start, length);
            start += length;
        }
    }

    private static int Fit(string text, int start, int maxBytes, int frameRoom)
    {
        var bytes = 0;
        var escaped = 0L;
        var index = start;
        while (index < text.Length)
        {
            var pair = char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]);
            var size = pair ? 4 : text[index] < 0x80 ? 1 : text[index] < 0x800 ? 2 : 3;
            var room = char.IsAsciiLetterOrDigit(text[index]) || text[index] == ' ' ? 1 : EscapedBytes * (pair ? 2 : 1);
            if (bytes + size > maxBytes || escaped + room > frameRoom)
            {
                break;
            }

            bytes += size;
            escaped += room;
            index += pair ? 2 : 1;
        }

        return index - start;
    }

    private static int FitBackward(string text, int floor, int maxBytes)
    {
        var bytes = 0;
        var index = text.Length;
        while (index > floor)
        {
            var pair = char.IsLowSurrogate(text[index - 1]) && index - 2 >= floor && char.IsHighSurrogate(text[index - 2]);
            var size = pair ? 4 : text[index - 1] < 0x80 ? 1 : text[index - 1] < 0x800 ? 2 : 3;
            if (bytes + size > maxBytes)
            {
                break;
            }

            bytes += size;
            index -= pair ? 2 : 1;
        }

        return text.Length - index;
    }
}
