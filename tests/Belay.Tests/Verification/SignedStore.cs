using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Verification;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Verification;

/// <summary>A data directory whose journals are signed as a server signs them, with a clock that the test moves.</summary>
internal sealed class SignedStore : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private SqliteDatabase? _database;
    private HeadKeeper? _keeper;

    public SignedStore() => MasterKey.LoadOrCreate(Directory);

    public string Directory => _directory.Path;

    public string Heads => Path.Combine(Directory, HeadsFile.FileName);

    public ManualTime Time { get; } = new();

    public RecordingLogger Log { get; } = new();

    public Quarantine Quarantine { get; private set; } = new(NullLogger.Instance);

    public SqliteJournal? Journal { get; private set; }

    public Sealer? Sealer { get; private set; }

    public HeadKeeper Keeper => _keeper!;

    /// <summary>The key as it is now.</summary>
    private MasterKey Master => MasterKey.TryLoad(Directory)!; // It was made at the beginning.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static SessionKey Key(string session, string account = "000000000000") => new(new Scope(account, "us-west-2"), "harness", session);

    public async Task OpenAsync(bool signs = true)
    {
        _database = SqliteDatabase.Open(Directory, new StorageSettings(), TimeProvider.System);
        Journal = new SqliteJournal(_database, Time);
        Sealer = new Sealer(Master, new SqliteDocumentStore(_database), IdSource.System, new SealerSettings());
        Quarantine = new Quarantine(Log);
        _keeper = signs ? await HeadKeeper.OpenAsync(Directory, Master, _database, Journal, new StorageSettings(), Quarantine, Time, Log, Token) : null;
    }

    /// <summary>Ends in order.</summary>
    public async Task CloseAsync()
    {
        if (_keeper is not null)
        {
            await _keeper.DisposeAsync();
        }

        await CrashAsync();
    }

    /// <summary>Ends without the last heads.</summary>
    public async Task CrashAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        (_database, _keeper) = (null, null);
    }

    /// <summary>Appends commands to a session, one append each.</summary>
    public async Task WriteAsync(SessionKey session, int entries, string? actor = null)
    {
        await using var journal = await SessionJournal.OpenAsync(Journal!, Sealer!, Time, session, "test", Token);
        if (actor is not null)
        {
            await journal.FixActorAsync(actor, Token);
        }

        for (var i = 0; i < entries; i++)
        {
            await journal.AppendAsync([new CommandIntent("id", $"entry {journal.LastSequence + 1} of {session.SessionId}", 1)], Durability.Synced, Token);
        }
    }

    /// <summary>Begins a session that says it goes on from another one.</summary>
    public async Task ForkAsync(string session, string parent, long at, string hash)
    {
        await using var journal = await SessionJournal.OpenAsync(Journal!, Sealer!, Time, Key(session), "test", Token);
        journal.TakeOver((await Journal!.FindAsync(Key(parent), Token))!.ActorRef);
        await journal.AppendAsync([new SessionForked("harness", parent, at, hash, null, null, null)], Durability.Synced, Token);
    }

    /// <summary>Lets the second pass after which heads are signed.</summary>
    public async Task SignAsync()
    {
        Time.Advance(HeadKeeper.Every);
        using var written = await Keeper.ScanAsync(Token);
    }

    /// <summary>Three sessions of four, five and three entries, signed and closed.</summary>
    public async Task FillAsync()
    {
        await OpenAsync();
        await WriteAsync(Key("one"), 4, "alice");
        await WriteAsync(Key("two"), 5, "bob");
        await WriteAsync(Key("three"), 3);
        await CloseAsync();
    }

    /// <summary>Changes the database as somebody with access to the file would.</summary>
    public void Tamper(string sql)
    {
        using var connection = SqliteConnection.Open(Path.Combine(Directory, SqliteDatabase.FileName));
        connection.Execute(sql);
    }

    /// <summary>Verifies the directory, as nobody holds it.</summary>
    public async Task<(IReadOnlyList<DamagedSession> Damaged, VerificationTally Tally)> VerifyAsync(VerificationScope? scope = null)
    {
        await using var database = SqliteDatabase.Open(Directory, new StorageSettings(), TimeProvider.System);
        var sealer = new Sealer(Master, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
        using var heads = HeadKeeper.Scan(Directory, Master);
        var steps = await new StoreVerifier(new SqliteJournal(database, Time), sealer, Time).RunAsync(heads, scope ?? new(), Token).ToListAsync(Token);
        Assert.All(steps.SkipLast(1), step => Assert.False(step.Done));
        Assert.True(steps[^1].Done);
        return ([.. steps.Where(step => step.Damaged is not null).Select(step => step.Damaged!)], steps[^1].Tally);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Log.Dispose();
        _directory.Dispose();
    }
}
