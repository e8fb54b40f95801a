using System.Security.Cryptography;
using System.Text;

namespace Belay.Bundles;

/// <summary>
/// The digests of a bundle's lines. A line is 64 hex digits, a blank and JSON; the digits are the SHA-256 over the digest of the line before and the
/// JSON, so that the first line that was changed, cut or moved is known. The last line is signed: whoever changes more has to sign anew.
/// </summary>
internal sealed class BundleChain
{
    public const int DigestCharacters = 64;
    private static readonly byte[] Begin = SHA256.HashData(Encoding.ASCII.GetBytes("belay session bundle"));
    private byte[] _digest = Begin;

    /// <summary>The digest of the newest line.</summary>
    public ReadOnlySpan<byte> Digest => _digest;

    /// <summary>Takes the JSON of the next line; answers its digits.</summary>
    public string Add(ReadOnlySpan<byte> json)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_digest);
        hash.AppendData(json);
        _digest = hash.GetHashAndReset();
        return Convert.ToHexStringLower(_digest);
    }
}
