using System.Security.Cryptography;

namespace Belay.Identity;

/// <summary>
/// AES-256-GCM with a random 96-bit nonce: one version byte, the nonce, the ciphertext, the 128-bit tag. A random nonce, not a
/// counter, because one key serves many sessions and a crash can lose the newest counter value; NIST SP 800-38D allows 2^32
/// messages under one key that way.
/// </summary>
public static class SealedBox
{
    private const byte Version = 1;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <summary>Bytes that sealing adds.</summary>
    public const int Overhead = 1 + NonceBytes + TagBytes;

    /// <summary>Encrypts; <paramref name="context"/> is authenticated, not stored.</summary>
    public static byte[] Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context)
    {
        using var aes = Cipher(key);
        return Seal(aes, plain, context);
    }

    /// <summary>The cipher of a key, for whoever seals and opens often; one thread at a time may use it.</summary>
    internal static AesGcm Cipher(ReadOnlySpan<byte> key) => new(key, TagBytes);

    /// <summary>Encrypts with a cipher of <see cref="Cipher"/>.</summary>
    internal static byte[] Seal(AesGcm aes, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context)
    {
        var box = new byte[plain.Length + Overhead];
        box[0] = Version;
        var nonce = box.AsSpan(1, NonceBytes);
        Nonces.Next(nonce);
        aes.Encrypt(nonce, plain, box.AsSpan(1 + NonceBytes, plain.Length), box.AsSpan(box.Length - TagBytes), context);
        return box;
    }

    /// <summary>Decrypts; throws <see cref="CryptographicException"/> when bytes, key or context are not those that were sealed.</summary>
    public static byte[] Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> box, ReadOnlySpan<byte> context)
    {
        var plain = new byte[Math.Max(0, box.Length - Overhead)];
        Open(key, box, context, plain);
        return plain;
    }

    /// <summary>The same into memory of the caller's, of at least the box's length without <see cref="Overhead"/>; answers how many bytes it is.</summary>
    public static int Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, Span<byte> plain)
    {
        using var aes = Cipher(key);
        return Open(aes, box, context, plain);
    }

    /// <summary>The same with a cipher of <see cref="Cipher"/>.</summary>
    internal static int Open(AesGcm aes, ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, Span<byte> plain)
    {
        if (box.Length < Overhead || box[0] != Version)
        {
            throw new CryptographicException("The sealed bytes are damaged: wrong length or version.");
        }

        var length = box.Length - Overhead;
        aes.Decrypt(box.Slice(1, NonceBytes), box.Slice(1 + NonceBytes, length), box[^TagBytes..], plain[..length], context);
        return length;
    }

    // Asking the system's generator costs more than sealing a short body, so each thread asks for many nonces at once. Each is used once.
    private static class Nonces
    {
        private const int AtOnce = 64;

        [ThreadStatic]
        private static byte[]? _block;

        [ThreadStatic]
        private static int _left;

        public static void Next(Span<byte> nonce)
        {
            var block = _block ??= new byte[AtOnce * NonceBytes];
            if (_left == 0)
            {
                RandomNumberGenerator.Fill(block);
                _left = block.Length;
            }

            _left -= NonceBytes;
            block.AsSpan(_left, NonceBytes).CopyTo(nonce);
        }
    }
}
