using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;

namespace Belay.Tests.Storage.Sqlite;

public sealed class SqliteDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string File => Path.Combine(_directory.Path, SqliteDatabase.FileName);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Open_DirectoryInUse_SaysSo()
    {
        await using (Open())
        {
            var refusal = Assert.Throws<StorageException>(Open);
            Assert.Contains($"in use by the Belay process with id {Environment.ProcessId}", refusal.Message, StringComparison.Ordinal);
        }

        await using var again = Open();
    }

    [Fact]
    public async Task Open_MakesFilesForTheOwnerOnly()
    {
        await using var database = Open();
        await new SqliteDocumentStore(database).WriteAsync(new("000000000000", "us-west-2"), [new(new("c", "i"), new byte[1], null)], Token);

        var files = Directory.GetFiles(_directory.Path);

        Assert.Equal(5, files.Length);
        Assert.All(files, file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(file)));
    }

    [Fact]
    public async Task Open_SetsWhatTheDecisionPromises()
    {
        await using var database = Open();

        foreach (var (pragma, value) in new[] { ("page_size", 4096), ("synchronous", 2), ("secure_delete", 1), ("wal_autocheckpoint", 1000), ("user_version", 2) })
        {
            Assert.Equal(value, await database.WriteAsync(writer => writer.Number("PRAGMA " + pragma), cost: 0, synced: true, erases: false, Token));
        }
    }

    [Fact]
    public async Task Open_FormOfANewerVersion_IsRefused()
    {
        await Open().DisposeAsync();
        Execute("PRAGMA user_version = 99");

        Assert.Contains("newer version of Belay", Assert.Throws<StorageException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DatabaseOfAnotherProgram_IsRefused()
    {
        System.IO.File.WriteAllBytes(File, []);
        Execute("CREATE TABLE theirs (a); PRAGMA application_id = 7");

        Assert.Contains("another program", Assert.Throws<StorageException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NotADatabase_IsRefused()
    {
        System.IO.File.WriteAllText(File, new string('x', 10_000));

        Assert.Contains("damaged", Assert.Throws<StorageException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileInTheWay_IsRefused()
    {
        var path = Path.Combine(_directory.Path, "file");
        System.IO.File.WriteAllText(path, "");

        Assert.Throws<StorageException>(() => SqliteDatabase.Open(path, new StorageSettings(), TimeProvider.System));
    }

    [Fact]
    public void Open_WrongSettings_NamesEveryOne()
    {
        var settings = new StorageSettings { Synchronous = (SynchronousMode)9, MaxQueuedBytes = 1, Readers = 0 };

        var refusal = Assert.Throws<ArgumentException>(() => SqliteDatabase.Open(_directory.Path, settings, TimeProvider.System));

        foreach (var name in new[] { "synchronous", "maxQueuedBytes", "readers" })
        {
            Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Library_Missing_SaysWhatToInstall()
    {
        var missing = Assert.Throws<StorageException>(() => SqliteLibrary.Find(["libno-such-sqlite.so"]));

        Assert.Contains("apt-get install libsqlite3-0", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_WritesWhatIsQueued()
    {
        var database = Open();
        var journal = new SqliteJournal(database, TimeProvider.System);
        var session = new Belay.Sessions.SessionKey(new("000000000000", "us-west-2"), "h", "s");
        await journal.TakeAsync(session, "a", Token);
        await database.DisposeAsync();
        await database.DisposeAsync();

        await using var again = Open();
        Assert.NotNull(await new SqliteJournal(again, TimeProvider.System).FindAsync(session, Token));
    }

    [Fact]
    public async Task UnsyncedCommit_DoesNotWeakenTheNext()
    {
        await using var database = Open();

        await database.FlushAsync(Token);
        var synchronous = await database.WriteAsync(writer => writer.Number("PRAGMA synchronous"), cost: 0, synced: true, erases: false, Token);

        Assert.Equal(2, synchronous);
    }

    [Fact]
    public async Task CancelledAfterAcceptance_TheWriteHappens()
    {
        await using var database = Open();
        using var cancel = new CancellationTokenSource();
        var entered = new TaskCompletionSource();
        var write = database.WriteAsync(
            writer =>
            {
                entered.SetResult();
                writer.Execute("UPDATE store SET id = 1");
                return 7;
            },
            cost: 0,
            synced: true,
            erases: false,
            cancel.Token);
        await entered.Task;

        await cancel.CancelAsync();

        Assert.Equal(7, await write);
    }

    private SqliteDatabase Open() => SqliteDatabase.Open(_directory.Path, new StorageSettings(), TimeProvider.System);

    private void Execute(string sql)
    {
        using var connection = SqliteConnection.Open(File);
        connection.Execute(sql);
    }
}
