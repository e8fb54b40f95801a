using System.Security.Cryptography;

namespace Belay.Identity;

/// <summary>
/// The key of a data directory: 32 random bytes in <c>master.key</c>, readable by its owner only. It wraps data keys and seals
/// small files; losing it loses everything sealed, so it belongs into a backup of its own. One that took the place of another
/// has 32 bytes more: what the ids of actors are hashed with, which outlives the key that it was first derived from.
/// </summary>
public sealed class MasterKey
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "master.key";

    /// <summary>Name of the file that is to take its place, while it is being replaced.</summary>
    internal const string NextFileName = FileName + ".next";

    private const int KeyBytes = 32;
    private readonly byte[] _key;

    private MasterKey(ReadOnlySpan<byte> bytes)
    {
        _key = bytes[..KeyBytes].ToArray();
        LookupKey = bytes.Length > KeyBytes ? bytes[KeyBytes..].ToArray() : Derive("belay actor lookup");
    }

    /// <summary>What the ids of actors are hashed with.</summary>
    internal byte[] LookupKey { get; }

    /// <summary>A key that was kept elsewhere: 32 bytes, which are copied.</summary>
    public static MasterKey FromBytes(ReadOnlySpan<byte> key) => key.Length == KeyBytes
        ? new MasterKey(key)
        : throw new ArgumentException($"A master key has {KeyBytes} bytes, not {key.Length}.", nameof(key));

    /// <summary>Reads the key of a data directory; null when there is none yet.</summary>
    /// <exception cref="InvalidDataException">The file is not a master key, others may read it, or it is being replaced.</exception>
    public static MasterKey? TryLoad(string dataDirectory) => File.Exists(Path.Combine(dataDirectory, NextFileName))
        ? throw new InvalidDataException($"{Path.Combine(dataDirectory, FileName)} is being replaced, and that was cut off; finish it with: belay keys rotate --data {dataDirectory}")
        : Read(dataDirectory, FileName);

    /// <summary>Reads the key of a data directory, and the one that is to take its place; null when none is.</summary>
    /// <exception cref="InvalidDataException">There is no key, or one of the two is none or may be read by others.</exception>
    internal static (MasterKey Old, MasterKey? Next) LoadToReplace(string dataDirectory) =>
        (Read(dataDirectory, FileName) ?? throw new InvalidDataException($"{dataDirectory} holds no {FileName}."), Read(dataDirectory, NextFileName));

    /// <summary>Makes a key that is to take the place of this one, which nothing but its replacement can load from then on.</summary>
    internal MasterKey MakeNext(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, NextFileName);
        var temporary = $"{path}.{RandomNumberGenerator.GetHexString(8)}";
        PrivateFile.Write(temporary, FileMode.CreateNew, [.. RandomNumberGenerator.GetBytes(KeyBytes), .. LookupKey]);
        PrivateFile.TryPublish(temporary, path);
        PrivateFile.SyncDirectory(dataDirectory);
        return Read(dataDirectory, NextFileName)!; // It was just made.
    }

    /// <summary>Puts the next key in the place of the old one. From then on the old one is gone.</summary>
    internal static void Replace(string dataDirectory)
    {
        File.Move(Path.Combine(dataDirectory, NextFileName), Path.Combine(dataDirectory, FileName), overwrite: true);
        PrivateFile.SyncDirectory(dataDirectory);
    }

    private static MasterKey? Read(string dataDirectory, string name)
    {
        var path = Path.Combine(dataDirectory, name);
        if (!File.Exists(path))
        {
            return null;
        }

        var shared = File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (shared != 0)
        {
            throw new InvalidDataException($"{path} may be read by others; run: chmod 600 {path}");
        }

        var key = File.ReadAllBytes(path);
        return key.Length is KeyBytes or 2 * KeyBytes
            ? new MasterKey(key)
            : throw new InvalidDataException($"{path} is not a master key: it has {key.Length} bytes, not {KeyBytes} or {2 * KeyBytes}.");
    }

    /// <summary>Reads the key of a data directory, making directory and key when there are none. Safe when two processes race:
    /// the file appears complete or not at all, and the first one wins.</summary>
    public static MasterKey LoadOrCreate(string dataDirectory)
    {
        Directory.CreateDirectory(dataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (TryLoad(dataDirectory) is { } existing)
        {
            return existing;
        }

        var path = Path.Combine(dataDirectory, FileName);
        var temporary = $"{path}.{RandomNumberGenerator.GetHexString(8)}";
        PrivateFile.Write(temporary, FileMode.CreateNew, RandomNumberGenerator.GetBytes(KeyBytes));
        PrivateFile.TryPublish(temporary, path);
        PrivateFile.SyncDirectory(dataDirectory);

        return TryLoad(dataDirectory)!;
    }

    /// <summary>Seals bytes with the master key itself.</summary>
    public byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context) => SealedBox.Seal(_key, plain, context);

    /// <summary>Opens what <see cref="Seal"/> made.</summary>
    public byte[] Open(ReadOnlySpan<byte> box, ReadOnlySpan<byte> context) => SealedBox.Open(_key, box, context);

    /// <summary>A key derived for one purpose (HKDF-SHA-256), such as signing pagination tokens.</summary>
    public byte[] Derive(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, KeyBytes, info: System.Text.Encoding.UTF8.GetBytes(purpose));

    /// <summary>Shows no key material.</summary>
    public override string ToString() => nameof(MasterKey);
}
