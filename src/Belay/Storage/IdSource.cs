namespace Belay.Storage;

/// <summary>Where ids and chance come from; seeded in tests, cryptographic in production.</summary>
public abstract class IdSource
{
    private const string Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>The operating system's random source.</summary>
    public static IdSource System { get; } = new SystemIdSource();

    /// <summary>Fills a span with random bytes.</summary>
    public abstract void Fill(Span<byte> bytes);

    /// <summary>A random version 4 UUID, lower case.</summary>
    public string NewUuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }

    /// <summary>Random letters and digits.</summary>
    public string NewAlphanumeric(int length) => string.Create(length, this, static (span, source) =>
    {
        // 248 = 4 × 62: bytes above it are drawn again, so that every character is equally likely.
        Span<byte> one = stackalloc byte[1];
        for (var i = 0; i < span.Length; i++)
        {
            do
            {
                source.Fill(one);
            }
            while (one[0] >= 248);
            span[i] = Alphanumeric[one[0] % 62];
        }
    });

    private sealed class SystemIdSource : IdSource
    {
        public override void Fill(Span<byte> bytes) => global::System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
    }
}
