using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// The access keys of a data directory: one small file, sealed with the master key, replaced as a whole. Other processes may
/// change it while a server runs; the server sees the change within a second. Safe for concurrent use.
/// </summary>
public sealed class AccessKeys
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "access-keys";

    /// <summary>What every key id begins with.</summary>
    public const string Prefix = "BELAY";

    /// <summary>What the file is sealed for, and whoever changes it holds the lock of.</summary>
    internal static ReadOnlySpan<byte> Context => "access-keys"u8;

    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int IdLength = 20;
    private const int SecretLength = 40;
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(5);
    private readonly string _path;
    private readonly MasterKey _masterKey;
    private readonly TimeProvider _time;
    private readonly IdSource _ids;
    private readonly Lock _gate = new();
    private volatile Snapshot _snapshot;
    private long _lookedAt;

    private AccessKeys(string path, MasterKey masterKey, TimeProvider time, IdSource ids)
    {
        _path = path;
        _masterKey = masterKey;
        _time = time;
        _ids = ids;
        _snapshot = Read();
        _lookedAt = time.GetTimestamp();
    }

    /// <summary>Opens the keys of a data directory; there may be none yet.</summary>
    /// <exception cref="InvalidDataException">The file was damaged, or sealed with another master key.</exception>
    public static AccessKeys Open(string dataDirectory, MasterKey masterKey, TimeProvider time, IdSource ids) =>
        new(Path.Combine(dataDirectory, FileName), masterKey, time, ids);

    /// <summary>Makes a key for the account when the directory has never had one; what the first start of a server does.</summary>
    public void EnsureFirst(string account)
    {
        using var held = LockFile();
        if (!File.Exists(_path))
        {
            Add(account, "default");
        }
    }

    /// <summary>Finds a key by its id.</summary>
    public bool TryFind(string id, [MaybeNullWhen(false)] out AccessKey key) => Current().Keys.TryGetValue(id, out key);

    /// <summary>All keys, oldest first.</summary>
    public IReadOnlyList<AccessKey> List() => [.. Current().Keys.Values.OrderBy(key => key.CreatedAt).ThenBy(key => key.Id, StringComparer.Ordinal)];

    /// <summary>Makes a key.</summary>
    public AccessKey Create(string account, string? description)
    {
        if (account.Length != 12 || !account.All(char.IsAsciiDigit))
        {
            throw new ArgumentException($"An account has twelve digits; \"{account}\" has not.", nameof(account));
        }

        using var held = LockFile();
        return Add(account, description);
    }

    /// <summary>Deletes a key unless it is the last one of its account, without which nobody could act in it any more.</summary>
    public KeyDeletion DeleteUnlessLast(string id)
    {
        using var held = LockFile();
        var keys = Read().Keys;
        if (!keys.Remove(id, out var key))
        {
            return KeyDeletion.NotFound;
        }

        return keys.Values.Any(other => other.Account == key.Account) && Write(keys) ? KeyDeletion.Deleted : KeyDeletion.LastOfAccount;
    }

    /// <summary>Deletes a key; false when there is none of that id.</summary>
    public bool Delete(string id)
    {
        using var held = LockFile();
        var keys = Read().Keys;
        return keys.Remove(id) && Write(keys);
    }

    private AccessKey Add(string account, string? description)
    {
        var keys = Read().Keys;
        var key = new AccessKey(NewId(), account, description, _time.GetUtcNow(), _ids.NewAlphanumeric(SecretLength));
        keys.Add(key.Id, key);
        Write(keys);
        return key;
    }

    private string NewId() => string.Create(IdLength, _ids, static (span, ids) =>
    {
        Prefix.CopyTo(span);
        Span<byte> bytes = stackalloc byte[IdLength - 5];
        ids.Fill(bytes);
        for (var i = 0; i < bytes.Length; i++)
        {
            span[Prefix.Length + i] = Alphabet[bytes[i] & 31];
        }
    });

    private Snapshot Current()
    {
        if (_time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) < LookAgainAfter)
        {
            return _snapshot;
        }

        lock (_gate)
        {
            if (_time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) >= LookAgainAfter)
            {
                if (Stamp() != _snapshot.Stamp)
                {
                    _snapshot = Read();
                }

                Interlocked.Exchange(ref _lookedAt, _time.GetTimestamp());
            }

            return _snapshot;
        }
    }

    private (DateTime Written, long Size) Stamp()
    {
        var file = new FileInfo(_path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    private Snapshot Read()
    {
        var stamp = Stamp();
        if (stamp == default)
        {
            return new Snapshot(stamp, new Dictionary<string, AccessKey>(StringComparer.Ordinal));
        }

        try
        {
            var plain = _masterKey.Open(File.ReadAllBytes(_path), Context);
            var keys = JsonSerializer.Deserialize(plain, AccessKeysJson.Default.ListAccessKey)!;
            CryptographicOperations.ZeroMemory(plain);
            return new Snapshot(stamp, keys.ToDictionary(key => key.Id, StringComparer.Ordinal));
        }
        catch (CryptographicException problem)
        {
            throw new InvalidDataException($"{_path} cannot be opened with {MasterKey.FileName} beside it: one of them was damaged or replaced.", problem);
        }
    }

    private bool Write(Dictionary<string, AccessKey> keys)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes([.. keys.Values], AccessKeysJson.Default.ListAccessKey);
        var temporary = $"{_path}.new";
        PrivateFile.Write(temporary, FileMode.Create, _masterKey.Seal(plain, Context));
        CryptographicOperations.ZeroMemory(plain);
        File.Move(temporary, _path, overwrite: true);
        PrivateFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
        _snapshot = new Snapshot(Stamp(), keys);
        return true;
    }

    // The lock is a file of its own, because the keys' file is replaced. It is held for milliseconds.
    private FileStream LockFile()
    {
        var started = _time.GetTimestamp();
        using var pause = new ManualResetEventSlim();
        while (true)
        {
            try
            {
                return new FileStream($"{_path}.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (_time.GetElapsedTime(started) < LockWait)
            {
                pause.Wait(TimeSpan.FromMilliseconds(10));
            }
        }
    }

    private sealed record Snapshot((DateTime Written, long Size) Stamp, Dictionary<string, AccessKey> Keys);
}

/// <summary>What became of a key that was to be deleted.</summary>
public enum KeyDeletion
{
    /// <summary>It is gone.</summary>
    Deleted,

    /// <summary>There is none of that id.</summary>
    NotFound,

    /// <summary>It is the last one of its account, and stays.</summary>
    LastOfAccount,
}

[JsonSerializable(typeof(List<AccessKey>))]
internal sealed partial class AccessKeysJson : JsonSerializerContext;
