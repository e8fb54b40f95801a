using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Verification;

/// <summary>
/// Signed heads as bytes, big-endian. A file is a header and batches. Header: <c>BELAYHD1</c>, Unix milliseconds of the first signature (8), random
/// bytes (16). Batch: length of its content (4), content, HMAC-SHA-256 over the MAC before, length and content; before the first stands the
/// MAC of the header. Content: kind (1), batch number (8), Unix milliseconds (8), count (4), heads. Head: session number (8), sequence (8), hash
/// (32), account, region, harness id, session id; a text is its length in bytes (2) and UTF-8.
/// </summary>
internal static class HeadsFormat
{
    public const int HeaderBytes = 32;
    public const int LengthBytes = 4;

    /// <summary>Heads in one batch; a batch of the longest names stays far below <see cref="MostContent"/>.</summary>
    public const int MostHeads = 512;

    /// <summary>Bytes of content that a reader takes.</summary>
    public const int MostContent = 4 * 1024 * 1024;

    /// <summary>Bytes of a content without heads.</summary>
    public const int FixedContent = 21;

    private const int FixedHead = 16 + JournalRules.HashBytes;

    private static ReadOnlySpan<byte> Magic => "BELAYHD1"u8;

    public static byte[] Header(DateTimeOffset since)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(8), since.ToUnixTimeMilliseconds());
        RandomNumberGenerator.Fill(header.AsSpan(16));
        return header;
    }

    /// <summary>When the first head was signed; null when this is no header.</summary>
    public static DateTimeOffset? Since(ReadOnlySpan<byte> header) =>
        header.Length == HeaderBytes && header.StartsWith(Magic) ? Time(BinaryPrimitives.ReadInt64BigEndian(header[8..])) : null;

    public static byte[] Mac(byte[] key, ReadOnlySpan<byte> before, ReadOnlySpan<byte> bytes)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        mac.AppendData(before);
        mac.AppendData(bytes);
        return mac.GetHashAndReset();
    }

    /// <summary>A batch as it is stored, its MAC last.</summary>
    public static byte[] Write(HeadsBatch batch, byte[] key, ReadOnlySpan<byte> macBefore)
    {
        var content = FixedContent + batch.Heads.Sum(Size);
        var bytes = new byte[LengthBytes + content + HMACSHA256.HashSizeInBytes];
        BinaryPrimitives.WriteInt32BigEndian(bytes, content);
        var rest = bytes.AsSpan(LengthBytes);
        rest[0] = (byte)batch.Kind;
        BinaryPrimitives.WriteInt64BigEndian(rest[1..], batch.Number);
        BinaryPrimitives.WriteInt64BigEndian(rest[9..], batch.At.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32BigEndian(rest[17..], batch.Heads.Count);
        rest = rest[FixedContent..];
        foreach (var head in batch.Heads)
        {
            BinaryPrimitives.WriteInt64BigEndian(rest, head.Number);
            BinaryPrimitives.WriteInt64BigEndian(rest[8..], head.Sequence);
            head.Hash.Span.CopyTo(rest[16..]);
            rest = rest[FixedHead..];
            foreach (var name in Names(head.Session))
            {
                var length = Encoding.UTF8.GetBytes(name, rest[2..]);
                BinaryPrimitives.WriteUInt16BigEndian(rest, checked((ushort)length));
                rest = rest[(2 + length)..];
            }
        }

        Mac(key, macBefore, bytes.AsSpan(0, LengthBytes + content)).CopyTo(rest);
        return bytes;
    }

    /// <summary>The batch of a content whose MAC is right.</summary>
    /// <exception cref="InvalidDataException">A later version wrote it.</exception>
    public static HeadsBatch Read(ReadOnlySpan<byte> content)
    {
        if (content.Length < FixedContent || content[0] > (byte)HeadsBatchKind.Closing)
        {
            throw new InvalidDataException("The signed heads have a form that is not known here.");
        }

        var heads = new SignedHead[BinaryPrimitives.ReadInt32BigEndian(content[17..])];
        var rest = content[FixedContent..];
        for (var i = 0; i < heads.Length; i++)
        {
            var (number, sequence, hash) = (BinaryPrimitives.ReadInt64BigEndian(rest), BinaryPrimitives.ReadInt64BigEndian(rest[8..]), rest[16..FixedHead].ToArray());
            rest = rest[FixedHead..];
            var (account, region, harness, session) = (Text(ref rest), Text(ref rest), Text(ref rest), Text(ref rest));
            heads[i] = new(number, new(new Scope(account, region), harness, session), sequence, hash);
        }

        return new(BinaryPrimitives.ReadInt64BigEndian(content[1..]), Time(BinaryPrimitives.ReadInt64BigEndian(content[9..])), (HeadsBatchKind)content[0], heads);
    }

    private static string[] Names(SessionKey session) => [session.Scope.Account, session.Scope.Region, session.HarnessId, session.SessionId];

    private static int Size(SignedHead head) => FixedHead + Names(head.Session).Sum(name => 2 + Encoding.UTF8.GetByteCount(name));

    private static string Text(ref ReadOnlySpan<byte> rest)
    {
        var end = 2 + BinaryPrimitives.ReadUInt16BigEndian(rest);
        var text = Encoding.UTF8.GetString(rest[2..end]);
        rest = rest[end..];
        return text;
    }

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
