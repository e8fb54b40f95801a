using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Belay.Contracts.Faults;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Server.Wire;

/// <summary>
/// Continuation tokens that only this server can have made: position and expiry under an HMAC that also covers account, region,
/// operation and parameters, so that a token is of use for the very list it came from.
/// </summary>
public sealed class PaginationTokens(MasterKey masterKey, TimeProvider time) : IPageTokens
{
    /// <summary>How long a token is valid.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const int MacBytes = HMACSHA256.HashSizeInBytes;
    private const int LongestToken = 2048;
    private readonly byte[] _key = masterKey.Derive("pagination tokens");

    /// <summary>Makes a token.</summary>
    /// <param name="scope">Whose list it is.</param>
    /// <param name="operation">Operation that lists.</param>
    /// <param name="parameters">What selects the list, in one form; the page size is no part of it.</param>
    /// <param name="position">Where the next page begins; at most 1,400 bytes of UTF-8.</param>
    public string Issue(Scope scope, string operation, string parameters, string position)
    {
        var text = Encoding.UTF8.GetBytes(position);
        var token = new byte[sizeof(long) + text.Length + MacBytes];
        BinaryPrimitives.WriteInt64BigEndian(token, (time.GetUtcNow() + Lifetime).ToUnixTimeSeconds());
        text.CopyTo(token.AsSpan(sizeof(long)));
        Mac(scope, operation, parameters, token.AsSpan(0, token.Length - MacBytes)).CopyTo(token.AsSpan(token.Length - MacBytes));
        var encoded = Base64Url.EncodeToString(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(encoded.Length, LongestToken, nameof(position));
        return encoded;
    }

    /// <summary>The position of a token; throws the fault on <c>nextToken</c> when it is not one of ours for this list, or too old.</summary>
    public string Read(Scope scope, string operation, string parameters, string token)
    {
        var bytes = Decode(token);
        if (bytes.Length < sizeof(long) + MacBytes
            || !CryptographicOperations.FixedTimeEquals(Mac(scope, operation, parameters, bytes.AsSpan(0, bytes.Length - MacBytes)), bytes.AsSpan(bytes.Length - MacBytes)))
        {
            throw Refused("is not a token that this list has given");
        }

        return BinaryPrimitives.ReadInt64BigEndian(bytes) >= time.GetUtcNow().ToUnixTimeSeconds()
            ? Encoding.UTF8.GetString(bytes.AsSpan(sizeof(long)..^MacBytes))
            : throw Refused("has expired; begin the list again");
    }

    private static byte[] Decode(string token)
    {
        try
        {
            return token.Length <= LongestToken ? Base64Url.DecodeFromChars(token) : [];
        }
        catch (FormatException)
        {
            return [];
        }
    }

    private byte[] Mac(Scope scope, string operation, string parameters, ReadOnlySpan<byte> content)
    {
        // Each part is preceded by its length, so that no two lists sum the same bytes.
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        foreach (var part in new[] { scope.Account, scope.Region, operation, parameters })
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            mac.AppendData(BitConverter.GetBytes(bytes.Length));
            mac.AppendData(bytes);
        }

        mac.AppendData(content);
        return mac.GetHashAndReset();
    }

    private static ServiceException Refused(string why) => ServiceException.Invalid([new FieldProblem("nextToken", why)]);
}
