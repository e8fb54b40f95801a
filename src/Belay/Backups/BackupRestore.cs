using System.Formats.Tar;
using System.Text.Json;
using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Storage.Trees;
using Belay.Verification;

namespace Belay.Backups;

/// <summary>What was restored.</summary>
/// <param name="Content">Files and bytes.</param>
/// <param name="CreatedAt">When the backup was made.</param>
/// <param name="Sessions">Sessions whose journals were verified.</param>
public sealed record RestoredBackup(BackupContent Content, DateTimeOffset CreatedAt, int Sessions);

/// <summary>
/// Restores an archive into a data directory that is empty or does not exist. Everything is written beside it first and verified there:
/// the seal of every chunk, the digest over all files, the database, the journal of every session. Only then does it become the directory,
/// by one renaming; whatever ends the work before leaves the directory as it was.
/// </summary>
/// <param name="dataDirectory">The directory that it is to become.</param>
/// <param name="time">The clock.</param>
/// <param name="ids">Where ids come from.</param>
public sealed class BackupRestore(string dataDirectory, TimeProvider time, IdSource ids)
{
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int LargestManifest = 64 * 1024;

    private readonly string _target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(dataDirectory));

    // The lock of a restore, and what is to become the directory, side by side.
    private string Staging => _target + ".restoring";

    private string Content => Path.Join(Staging, "data");

    /// <summary>Restores.</summary>
    /// <param name="input">The archive.</param>
    /// <param name="passphrase">What it was sealed with.</param>
    /// <param name="progress">Told the bytes of content so far.</param>
    /// <param name="cancellationToken">Ends it; the directory is as it was then.</param>
    /// <exception cref="BackupException">The archive or the directory cannot be used; nothing was changed.</exception>
    public async Task<RestoredBackup> RunAsync(Stream input, string passphrase, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        ThrowIfTaken();
        await using var archive = await ArchiveReadStream.BeginAsync(input, passphrase, cancellationToken);
        using var held = TakeStaging();
        try
        {
            var tree = new TreePlacement(Content);
            var (content, createdAt) = await ExtractAsync(archive, tree, progress, cancellationToken);
            var sessions = await VerifyAsync(cancellationToken);
            ThrowIfTaken();

            // Last, because what is closed could not be removed.
            tree.Close();
            if (Directory.Exists(_target))
            {
                Directory.Delete(_target);
            }

            Directory.Move(Content, _target);
            return new RestoredBackup(content, createdAt, sessions);
        }
        catch (TreeException cause)
        {
            throw new BackupException(cause.Message, cause);
        }
        catch (StorageException cause)
        {
            throw new BackupException($"What was restored does not open: {cause.Message}", cause);
        }
        finally
        {
            Directory.Delete(Staging, recursive: true);
        }
    }

    /// <summary>Reads an archive to its end and answers when it was made and what it holds; nothing is written.</summary>
    /// <exception cref="BackupException">It cannot be restored.</exception>
    public static async Task<BackupContent> CheckAsync(Stream input, string passphrase, CancellationToken cancellationToken)
    {
        await using var archive = await ArchiveReadStream.BeginAsync(input, passphrase, cancellationToken);
        var tally = new TreeTally(progress: null);
        var manifest = await ReadAsync(archive, tally, (entry, content) => content is null ? Task.CompletedTask : content.CopyToAsync(Stream.Null, cancellationToken), cancellationToken);
        return new(tally.Files, tally.Bytes, manifest.LeftOut);
    }

    private void ThrowIfTaken()
    {
        if (File.Exists(_target))
        {
            throw new BackupException($"{_target} is a file; name a directory.");
        }

        if (!Directory.Exists(_target))
        {
            return;
        }

        if (File.Exists(Path.Join(_target, DataDirectoryLock.FileName)))
        {
            using var free = DataDirectoryLock.TryTake(_target);
            if (free is null)
            {
                throw new BackupException($"{_target} is in use by the Belay process with id {DataDirectoryLock.Holder(_target)}; stop it, and restore into another directory.");
            }
        }

        if (Directory.EnumerateFileSystemEntries(_target).Any())
        {
            throw new BackupException($"{_target} is not empty; restore into a directory that is empty or does not exist.");
        }
    }

    // What a restore that was killed has left is nobody's; what another one is writing is locked.
    private DataDirectoryLock TakeStaging()
    {
        Directory.CreateDirectory(Staging, OnlyOwner);
        var held = DataDirectoryLock.TryTake(Staging) ?? throw new BackupException($"Another restore into {_target} is under way.");
        if (Directory.Exists(Content))
        {
            Directory.Delete(Content, recursive: true);
        }

        Directory.CreateDirectory(Content, OnlyOwner);
        return held;
    }

    private static async Task<(BackupContent Content, DateTimeOffset CreatedAt)> ExtractAsync(
        ArchiveReadStream archive, TreePlacement tree, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var tally = new TreeTally(progress);
        var manifest = await ReadAsync(archive, tally, (entry, content) => tree.PlaceAsync(entry, entry.Name, content, cancellationToken), cancellationToken);

        return (new(tally.Files, tally.Bytes, manifest.LeftOut), manifest.CreatedAt);
    }

    /// <summary>Every entry in order, with its content for files; then the manifest, which must agree.</summary>
    private static async Task<BackupManifest> ReadAsync(ArchiveReadStream archive, TreeTally tally, Func<TarEntry, Stream?, Task> take, CancellationToken cancellationToken)
    {
        BackupManifest? manifest = null;
        try
        {
            await using var tar = new TarReader(archive, leaveOpen: true);
            while (manifest is null && await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
            {
                if (entry.Name == BackupManifest.Name)
                {
                    manifest = await ManifestAsync(entry, cancellationToken);
                }
                else if (entry.EntryType == TarEntryType.RegularFile)
                {
                    tally.Begin(entry.Name, entry.Length);
                    await using var content = new ExactStream(entry.DataStream ?? Stream.Null, entry.Length, tally);
                    await take(entry, content);
                }
                else
                {
                    await take(entry, null);
                }
            }

            await archive.FinishAsync(cancellationToken);
        }
        catch (Exception cause) when (cause is InvalidDataException or FormatException or JsonException or EndOfStreamException)
        {
            throw new BackupException("The archive's content cannot be read.", cause);
        }

        return manifest is not null && manifest.Files == tally.Files && manifest.Bytes == tally.Bytes && manifest.Sha256 == tally.Digest()
            ? manifest
            : throw new BackupException("The archive's content is not what it says it is.");
    }

    private static async Task<BackupManifest> ManifestAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        if (entry.DataStream is not { } stream || entry.Length > LargestManifest)
        {
            throw new BackupException("The archive's content cannot be read.");
        }

        var manifest = await JsonSerializer.DeserializeAsync(stream, BackupJson.Default.BackupManifest, cancellationToken);
        return manifest?.Form switch
        {
            BackupManifest.Current => manifest,
            > BackupManifest.Current => throw new BackupException("The archive was written by a newer version of Belay."),
            _ => throw new BackupException("The archive's content cannot be read."),
        };
    }

    private async Task<int> VerifyAsync(CancellationToken cancellationToken)
    {
        var master = MasterKey.TryLoad(Content) ?? throw new BackupException("The archive holds no master key.");

        await using var database = SqliteDatabase.Open(Content, new StorageSettings(), time);
        await database.CheckAsync(cancellationToken);
        var journal = new SqliteJournal(database, time);
        var sealer = new Sealer(master, new SqliteDocumentStore(database), ids, new SealerSettings());
        using var heads = HeadKeeper.Scan(Content, master);
        VerificationTally? tally = null;
        await foreach (var step in new StoreVerifier(journal, sealer, time).RunAsync(heads, new(), cancellationToken))
        {
            tally = step.Tally;
            if (step.Damaged is { } damaged)
            {
                throw new BackupException($"A journal in the archive does not verify: Entry {damaged.Sequence} of session {damaged.SessionId} on harness {damaged.HarnessId} is damaged: {damaged.Problem}");
            }
        }

        return tally!.UnknownBodies == 0 // There is a last step.
            ? (int)tally.Sessions
            : throw new BackupException("A journal in the archive has entries that only a newer version of Belay knows; restore with that one.");
    }
}
