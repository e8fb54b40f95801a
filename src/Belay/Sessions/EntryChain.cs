using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Sessions;

/// <summary>
/// The clear header of an entry as bytes, and the chain over them. The header is what sealing authenticates, so a body cannot move
/// to another entry, and what hashing begins with; the hash takes the digest of the stored body, so the chain can be verified
/// when the key is gone.
/// </summary>
/// <remarks>Header, big-endian: version byte 1; account, region, harness id, session id; sequence and Unix milliseconds (8 bytes
/// each), kind (4); actor reference, key id; hash of the entry before (32). A text is its length in bytes (4) and UTF-8; a
/// missing one has length -1. Hash: SHA-256 over the header and the SHA-256 of the stored body.</remarks>
public sealed class EntryChain
{
    private const byte Version = 1;
    private readonly byte[] _prefix;

    /// <summary>The chain of one session.</summary>
    public EntryChain(SessionKey session)
    {
        var prefix = new ArrayBufferWriter<byte>(256);
        prefix.Write([Version]);
        Write(prefix, session.Scope.Account);
        Write(prefix, session.Scope.Region);
        Write(prefix, session.HarnessId);
        Write(prefix, session.SessionId);
        _prefix = prefix.WrittenSpan.ToArray();
    }

    /// <summary>What the hash of the first entry's predecessor is taken to be.</summary>
    public static ReadOnlyMemory<byte> Start { get; } = new byte[JournalRules.HashBytes];

    /// <summary>An entry's header.</summary>
    public byte[] Header(long sequence, DateTimeOffset at, EntryKind kind, string? actorRef, string keyId, ReadOnlySpan<byte> previousHash)
    {
        var header = new ArrayBufferWriter<byte>(_prefix.Length + 160);
        header.Write(_prefix);
        Span<byte> numbers = stackalloc byte[20];
        BinaryPrimitives.WriteInt64BigEndian(numbers, sequence);
        BinaryPrimitives.WriteInt64BigEndian(numbers[8..], at.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32BigEndian(numbers[16..], (int)kind);
        header.Write(numbers);
        Write(header, actorRef);
        Write(header, keyId);
        header.Write(previousHash);
        return header.WrittenSpan.ToArray();
    }

    /// <summary>The header of a stored entry.</summary>
    public byte[] Header(StoredEntry entry) =>
        Header(entry.Sequence, entry.At, entry.Kind, entry.ActorRef, entry.KeyId, entry.PreviousHash.Span);

    /// <summary>An entry's hash.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, digest);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(header);
        hash.AppendData(digest);
        return hash.GetHashAndReset();
    }

    private static void Write(ArrayBufferWriter<byte> buffer, string? text)
    {
        var length = text is null ? -1 : Encoding.UTF8.GetByteCount(text);
        BinaryPrimitives.WriteInt32BigEndian(buffer.GetSpan(sizeof(int)), length);
        buffer.Advance(sizeof(int));
        if (text is not null)
        {
            buffer.Advance(Encoding.UTF8.GetBytes(text, buffer.GetSpan(length)));
        }
    }
}
