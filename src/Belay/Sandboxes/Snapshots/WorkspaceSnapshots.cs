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
            var saved = nearest == 0 ? null : (await PlaceAsync(Archive(folder, nearest), making, target, cancellationToken)) with { Sequence = nearest };

            // 3. The session.
            await beginAsync(saved);
            began = true;
            return saved;
        }
        catch (TreeException cause)
        {
            throw new IOException($"The files that session {source.SessionId} had at entry {nearest} cannot be restored. {cause.Message}", cause);
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

    private async Task<SavedFiles> PlaceAsync(string archive, string making, SessionKey target, CancellationToken cancellationToken)
    {
        // Its own name first: the other session may give this snapshot up meanwhile.
        var held = Path.Join(making, "snapshot" + Suffix);
        Link(archive, held);
        var head = await SnapshotArchive.HeadAsync(held, cancellationToken) ?? throw new TreeException("The snapshot cannot be read.");
        var places = Parts(target).Select(part => (Made: part with { Path = Path.Join(making, part.Name) }, part.Path)).ToList();
        foreach (var (made, _) in places)
        {
            Directory.CreateDirectory(made.Path, OnlyOwner);
        }

        var modes = await SnapshotArchive.ExtractAsync(held, [.. places.Select(place => place.Made)], cancellationToken);
        foreach (var (made, path) in places.Where(place => modes.ContainsKey(place.Made.Name)))
        {
            MakeParent(path);
            Directory.Move(made.Path, path);
            File.SetUnixFileMode(path, modes[made.Name]);
        }

        // A fork of the fork begins with the same.
        var own = Archive(SandboxEnvironment.Directory(Snapshots, target), Beginning);
        Directory.CreateDirectory(Path.GetDirectoryName(own)!, OnlyOwner);
        File.Move(held, own);
        return new(head.Sequence, head.SavedAt, head.Files, head.Bytes);
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
