using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Trees;
using Microsoft.Extensions.Logging;

namespace Belay.Sandboxes.Snapshots;

/// <summary>
/// Saves the workspace and the storage of sessions, one archive for each end of an invocation after which they were not what they had been, and
/// makes those of a fork. Whoever works in a sandbox writes what is read here, while it is read.
/// </summary>
/// <param name="dataDirectory">The server's data directory.</param>
/// <param name="settings">Settings.</param>
/// <param name="time">The clock.</param>
/// <param name="ids">Names of what is being made.</param>
/// <param name="logger">Where it reports.</param>
public sealed partial class WorkspaceSnapshots(string dataDirectory, SnapshotSettings settings, TimeProvider time, IdSource ids, ILogger<WorkspaceSnapshots> logger)
{
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const string Suffix = ".tar.gz";
    private const string Partial = ".partial";
    private const string MakingPrefix = "making-";
    private const string TargetFile = "target.json";
    private const string Held = "snapshot" + Suffix;

    // What a fork's own snapshots begin with: the files that it began as.
    private const long Beginning = 1;

    private readonly string _data = Path.GetFullPath(dataDirectory);

    /// <summary>What sessions are told of it.</summary>
    public SessionFiles Files => new(SaveAsync, RestoreAsync);

    private string Snapshots => Path.Join(_data, "snapshots");

    /// <summary>Removes what a server that died was making for sessions that never began. Called before anything else.</summary>
    /// <param name="journal">Knows which sessions began.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task SettleAsync(IJournal journal, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Snapshots))
        {
            return;
        }

