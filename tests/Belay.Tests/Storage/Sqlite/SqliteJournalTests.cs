using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Testing.Sessions;

namespace Belay.Tests.Storage.Sqlite;

public class SqliteJournalTests : JournalContract
{
    private readonly TemporaryDirectory _directory = new();
    private SqliteDatabase? _database;

    protected virtual StorageSettings Settings => new();

    private SqliteDatabase Database => _database!;

    public override async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Queued_FollowsByItself()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Queued, Token);

        // Straight from the file, so that nothing but the writer's own timer can have written it.
        while (await Database.ReadAsync(reader => reader.Number("SELECT count(*) FROM entries"), Token) == 0)
        {
            await Task.Delay(1, Token);
        }
    }

    [Fact]
    public async Task ManySessions_ShareCommits()
    {
        var leases = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Journal.TakeAsync(Key($"s{i}"), "a", Token)));
        await Database.FlushAsync(Token);
        var gate = new ManualResetEventSlim();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var blocked = Database.WriteAsync(
            _ =>
            {
                entered.SetResult();
                gate.Wait(Token);
                return true;
            },
            cost: 0,
            synced: false,
            erases: false,
            Token);

        await entered.Task;

        // All of these wait for the writer, which is busy, and so go into one transaction after it.
        var appends = leases.Select(lease => Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token)).ToArray();
        var seen = Database.WriteAsync(
            writer =>
            {
                using var outside = SqliteConnection.Open(Path.Combine(_directory.Path, SqliteDatabase.FileName));
                return (Inside: writer.Number("SELECT count(*) FROM entries"), Outside: outside.Number("SELECT count(*) FROM entries"));
            },
            cost: 0,
            synced: false,
            erases: false,
            Token);
        gate.Set();
        await blocked;
        await Task.WhenAll(appends);

        Assert.Equal((200, 0), await seen);
    }

    [Fact]
    public async Task DiskFull_FailsTheWaitingAndRecovers()
    {
        var full = await Journal.TakeAsync(Key("full"), "a", Token);
        await Journal.AppendAsync(full, Entries(1, 1), Durability.Synced, Token);
        await LimitPages(1);

        var failure = await Assert.ThrowsAsync<StorageException>(() =>
            Journal.AppendAsync(full, [Entry(2, new byte[2_000_000])], Durability.Synced, Token));
        Assert.Contains("disk is full", failure.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StorageException>(() => Journal.AppendAsync(full, Entries(2, 1), Durability.Synced, Token));
        await AssertHoldsAsync(Key("full"), Entries(1, 1));
        await LimitPages(1_000_000);
        var again = await Journal.TakeAsync(Key("full"), "a", Token);
        await Journal.AppendAsync(again, Entries(2, 1), Durability.Synced, Token);

        await AssertHoldsAsync(Key("full"), Entries(1, 2));
        await Journal.ReleaseAsync(again, Token);
        Assert.Equal("ok", await Check());
    }

    [Fact]
    public async Task DiskFull_QueuedAppend_FailsTheNextCallOfItsLease()
    {
        var lease = await Journal.TakeAsync(Key("full"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        await LimitPages(1);

        await Journal.AppendAsync(lease, [Entry(2, new byte[2_000_000])], Durability.Queued, Token);
        await Database.FlushAsync(Token).ContinueWith(_ => { }, Token, TaskContinuationOptions.None, TaskScheduler.Default);
        await LimitPages(1_000_000);

        await Assert.ThrowsAsync<StorageException>(() => Journal.AppendAsync(lease, Entries(3, 1), Durability.Synced, Token));
        Assert.Equal(1, (await Journal.FindAsync(Key("full"), Token))!.LastSequence);
        await Journal.ReleaseAsync(lease, Token);
        await Journal.TakeAsync(Key("full"), "b", Token);
    }

    [Fact]
    public async Task DiskFull_QueuedAppend_FailsTheRelease()
    {
        var lease = await Journal.TakeAsync(Key("full"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        await LimitPages(1);
        await Journal.AppendAsync(lease, [Entry(2, new byte[2_000_000])], Durability.Queued, Token);

        await Assert.ThrowsAsync<StorageException>(() => Journal.ReleaseAsync(lease, Token));

        await LimitPages(1_000_000);
        Assert.NotNull(await Journal.TakeAsync(Key("full"), "b", Token));
    }

    [Fact]
    public async Task OneBadItem_FailsAlone()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Database.FlushAsync(Token);
        var gate = new ManualResetEventSlim();
        var blocked = Database.WriteAsync(
            _ =>
            {
                gate.Wait(Token);
                return true;
            },
            cost: 0,
            synced: false,
            erases: false,
            Token);
        var before = Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        var bad = Database.WriteAsync(writer => writer.Number("INSERT INTO store VALUES (1, 1) RETURNING id"), cost: 0, synced: true, erases: false, Token);
        var after = Journal.AppendAsync(lease, Entries(2, 1), Durability.Synced, Token);
        gate.Set();

        await blocked;
        await before;
        await after;
        await Assert.ThrowsAsync<StorageException>(() => bad);
        await AssertHoldsAsync(Key("s"), Entries(1, 2));
    }

    [Fact]
    public async Task AnotherServerOpensTheDirectory_ThisOneIsFenced()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        using (var other = SqliteConnection.Open(Path.Combine(_directory.Path, SqliteDatabase.FileName)))
        {
            other.Execute("UPDATE store SET epoch = epoch + 1");
        }

        var failure = await Assert.ThrowsAsync<StorageException>(() => Journal.AppendAsync(lease, Entries(2, 1), Durability.Synced, Token));

        Assert.Contains("Another server", failure.Message, StringComparison.Ordinal);
        await AssertHoldsAsync(Key("s"), Entries(1, 1));
    }

    [Fact]
    public async Task CopiedMidStream_TheCopyHoldsAPrefix()
    {
        using var copy = new TemporaryDirectory();
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var confirmed = 0L;
        for (var round = 0; round < 5; round++)
        {
            using var stop = new CancellationTokenSource();
            var writing = Task.Run(
                async () =>
                {
                    while (!stop.IsCancellationRequested)
                    {
                        await Journal.AppendAsync(lease, Entries(confirmed + 1, 3), Durability.Synced, Token);
                        Interlocked.Add(ref confirmed, 3);
                    }
                },
                Token);
            var target = Interlocked.Read(ref confirmed) + 60;
            while (Interlocked.Read(ref confirmed) < target)
            {
                await Task.Yield();
            }

            var atLeast = Interlocked.Read(ref confirmed);

            // Two files cannot be copied at one moment. While somebody reads, the log is only added to, so a log that is copied
            // second holds every page that the file, copied first, may have caught half-way: what a crash leaves.
            using (var reader = SqliteConnection.Open(Path.Combine(_directory.Path, SqliteDatabase.FileName)))
            {
                reader.Execute("BEGIN");
                _ = reader.Number("SELECT count(*) FROM entries");
                Copy(copy, SqliteDatabase.FileName);
                Copy(copy, SqliteDatabase.FileName + "-wal");
            }

            await stop.CancelAsync();
            await writing;

            await using var reopened = SqliteDatabase.Open(copy.Path, Settings, TimeProvider.System);
            var journal = new SqliteJournal(reopened, TimeProvider.System);
            var entries = await journal.ReadAsync(Key("s"), 0, Token).ToListAsync(Token);
            Assert.True(entries.Count >= atLeast, $"{atLeast} were confirmed, {entries.Count} are there.");
            Assert.Equal(0, entries.Count % 3);
            Assert.Equal(Enumerable.Range(1, entries.Count).Select(i => (long)i), entries.Select(entry => entry.Sequence));
            var next = await journal.TakeAsync(Key("s"), "b", Token);
            await journal.AppendAsync(next, Entries(entries.Count + 1, 1), Durability.Synced, Token);
        }
    }

    [Fact]
    public async Task FullQueue_MakesTheNextWaitAndHeedsItsCancellation()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var other = await Journal.TakeAsync(Key("t"), "a", Token);
        await Database.FlushAsync(Token);
        var gate = new ManualResetEventSlim();
        var blocked = Database.WriteAsync(
            _ =>
            {
                gate.Wait(Token);
                return true;
            },
            cost: Settings.MaxQueuedBytes,
            synced: false,
            erases: false,
            Token);
        using var cancel = new CancellationTokenSource();

        var cancelled = Journal.AppendAsync(lease, Entries(1, 1), Durability.Queued, cancel.Token);
        var waiting = Journal.AppendAsync(other, Entries(1, 1), Durability.Queued, Token);
        Assert.False(cancelled.IsCompleted);
        Assert.False(waiting.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        gate.Set();
        await blocked;
        await waiting;

        await AssertHoldsAsync(Key("s"), []);
        await AssertHoldsAsync(Key("t"), Entries(1, 1));
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
    }

    protected override Task<IJournal> OpenAsync()
    {
        _database = SqliteDatabase.Open(_directory.Path, Settings, TimeProvider.System);
        return Task.FromResult<IJournal>(new SqliteJournal(_database, TimeProvider.System));
    }

    protected override async Task<IJournal> ReopenAsync()
    {
        await Database.DisposeAsync();
        return await OpenAsync();
    }

    private Task<long> LimitPages(int pages) => Database.WriteAsync(
        writer => writer.Number(pages == 1 ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1000000"),
        cost: 0,
        synced: false,
        erases: false,
        Token);

    private Task<string> Check() => Database.ReadAsync(
        reader =>
        {
            using var check = reader.Statement("PRAGMA integrity_check");
            return check.Step() ? check.Text(0) : string.Empty;
        },
        Token);

    private void Copy(TemporaryDirectory to, string name)
    {
        using var from = new FileStream(Path.Combine(_directory.Path, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var into = new FileStream(Path.Combine(to.Path, name), FileMode.Create);
        from.CopyTo(into);
    }
}

/// <summary>The contract holds for the weaker setting too; what differs needs a power cut to be seen.</summary>
public sealed class SqliteJournalNormalTests : SqliteJournalTests
{
    protected override StorageSettings Settings => new() { Synchronous = SynchronousMode.Normal };
}
