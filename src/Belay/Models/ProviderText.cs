using System.Text;
using System.Text.Json;

namespace Belay.Models;

/// <summary>
/// Strings of a provider's JSON, kept whole where the provider cuts them badly: some split a character's two UTF-16 halves over
/// two chunks, some send bytes that are no UTF-8. The framework's reader refuses both.
/// </summary>
internal static class ProviderText
{
    /// <summary>The string at the reader; null when the value is no string. Halves of characters may stand at its ends.</summary>
    public static string? Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.String)
        {
            return null;
        }

        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return Unescape(reader.ValueSpan);
        }
    }

    /// <summary>
    /// Puts a piece behind what was held back, and holds back a first half at its end. The result is valid UTF-16: halves without
    /// their other half become U+FFFD.
    /// </summary>
    public static string Join(ref char held, string piece)
    {
        if (piece.Length == 0)
        {
            return piece;
        }

        if (held != default)
        {
            piece = held + piece;
            held = default;
        }

        if (char.IsHighSurrogate(piece[^1]))
        {
            held = piece[^1];
            piece = piece[..^1];
        }

        return piece.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Repair(piece) : piece;
    }

    private static string Repair(string text)
    {
        var repaired = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            repaired.Append(rune);
        }

        return repaired.ToString();
    }

    /// <summary>The reader has checked the escapes; only what they mean can be wrong.</summary>
    private static string Unescape(ReadOnlySpan<byte> json)
    {
        var text = new StringBuilder(json.Length);
        while (!json.IsEmpty)
        {
            var plain = json.IndexOf((byte)'\\');
            plain = plain < 0 ? json.Length : plain;
            text.Append(Encoding.UTF8.GetString(json[..plain]));
            json = json[plain..];
            if (json.Length < 2)
            {
                break;
            }

            if (json[1] == 'u' && json.Length >= 6)
            {
                text.Append((char)Convert.ToUInt16(Encoding.ASCII.GetString(json.Slice(2, 4)), 16));
                json = json[6..];
                continue;
            }

            text.Append((char)json[1] switch
            {
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                var other => other,
            });
            json = json[2..];
        }

        return text.ToString();
    }
}
