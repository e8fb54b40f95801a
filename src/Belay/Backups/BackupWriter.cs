using System.Formats.Tar;
using System.Text.Json;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Storage.Trees;
using Belay.Verification;

namespace Belay.Backups;

/// <summary>What a backup holds, or what was restored from one.</summary>
/// <param name="Files">Files, the database counted as one.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="LeftOut">Entries that are neither files, directories nor links, or that went while they were read.</param>
public sealed record BackupContent(long Files, long Bytes, long LeftOut);

/// <summary>
/// Writes a backup of a data directory whose database is open, while it is in use. The database is a snapshot of one moment; files are
/// read after it. So every file is at least as new as the conversation says, as it is after a crash, which sessions are made for.
/// Memory does not grow with what is backed up; the disk of the data directory holds a copy of the database meanwhile.
/// </summary>
/// <param name="database">The directory's database.</param>
/// <param name="dataDirectory">The directory.</param>
/// <param name="time">The clock.</param>
/// <param name="ids">Name of the snapshot.</param>
public sealed class BackupWriter(SqliteDatabase database, string dataDirectory, TimeProvider time, IdSource ids)
{
    private readonly string _directory = Path.GetFullPath(dataDirectory);

    /// <summary>Writes the archive. Without the last byte it is none.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="passphrase">Seals it.</param>
    /// <param name="progress">Told the bytes of content so far.</param>
    /// <param name="cancellationToken">Ends it; what was written is no archive then.</param>
    public async Task<BackupContent> WriteAsync(Stream output, string passphrase, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        RemoveLeftovers();
        var snapshots = Path.Join(_directory, BackupSource.SnapshotPrefix + ids.NewUuid());
        Directory.CreateDirectory(snapshots, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            // 1. The signed heads, and then the database at one moment: what was signed must be in it.
            var heads = CopyHeads(snapshots);
            var snapshot = Path.Join(snapshots, SqliteDatabase.FileName);
            await database.SnapshotAsync(snapshot, cancellationToken);

            // 2. All of it through one seal.
            await using var archive = await ArchiveWriteStream.BeginAsync(output, passphrase, cancellationToken);
            await using var tar = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true);
            var tally = new TreeTally(progress);
            using (var copy = File.OpenHandle(snapshot))
            {
                await TreeTar.AddFileAsync(tar, copy, SqliteDatabase.FileName, tally, cancellationToken);
            }

            if (heads is not null)
            {
                using var copy = File.OpenHandle(heads);
                await TreeTar.AddFileAsync(tar, copy, HeadsFile.FileName, tally, cancellationToken);
            }

            foreach (var entry in BackupSource.Entries(_directory))
            {
                cancellationToken.ThrowIfCancellationRequested();
                await TreeTar.AddAsync(tar, entry, entry.Name, tally, cancellationToken);
            }

            // 3. What it must add up to.
            var content = new BackupContent(tally.Files, tally.Bytes, tally.LeftOut);
            using var manifest = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(
                new BackupManifest(BackupManifest.Current, time.GetUtcNow(), content.Files, content.Bytes, content.LeftOut, tally.Digest()), BackupJson.Default.BackupManifest));
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, BackupManifest.Name) { DataStream = manifest }, cancellationToken);
            await tar.DisposeAsync();
            await archive.FinishAsync(cancellationToken);
            return content;
        }
        finally
        {
            Directory.Delete(snapshots, recursive: true);
        }
    }

    // It is only appended to, or replaced as a whole; a part of a batch at its end is what a crash leaves, too.
    private string? CopyHeads(string snapshots)
    {
        var copy = Path.Join(snapshots, HeadsFile.FileName);
        try
        {
            File.Copy(Path.Join(_directory, HeadsFile.FileName), copy);
            return copy;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // Of a backup during which the server died.
    private void RemoveLeftovers()
    {
        foreach (var old in Directory.EnumerateDirectories(_directory, BackupSource.SnapshotPrefix + "*"))
        {
            Directory.Delete(old, recursive: true);
        }
    }
}
