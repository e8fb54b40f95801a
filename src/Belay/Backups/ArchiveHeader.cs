using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Backups;

/// <summary>
/// What stands in clear at the beginning of an archive: eight letters that name the format, the salt and the rounds with which the
/// passphrase became the key. Every chunk authenticates it.
/// </summary>
internal static class ArchiveHeader
{
    /// <summary>Bytes of a header.</summary>
    public const int Length = 8 + SaltBytes + 4;

    /// <summary>PBKDF2 rounds of new archives.</summary>
    private const int Rounds = 600_000;

    private const int FewestRounds = 100_000;
    private const int MostRounds = 10_000_000;
    private const int SaltBytes = 16;
    private const int KeyBytes = 32;

    private static ReadOnlySpan<byte> Magic => "BELAYBK1"u8;

    /// <summary>The header of a new archive.</summary>
    public static byte[] Create()
    {
        var header = new byte[Length];
        Magic.CopyTo(header);
        RandomNumberGenerator.Fill(header.AsSpan(8, SaltBytes));
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8 + SaltBytes), Rounds);
        return header;
    }

    /// <summary>The key of an archive: of its own, because its salt is.</summary>
    /// <exception cref="BackupException">It is no header of an archive that can be read here.</exception>
    public static byte[] KeyOf(ReadOnlySpan<byte> header, string passphrase)
    {
        if (!header.StartsWith(Magic))
        {
            throw new BackupException(header.StartsWith("BELAYBK"u8) ? "The archive was written by a newer version of Belay." : "The file is no backup of Belay.");
        }

        var rounds = BinaryPrimitives.ReadInt32BigEndian(header[(8 + SaltBytes)..]);
        if (rounds is < FewestRounds or > MostRounds)
        {
            throw new BackupException("The archive is damaged: its header is not one that Belay writes.");
        }

        return Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(passphrase), header.Slice(8, SaltBytes), rounds, HashAlgorithmName.SHA256, KeyBytes);
    }
}
