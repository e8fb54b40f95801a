using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace Belay.Verification;

/// <summary>
/// Signs the heads of sessions while a server runs. After each commit it only remembers which sessions changed; about once a second it
/// appends their heads to a second file, and when the store is closed in order the last of them. What the file says never runs ahead of
/// what the disk has of the journals, so that a power cut alone makes no session look cut. A file that cannot be written holds up nobody:
/// it is tried again.
/// </summary>
public sealed partial class HeadKeeper : IAsyncDisposable
{
    /// <summary>How long a head may wait for its signature.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly string _directory;
    private readonly byte[] _key;
    private readonly SqliteDatabase _database;
    private readonly SqliteJournal _journal;
    private readonly Quarantine _quarantine;
    private readonly bool _commitsAreSynced;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private Dictionary<long, SessionRow> _changed = [];
    private Dictionary<long, SessionRow> _spare = [];
    private HeadsFile? _file;
    private bool _armed;
    private bool _failing;
    private bool _disposed;

    private HeadKeeper(
        string directory, MasterKey master, SqliteDatabase database, SqliteJournal journal, StorageSettings settings, Quarantine quarantine, TimeProvider time, ILogger logger)
    {
        (_directory, _key, _database, _journal, _quarantine, _time, _logger) = (directory, Key(master), database, journal, quarantine, time, logger);
        _commitsAreSynced = settings.Synchronous == SynchronousMode.Full;
        _timer = time.CreateTimer(_ => _ = WriteAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private string Path => PathIn(_directory);

    /// <summary>Compares what is stored with what was signed, quarantines what is damaged, signs what a crash left unsigned, and goes on from there.</summary>
    /// <param name="directory">The data directory; its lock is held.</param>
    /// <param name="master">Its master key, from which the key of signatures is derived.</param>
    /// <param name="database">Its database.</param>
    /// <param name="journal">The journals in it, to which nobody has written yet.</param>
    /// <param name="settings">How the database is written.</param>
    /// <param name="quarantine">Takes in the damaged sessions.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Told what the operator should know of the file.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<HeadKeeper> OpenAsync(
        string directory,
        MasterKey master,
        SqliteDatabase database,
        SqliteJournal journal,
        StorageSettings settings,
        Quarantine quarantine,
        TimeProvider time,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        var keeper = new HeadKeeper(directory, master, database, journal, settings, quarantine, time, logger);
        try
        {
            await keeper.BeginAsync(cancellationToken);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // Serving goes on; the next head is the next try.
            keeper.Failed(refused);
        }

        journal.Committed = keeper.Note;
        return keeper;
    }

    /// <summary>Signs what is not signed yet, and reads the whole file.</summary>
    /// <exception cref="StorageException">It cannot be read.</exception>
    public async Task<HeadsScan> ScanAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            TryWrite(HeadsBatchKind.Changes);
            var scan = HeadsScan.Read(Path, _key);
            scan.Expect(_file?.Mac);
            return scan;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"The signed heads cannot be read: {refused.Message}", refused);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Reads the file of a directory that no server holds.</summary>
    /// <exception cref="StorageException">It cannot be read.</exception>
    public static HeadsScan Scan(string directory, MasterKey master)
    {
        try
        {
            return HeadsScan.Read(PathIn(directory), Key(master));
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"The signed heads cannot be read: {refused.Message}", refused);
        }
    }

    /// <summary>Refuses a file that does not prove what it should: signing it anew would lose what it still proves.</summary>
    /// <exception cref="InvalidDataException">It was changed.</exception>
    internal static void ThrowIfChanged(string directory, MasterKey master)
    {
        using var scan = HeadsScan.Read(PathIn(directory), Key(master));
        if (scan.Exists && scan.Problem is { } problem)
        {
            throw new InvalidDataException($"{problem} Look with: belay verify. A server that starts keeps the file aside and begins another.");
        }
    }

    /// <summary>Signs the file of a directory that no server holds anew, for a master key that takes the place of another.</summary>
    internal static void SignAnew(string directory, MasterKey old, MasterKey next, TimeProvider time) => HeadsFile.SignAnew(PathIn(directory), Key(old), Key(next), time);

    /// <summary>Signs the last heads. Sessions must have been given back, and the database must be open.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _timer.DisposeAsync();
        await _one.WaitAsync();
        try
        {
            await FlushAsync();
            if (TryWrite(HeadsBatchKind.Closing))
            {
                _file?.Sync();
            }
        }
        catch (IOException refused)
        {
            Failed(refused);
        }
        finally
        {
            _journal.Committed = null;
            _file?.Dispose();
            _one.Release();
        }
    }

    private static string PathIn(string directory) => System.IO.Path.Join(directory, HeadsFile.FileName);

    private static byte[] Key(MasterKey master) => master.Derive("belay signed heads");

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        using var scan = HeadsScan.Read(Path, _key);
        var unsigned = new List<SignedHead>();
        var (sessions, adopted) = (0L, 0L);

        // One that was changed is kept aside, so what it still proves has to go into the new one.
        var anew = scan.Problem is not null;
        var file = anew ? HeadsFile.Begin(Path, _key, _time, scan.Batch) : HeadsFile.GoOn(Path, _key, _time, scan);
        try
        {
            await foreach (var compared in ComparedSession.AllAsync(_journal, scan.Heads(), cancellationToken))
            {
                sessions++;
                _journal.LastSigned = Math.Max(_journal.LastSigned, compared.Signed?.Number ?? 0);
                if (await compared.LookAsync(_journal, cancellationToken) is { } damage)
                {
                    _quarantine.Add(damage);
                    Take(anew ? compared.Signed : null);
                }
                else if (compared.Stored!.Row! is { LastSequence: > 0 } row && (anew || row.LastSequence > (compared.Signed?.Sequence ?? 0))) // Without a row there is damage.
                {
                    adopted += row.LastSequence > (compared.Signed?.Sequence ?? 0) ? 1 : 0;
                    Take(SignedHead.Of(row));
                }
            }

            file.Append(unsigned, anew ? HeadsBatchKind.Base : HeadsBatchKind.Changes);
            if (anew)
            {
                file.Append([], HeadsBatchKind.Changes);
                file.Sync();
            }

            file.CompactIfLarge();
        }
        catch
        {
            file.Dispose();
            throw;
        }

        _file = file;
        if (scan.Problem is { } problem && (scan.Exists || sessions > 0))
        {
            Log.Begun(_logger, problem, adopted);
        }
        else if (scan.Closed && adopted > 0)
        {
            Log.Adopted(_logger, adopted);
        }

        void Take(SignedHead? head)
        {
            if (head is not null)
            {
                unsigned.Add(head);
            }

            if (unsigned.Count == HeadsFormat.MostHeads)
            {
                file.Append(unsigned, anew ? HeadsBatchKind.Base : HeadsBatchKind.Changes);
                unsigned.Clear();
            }
        }
    }

    // On the writer's thread, after the commit.
    private void Note(SessionRow row)
    {
        var arm = false;
        lock (_gate)
        {
            _changed[row.Number] = row;
            if (!_armed)
            {
                _armed = arm = true;
            }
        }

        if (arm)
        {
            Arm();
        }
    }

    private void Arm()
    {
        if (!_disposed)
        {
            _timer.Change(Every, Timeout.InfiniteTimeSpan);
        }
    }

    private async Task WriteAsync()
    {
        await _one.WaitAsync();
        try
        {
            if (!_disposed)
            {
                TryWrite(HeadsBatchKind.Changes);
            }
        }
        finally
        {
            _one.Release();
        }
    }

    // Whoever calls is the only one.
    private bool TryWrite(HeadsBatchKind kind)
    {
        Dictionary<long, SessionRow> changed;
        lock (_gate)
        {
            (changed, _changed, _armed) = (_changed, _spare, false);
        }

        try
        {
            if (changed.Count > 0 || kind == HeadsBatchKind.Closing)
            {
                SyncLog();
                _file ??= Reopened();
                _file.Append(changed.Values.Select(SignedHead.Of), kind);
                _file.CompactIfLarge();
                _failing = false;
            }

            changed.Clear();
            _spare = changed;
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            Failed(refused);
            lock (_gate)
            {
                _spare = [];
                foreach (var (number, row) in changed)
                {
                    _changed.TryAdd(number, row);
                }

                _armed = true;
            }

            Arm();
            return false;
        }
    }

    private HeadsFile Reopened()
    {
        using var scan = HeadsScan.Read(Path, _key);
        return scan.Problem is null ? HeadsFile.GoOn(Path, _key, _time, scan) : HeadsFile.Begin(Path, _key, _time, scan.Batch);
    }

    // Where commits do not wait for the disk, heads do: else a power cut would leave a head of entries that it took.
    private void SyncLog()
    {
        var log = System.IO.Path.Join(_directory, SqliteDatabase.FileName + "-wal");
        if (!_commitsAreSynced && File.Exists(log))
        {
            using var handle = File.OpenHandle(log, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            RandomAccess.FlushToDisk(handle);
        }
    }

    private async Task FlushAsync()
    {
        try
        {
            await _database.FlushAsync(CancellationToken.None);
        }
        catch (Exception refused) when (refused is StorageException or ObjectDisposedException)
        {
            // What could not be written has no head either.
        }
    }

    private void Failed(Exception cause)
    {
        if (!_failing)
        {
            Log.NotWritten(_logger, cause.Message);
        }

        _failing = true;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Problem} They are begun anew, {Sessions} sessions as they are stored now; what was cut from those before cannot be told from them any more. Run belay verify.")]
        public static partial void Begun(ILogger logger, string problem, long sessions);

        [LoggerMessage(LogLevel.Warning, "The signed heads end before the newest entries of {Sessions} sessions, though the store was closed in order: they were cut, or another program wrote entries.")]
        public static partial void Adopted(ILogger logger, long sessions);

        [LoggerMessage(LogLevel.Warning, "The signed heads cannot be written, and are tried again every second: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
