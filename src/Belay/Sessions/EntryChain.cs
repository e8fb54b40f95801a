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
    private const int NumberBytes = 20;
    private readonly byte[] _prefix;

    /// <summary>The chain of one session.</summary>
    public EntryChain(SessionKey session)
    {
        string[] names = [session.Scope.Account, session.Scope.Region, session.HarnessId, session.SessionId];
        _prefix = new byte[1 + names.Sum(Size)];
        _prefix[0] = Version;
        var rest = _prefix.AsSpan(1);
        foreach (var name in names)
        {
            rest = Write(rest, name);
        }
    }

    /// <summary>What the hash of the first entry's predecessor is taken to be.</summary>
    public static ReadOnlyMemory<byte> Start { get; } = new byte[JournalRules.HashBytes];

    /// <summary>An entry's header.</summary>
    public byte[] Header(long sequence, DateTimeOffset at, EntryKind kind, string? actorRef, string keyId, ReadOnlySpan<byte> previousHash)
    {
        var header = new byte[_prefix.Length + NumberBytes + Size(actorRef) + Size(keyId) + previousHash.Length];
        _prefix.CopyTo(header, 0);
        var rest = header.AsSpan(_prefix.Length);
        BinaryPrimitives.WriteInt64BigEndian(rest, sequence);
        BinaryPrimitives.WriteInt64BigEndian(rest[8..], at.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32BigEndian(rest[16..], (int)kind);
        rest = Write(rest[NumberBytes..], actorRef);
        rest = Write(rest, keyId);
        previousHash.CopyTo(rest);
        return header;
    }

    /// <summary>The header of a stored entry.</summary>
    public byte[] Header(StoredEntry entry) =>
        Header(entry.Sequence, entry.At, entry.Kind, entry.ActorRef, entry.KeyId, entry.PreviousHash.Span);

    /// <summary>An entry's hash.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body)
    {
        var length = header.Length + SHA256.HashSizeInBytes;
        Span<byte> both = length <= 1024 ? stackalloc byte[length] : new byte[length];
        header.CopyTo(both);
        SHA256.HashData(body, both[header.Length..]);
        return SHA256.HashData(both);
    }

    private static int Size(string? text) => sizeof(int) + (text is null ? 0 : Encoding.UTF8.GetByteCount(text));

    /// <summary>Writes a text and answers what is left behind it.</summary>
    private static Span<byte> Write(Span<byte> rest, string? text)
    {
        var length = text is null ? -1 : Encoding.UTF8.GetBytes(text, rest[sizeof(int)..]);
        BinaryPrimitives.WriteInt32BigEndian(rest, length);
        return rest[(sizeof(int) + Math.Max(length, 0))..];
    }
}
