using System.Text;

namespace Belay.Sandboxes;

/// <summary>
/// Turns a stream of bytes into texts. A character that is split over pieces waits for its rest; bytes that are no UTF-8 become
/// U+FFFD, as many for the whole as for any way of cutting it.
/// </summary>
public sealed class Utf8Chunker
{
    // Every byte may become a replacement of three.
    private const int Slice = 64 * 1024 / 3;

    private readonly Decoder _decoder = new UTF8Encoding(false).GetDecoder();

    /// <summary>The texts that a piece completes; each at most 64 KiB in UTF-8, none empty.</summary>
    public IEnumerable<string> Take(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var text = Decode(bytes.Span[..Math.Min(bytes.Length, Slice - 4)], end: false);
            bytes = bytes[Math.Min(bytes.Length, Slice - 4)..];
            if (text.Length > 0)
            {
                yield return text;
            }
        }
    }

    /// <summary>What is left when nothing follows; often empty.</summary>
    public string End() => Decode([], end: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool end)
    {
        Span<char> characters = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length)];
        var count = _decoder.GetChars(bytes, characters, end);
        return new string(characters[..count]);
    }
}
