using System.Formats.Tar;
using System.Text.Json;
using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Storage;
using Belay.Storage.Sqlite;
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
            var closed = new List<(string Path, UnixFileMode Mode)>();
            var (content, createdAt) = await ExtractAsync(archive, closed, progress, cancellationToken);
            var sessions = await VerifyAsync(cancellationToken);
            ThrowIfTaken();

            // Last, because what is closed could not be removed; the innermost first, or its parent would be closed before it.
            foreach (var (path, mode) in Enumerable.Reverse(closed))
            {
                File.SetUnixFileMode(path, mode);
            }

            if (Directory.Exists(_target))
            {
                Directory.Delete(_target);
            }

            Directory.Move(Content, _target);
            return new RestoredBackup(content, createdAt, sessions);
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
        var tally = new BackupTally(progress: null);
        var manifest = await ReadAsync(archive, tally, (entry, content) => content is null ? Task.CompletedTask : content.CopyToAsync(Stream.Null, cancellationToken), cancellationToken);
        return tally.Content with { LeftOut = manifest.LeftOut };
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

    private async Task<(BackupContent Content, DateTimeOffset CreatedAt)> ExtractAsync(
        ArchiveReadStream archive, List<(string Path, UnixFileMode Mode)> closed, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var tally = new BackupTally(progress);
        var manifest = await ReadAsync(archive, tally, (entry, content) => PlaceAsync(entry, content, closed, cancellationToken), cancellationToken);

        return (tally.Content with { LeftOut = manifest.LeftOut }, manifest.CreatedAt);
    }

    /// <summary>Every entry in order, with its content for files; then the manifest, which must agree.</summary>
    private static async Task<BackupManifest> ReadAsync(ArchiveReadStream archive, BackupTally tally, Func<TarEntry, Stream?, Task> take, CancellationToken cancellationToken)
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

        var found = tally.Content;
        return manifest is not null && manifest.Files == found.Files && manifest.Bytes == found.Bytes && manifest.Sha256 == tally.Digest()
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

    private async Task PlaceAsync(TarEntry entry, Stream? content, List<(string Path, UnixFileMode Mode)> closed, CancellationToken cancellationToken)
    {
        var path = PathOf(entry.Name);
        if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            throw new BackupException($"The archive holds a name twice: {entry.Name}");
        }

        if (content is not null)
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            await using var file = new FileStream(path, options);
            await FillAsync(file, entry, content, cancellationToken);
            File.SetUnixFileMode(file.SafeFileHandle, entry.Mode & BackupManifest.Permissions);
            File.SetLastWriteTimeUtc(file.SafeFileHandle, entry.ModificationTime.UtcDateTime);
        }
        else if (entry.EntryType == TarEntryType.Directory)
        {
            Directory.CreateDirectory(path, OnlyOwner);
            var mode = entry.Mode & BackupManifest.Permissions;
            if (mode != OnlyOwner)
            {
                closed.Add((path, mode));
            }
        }
        else if (entry.EntryType == TarEntryType.SymbolicLink)
        {
            File.CreateSymbolicLink(path, BackupEntry.Unescape(entry.LinkName));
        }
        else
        {
            throw new BackupException($"The archive holds something that is no file, directory or link: {entry.Name}");
        }
    }

    private static async Task FillAsync(FileStream file, TarEntry entry, Stream content, CancellationToken cancellationToken)
    {
        if ((entry as PaxTarEntry)?.ExtendedAttributes.GetValueOrDefault(Extents.Header) is not { } header)
        {
            await content.CopyToAsync(file, cancellationToken);
            return;
        }

        var extents = Extents.Parse(header, entry.Length) ?? throw new BackupException("The archive's content cannot be read.");
        file.SetLength(extents.Length);
        var buffer = new byte[64 * 1024];
        foreach (var (offset, length) in extents.Parts)
        {
            file.Position = offset;
            for (var left = length; left > 0;)
            {
                var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, left));
                await content.ReadExactlyAsync(part, cancellationToken);
                await file.WriteAsync(part, cancellationToken);
                left -= part.Length;
            }
        }
    }

    // Every parent is a directory that this restore made: no name and no link leads out of it.
    private string PathOf(string name)
    {
        // Escaped slashes would make one step two.
        var parts = name.TrimEnd('/').Split('/').Select(BackupEntry.Unescape).ToArray();
        var path = Content;
        for (var at = 0; at < parts.Length; at++)
        {
            if (parts[at] is "" or "." or ".." || parts[at].AsSpan().ContainsAny('/', '\0') || (at > 0 && new DirectoryInfo(path) is not { Exists: true, LinkTarget: null }))
            {
                throw new BackupException($"The archive holds a name that leads elsewhere: {name}");
            }

            path = Path.Join(path, parts[at]);
        }

        return path;
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
