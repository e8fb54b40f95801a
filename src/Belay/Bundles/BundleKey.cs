using System.Security.Cryptography;
using System.Text;
using Belay.Identity;

namespace Belay.Bundles;

/// <summary>
/// The key that a server signs its bundles with: ECDSA P-256, made at first use and kept sealed in the data directory. Its fingerprint is what
/// whoever imports a bundle may insist on.
/// </summary>
public sealed class BundleKey : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "bundle.key";

    internal static readonly byte[] Context = Encoding.UTF8.GetBytes(FileName);
    private readonly Lazy<ECDsa> _key;
    private readonly Lazy<byte[]> _publicKey;

    // Whoever exports no session needs no elliptic curve, and its library takes a while to wake.
    private BundleKey(byte[] pkcs8)
    {
        _key = new(() =>
        {
            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(pkcs8, out _);
            CryptographicOperations.ZeroMemory(pkcs8);
            return key;
        });
        _publicKey = new(() => _key.Value.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The public half, as SubjectPublicKeyInfo.</summary>
    public byte[] PublicKey => _publicKey.Value;

    /// <summary>The beginning of its SHA-256 in groups of four hex digits.</summary>
    public string Fingerprint => FingerprintOf(PublicKey);

    /// <summary>Reads the key of a data directory, or makes it.</summary>
    /// <exception cref="InvalidDataException">The file is not a key of this directory.</exception>
    public static BundleKey LoadOrCreate(string dataDirectory, MasterKey master)
    {
        var path = Path.Combine(dataDirectory, FileName);
        if (!File.Exists(path))
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var temporary = $"{path}.{RandomNumberGenerator.GetHexString(8)}";
            PrivateFile.Write(temporary, FileMode.CreateNew, master.Seal(key.ExportPkcs8PrivateKey(), Context));
            PrivateFile.TryPublish(temporary, path);
            PrivateFile.SyncDirectory(dataDirectory);
        }

        try
        {
            return new(master.Open(File.ReadAllBytes(path), Context));
        }
        catch (CryptographicException cause)
        {
            throw new InvalidDataException($"{path} is not a key that this data directory sealed.", cause);
        }
    }

    /// <summary>Names a public key.</summary>
    public static string FingerprintOf(ReadOnlySpan<byte> publicKey) =>
        string.Join(':', Convert.ToHexStringLower(SHA256.HashData(publicKey).AsSpan(0, 16)).Chunk(4).Select(group => new string(group)));

    /// <summary>Signs a digest.</summary>
    public byte[] Sign(ReadOnlySpan<byte> digest) => _key.Value.SignHash(digest);

    /// <summary>Whether a public key signed a digest.</summary>
    internal static bool Verifies(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> digest, ReadOnlySpan<byte> signature)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(publicKey, out var read);
            return read == publicKey.Length && key.KeySize == 256 && key.VerifyHash(digest, signature);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_key.IsValueCreated)
        {
            _key.Value.Dispose();
        }
    }

    /// <summary>Shows no key material.</summary>
    public override string ToString() => Fingerprint;
}
