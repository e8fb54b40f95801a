using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Identity;

/// <summary>
/// Compact JWE (RFC 7516) of one kind: the content key is shared (<c>dir</c>), the cipher is A256GCM. Its protected header is always the same,
/// so that a reader has no algorithm to choose and nothing of a stranger's to parse before the tag has been checked. Pure, but for the nonce.
/// </summary>
public static class CompactJwe
{
    private const string Header = """{"alg":"dir","enc":"A256GCM"}""";
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private static readonly string EncodedHeader = Base64Url.EncodeToString(Encoding.ASCII.GetBytes(Header));
    private static readonly byte[] Authenticated = Encoding.ASCII.GetBytes(EncodedHeader);

    /// <summary>Encrypts with a key of 256 bits and a fresh random nonce.</summary>
    public static string Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Span<byte> tag = stackalloc byte[TagBytes];
        RandomNumberGenerator.Fill(nonce);
        var cipherText = new byte[plain.Length];
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(nonce, plain, cipherText, tag, Authenticated);
        return $"{EncodedHeader}..{Base64Url.EncodeToString(nonce)}.{Base64Url.EncodeToString(cipherText)}.{Base64Url.EncodeToString(tag)}";
    }

    /// <summary>Decrypts; null when the text is not one that <see cref="Seal"/> made with this key.</summary>
    public static byte[]? Open(ReadOnlySpan<byte> key, string text)
    {
        if (text.Split('.') is not [var header, "", var nonceText, var cipherText, var tagText] || header != EncodedHeader
            || Decode(nonceText) is not { Length: NonceBytes } nonce || Decode(cipherText) is not { } sealedBytes || Decode(tagText) is not { Length: TagBytes } tag)
        {
            return null;
        }

        var plain = new byte[sealedBytes.Length];
        using var aes = new AesGcm(key, TagBytes);
        try
        {
            aes.Decrypt(nonce, sealedBytes, tag, plain, Authenticated);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    private static byte[]? Decode(string text)
    {
        try
        {
            var bytes = Base64Url.DecodeFromChars(text);

            // One text for one token: no padding, no white space, no stray bits.
            return Base64Url.EncodeToString(bytes) == text ? bytes : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