        foreach (var making in Directory.EnumerateDirectories(Snapshots, MakingPrefix + "*").ToList())
        {
            try
            {
                if (TargetOf(making) is { } session && await journal.FindAsync(session, cancellationToken) is not { LastSequence: > 0 })
                {
                    Remove(session);
                }

                RemoveTree(making);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                Log.NotSettled(logger, making, failure.Message);
            }
        }
    }

    /// <summary>Saves the files of a session; see <see cref="SaveSessionFiles"/>.</summary>
    public async Task<WorkspaceSaved?> SaveAsync(SessionKey session, long sequence, CancellationToken cancellationToken)
    {
        if (!settings.Enabled)
        {
            return null;
        }

        // 1. Nothing is opened where nothing changed.
        var parts = Parts(session).Where(part => Directory.Exists(part.Path)).ToList();
        var survey = SnapshotSurvey.Of(parts, settings.MaxEntries, cancellationToken);
        var folder = SandboxEnvironment.Directory(Snapshots, session);
        var kept = Kept(folder).Where(old => old <= sequence).ToList();
        if (kept.Count > 0 ? (await SnapshotArchive.HeadAsync(Archive(folder, kept[^1]), cancellationToken))?.Digest == survey.Digest : survey.Entries == 0)
        {
            return null;
        }

        // 2. Nothing is written that cannot be kept.
        if (survey.Entries > settings.MaxEntries || (survey.Bytes > settings.MaxBytes && SnapshotSurvey.StoredBytes(parts, settings.MaxBytes, cancellationToken) > settings.MaxBytes))
        {
            Log.TooLarge(logger, session.SessionId, settings.MaxMiB, settings.MaxEntries);
            return null;
        }

        // 3. All of it, or none.
        Directory.CreateDirectory(Snapshots, OnlyOwner);
        Directory.CreateDirectory(folder, OnlyOwner);
        var partial = Path.Join(folder, ids.NewUuid() + Partial);
        try
        {
            if (!await SnapshotArchive.WriteAsync(partial, new(SnapshotHead.Current, sequence, time.GetUtcNow(), survey.Files, survey.Bytes, survey.Digest), parts, settings, cancellationToken))
            {
                Log.TooLarge(logger, session.SessionId, settings.MaxMiB, settings.MaxEntries);
                return null;
            }

            File.Move(partial, Archive(folder, sequence), overwrite: true);
        }
        finally
        {
            // Its own when it failed, and those of a server that died.
            foreach (var left in Directory.EnumerateFiles(folder, "*" + Partial).ToList())
            {
                File.Delete(left);
            }
        }

        // The oldest; and what is newer than the session, which a restored backup may have, because it takes files after the journal.
        foreach (var old in kept.Where(old => old < sequence).SkipLast(settings.Keep - 1).Concat(Kept(folder).Where(other => other > sequence)))
        {
            File.Delete(Archive(folder, old));
        }

        Log.Saved(logger, session.SessionId, sequence, survey.Files, survey.Bytes);
        return new(SavedFiles.IdOf(sequence), survey.Files, survey.Bytes);
    }

    /// <summary>Makes the files of a fork; see <see cref="RestoreSessionFiles"/>.</summary>
    /// <exception cref="IOException">They cannot be made.</exception>
    public async Task<SavedFiles?> RestoreAsync(SessionKey source, long at, SessionKey target, Func<SavedFiles?, Task> beginAsync, CancellationToken cancellationToken)
    {
        var folder = SandboxEnvironment.Directory(Snapshots, source);
        var nearest = Kept(folder).LastOrDefault(sequence => sequence <= at);
        try
        {
            return await MakeAsync(target, beginAsync, async making =>
            {
                if (nearest == 0)
                {
                    return null;
                }

                // Its own name first: the other session may give this snapshot up meanwhile.
                var held = Path.Join(making, Held);
                Link(Archive(folder, nearest), held);
                var head = await SnapshotArchive.HeadAsync(held, cancellationToken) ?? throw new TreeException("The snapshot cannot be read.");

                // A fork of the fork begins with the same.
                await PlaceAsync(held, making, target, Beginning, bounds: null, cancellationToken);
                return new(nearest, head.SavedAt, head.Files, head.Bytes);
            });
        }
        catch (TreeException cause)
        {
            throw new IOException($"The files that session {source.SessionId} had at entry {nearest} cannot be restored. {cause.Message}", cause);
        }
    }

    /// <summary>The archive of the files that a session had last at an entry or before; null when there is none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public async Task<SavedArchive?> OpenAsync(SessionKey session, long at, CancellationToken cancellationToken)
    {
        var folder = SandboxEnvironment.Directory(Snapshots, session);
        foreach (var sequence in Kept(folder).Where(sequence => sequence <= at).Reverse())
        {
            try
            {
                var path = Archive(folder, sequence);
                var content = new FileStream(path, new FileStreamOptions { Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
                if (await SnapshotArchive.HeadAsync(path, cancellationToken) is { } head)
                {
                    return new(new(sequence, head.SavedAt, head.Files, head.Bytes), content);
                }

                await content.DisposeAsync();
            }
            catch (FileNotFoundException)
            {
                // It was given up meanwhile: there is a newer one, of an entry that is not asked for, and perhaps an older one.
            }
        }

        return null;
    }

    /// <summary>Makes the files of a session that does not exist yet of an archive that comes from anywhere, and begins the session; when that fails there are none.</summary>
    /// <param name="archive">The archive, from its beginning.</param>
    /// <param name="saved">What is said of it.</param>
    /// <param name="target">The session.</param>
    /// <param name="beginAsync">Begins it, once the files are there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TreeException">It holds what cannot be restored, or more than may be.</exception>
    internal Task<SavedFiles?> PlaceAsync(Stream archive, SavedFiles saved, SessionKey target, Func<SavedFiles?, Task> beginAsync, CancellationToken cancellationToken) =>
        MakeAsync(target, beginAsync, async making =>
        {
            var held = Path.Join(making, Held);
            await using (var file = new FileStream(held, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                await archive.CopyToAsync(file, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            await PlaceAsync(held, making, target, saved.Sequence, settings, cancellationToken);
            return saved;
        });

    // Everything for a session that begins, or nothing.
    private async Task<SavedFiles?> MakeAsync(SessionKey target, Func<SavedFiles?, Task> beginAsync, Func<string, Task<SavedFiles?>> placeAsync)
    {
        var making = Path.Join(Snapshots, MakingPrefix + ids.NewUuid());
        Directory.CreateDirectory(Snapshots, OnlyOwner);
        Directory.CreateDirectory(making, OnlyOwner);
        var began = false;
        try
        {
            // 1. Whoever starts next knows what to clear up.
            var named = new SnapshotTarget(target.Scope.Account, target.Scope.Region, target.HarnessId, target.SessionId);
            PrivateFile.Write(Path.Join(making, TargetFile), FileMode.CreateNew, JsonSerializer.SerializeToUtf8Bytes(named, SnapshotJson.Default.SnapshotTarget));

            // 2. The files beside everything, then in their place. A session that never began has none of its own.
            Remove(target);
            var saved = await placeAsync(making);

            // 3. The session.
            await beginAsync(saved);
            began = true;
            return saved;
        }
        finally
        {
            if (!began)
            {
                Remove(target);
            }

            RemoveTree(making);
        }
    }

    // The archive becomes the session's own snapshot of an entry.
    private async Task PlaceAsync(string held, string making, SessionKey target, long sequence, SnapshotSettings? bounds, CancellationToken cancellationToken)
    {
        var places = Parts(target).Select(part => (Made: part with { Path = Path.Join(making, part.Name) }, part.Path)).ToList();
        foreach (var (made, _) in places)
        {
            Directory.CreateDirectory(made.Path, OnlyOwner);
        }

        var modes = await SnapshotArchive.ExtractAsync(held, [.. places.Select(place => place.Made)], bounds, cancellationToken);
        foreach (var (made, path) in places.Where(place => modes.ContainsKey(place.Made.Name)))
        {
            MakeParent(path);
            Directory.Move(made.Path, path);
            File.SetUnixFileMode(path, modes[made.Name]);
        }

        var own = Archive(SandboxEnvironment.Directory(Snapshots, target), sequence);
        Directory.CreateDirectory(Path.GetDirectoryName(own)!, OnlyOwner);
        File.Move(held, own);
    }

    // Null when the server died before it had named one, so before it made anything of it.
    private static SessionKey? TargetOf(string making)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Join(making, TargetFile)), SnapshotJson.Default.SnapshotTarget) is { } target
                ? new(new(target.Account, target.Region), target.HarnessId, target.SessionId)
                : null;
        }
        catch (Exception unnamed) when (unnamed is FileNotFoundException or JsonException)
        {
            return null;
        }
    }

    private SnapshotPart[] Parts(SessionKey session) =>
    [
        new("workspace", SandboxEnvironment.Directory(Path.Join(_data, SandboxEnvironment.Workspaces), session)),
        new("storage", SandboxEnvironment.Directory(Path.Join(_data, SandboxEnvironment.Storages), session)),
    ];

    private void Remove(SessionKey session)
    {
        foreach (var part in Parts(session))
        {
            RemoveTree(part.Path);
        }

        RemoveTree(SandboxEnvironment.Directory(Snapshots, session));
    }

    // Sequences of the snapshots of a session, ascending.
    private static IReadOnlyList<long> Kept(string folder) => !Directory.Exists(folder)
        ? []
        :
        [
            .. Directory.EnumerateFiles(folder, "*" + Suffix)
                .Select(path => long.TryParse(Path.GetFileName(path)[..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) ? sequence : 0)
                .Where(sequence => sequence > 0)
                .Order(),
        ];

    private static string Archive(string folder, long sequence) => Path.Join(folder, SavedFiles.IdOf(sequence) + Suffix);

    private static void MakeParent(string path)
    {
        var parent = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(Path.GetDirectoryName(parent)!, OnlyOwner);
        Directory.CreateDirectory(parent, OnlyOwner);
    }

    // Nothing runs in it. What its owner closed is opened first, or it could not be removed; links are removed, not followed.
    private static void RemoveTree(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }

        var waiting = new Stack<string>([path]);
        while (waiting.TryPop(out var directory))
        {
            File.SetUnixFileMode(directory, OnlyOwner);
            foreach (var child in new DirectoryInfo(directory).EnumerateDirectories().Where(child => child.LinkTarget is null))
            {
                waiting.Push(child.FullName);
            }
        }

        Directory.Delete(path, recursive: true);
    }

    private static void Link(string from, string to)
    {
        if (MakeLink(Encoding.UTF8.GetBytes(from + '\0'), Encoding.UTF8.GetBytes(to + '\0')) != 0)
        {
            // The file system knows no links between files.
            File.Copy(from, to);
        }
    }

    [DllImport("libc", EntryPoint = "link")]
    private static extern int MakeLink(byte[] from, byte[] to);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "The files of session {SessionId} were saved at entry {Sequence}: {Files} files, {Bytes} bytes.")]
        public static partial void Saved(ILogger logger, string sessionId, long sequence, int files, long bytes);

        [LoggerMessage(LogLevel.Error, "What a fork that was cut off left cannot be removed: {Path}. {Reason}")]
        public static partial void NotSettled(ILogger logger, string path, string reason);

        [LoggerMessage(LogLevel.Warning, "The files of session {SessionId} are not saved: they are more than {MiB} MiB (Snapshots:MaxMiB) or {Entries} entries. A fork of it begins with those that were saved before.")]
        public static partial void TooLarge(ILogger logger, string sessionId, int miB, int entries);
    }
}

/// <summary>The archive of the files that a session had.</summary>
/// <param name="Saved">What is in it.</param>
/// <param name="Content">The archive; whoever has it closes it.</param>
public sealed record SavedArchive(SavedFiles Saved, FileStream Content);
