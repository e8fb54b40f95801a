using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Belay.Verification;

namespace Belay.Tests.Sessions;

public sealed class SessionJournalTests
{
    private static readonly SessionKey Session = new(new Scope("000000000000", "us-west-2"), "harness", "session");
    private readonly ManualTime _time = new();
    private readonly InMemoryDocumentStore _documents = new();
    private readonly Sealer _sealer;
    private InMemoryJournal _journal;

    public SessionJournalTests()
    {
        _journal = new InMemoryJournal(_time);
        _sealer = new Sealer(MasterKey.FromBytes(new byte[32]), _documents, IdSource.System, new SealerSettings());
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Append_EveryKind_ReadsBackInOrder()
    {
        await using var session = await OpenAsync();
        await session.FixActorAsync("alice", Token);

        await session.AppendAsync(JournalJsonTests.Samples, Durability.Synced, Token);
        var entries = await session.ReadAsync(0, Token).ToListAsync(Token);

        Assert.Equal(JournalJsonTests.Samples.Count, session.LastSequence);
        Assert.Equal(Enumerable.Range(1, entries.Count).Select(i => (long)i), entries.Select(entry => entry.Sequence));
        Assert.All(entries, entry => Assert.Equal(_time.GetUtcNow(), entry.At));
        Assert.Equal(
            JournalJsonTests.Samples.Select(JournalJson.Serialize).Select(Convert.ToHexString),
            entries.Select(entry => Convert.ToHexString(JournalJson.Serialize(entry.Body))));
        Assert.Equal([entries.Count], (await session.ReadAsync(entries.Count - 1, Token).ToListAsync(Token)).Select(entry => entry.Sequence));
        await VerifyAsync(_journal, _sealer);
    }

    [Fact]
    public async Task Stored_IsSealedWithTheActorsKey_AndClearInTheHeader()
    {
        await using var session = await OpenAsync();
        await session.AppendAsync([Command("before")], Durability.Queued, Token);
        await session.FixActorAsync("alice", Token);
        await session.AppendAsync([Command("after")], Durability.Queued, Token);

        var stored = await _journal.ReadAsync(Session, 0, Token).ToListAsync(Token);

        Assert.Equal([null, session.ActorRef], stored.Select(entry => entry.ActorRef));
        Assert.All(stored, entry => Assert.Equal(EntryKind.CommandIntent, entry.Kind));
        Assert.All(stored, entry => Assert.Equal(-1, entry.Body.Span.IndexOf("before"u8) & entry.Body.Span.IndexOf("after"u8)));
        Assert.Equal(session.ActorRef, (await _journal.FindAsync(Session, Token))!.ActorRef);
        Assert.Equal(2, (await SessionJournal.ReadAsync(_journal, _sealer, Session, 0, Token).ToListAsync(Token)).Count);
    }

    [Fact]
    public async Task Actor_IsFixedOnceAndSurvivesReopening()
    {
        await using (var session = await OpenAsync())
        {
            Assert.True(await session.BelongsToAsync("bob", Token));
            await session.FixActorAsync("alice", Token);
            await session.FixActorAsync("alice", Token);
            Assert.False(await session.BelongsToAsync("bob", Token));
            await Assert.ThrowsAsync<InvalidOperationException>(() => session.FixActorAsync("bob", Token));
            await session.AppendAsync([Command("x")], Durability.Synced, Token);
        }

        await using var again = await OpenAsync();
        Assert.True(await again.BelongsToAsync("alice", Token));
        Assert.False(await again.BelongsToAsync("bob", Token));
        Assert.Null(await _sealer.LookUpAsync(Session.Scope, "bob", Token));
    }

    [Fact]
    public async Task Reopen_ContinuesTheChain()
    {
        for (var i = 1; i <= 3; i++)
        {
            await using var session = await OpenAsync();
            await session.AppendAsync([Command("a"), Command("b")], i % 2 == 0 ? Durability.Queued : Durability.Synced, Token);
            Assert.Equal(i * 2, session.LastSequence);
        }

        await VerifyAsync(_journal, _sealer);
    }

    [Fact]
    public async Task Crash_TheChainContinuesFromWhatIsLeft()
    {
        var session = await OpenAsync();
        await session.AppendAsync([Command("kept")], Durability.Synced, Token);
        await session.AppendAsync([Command("lost")], Durability.Queued, Token);
        _journal.Crash();
        await session.DisposeAsync();
        _journal = _journal.Reopen();

        await using var again = await OpenAsync();
        Assert.Equal(1, again.LastSequence);
        await again.AppendAsync([Command("other")], Durability.Synced, Token);

        Assert.Equal(["kept", "other"], await CommandsAsync());
        await VerifyAsync(_journal, _sealer);
    }

    [Fact]
    public async Task Open_HeldByAnother_NamesTheOwner()
    {
        await using var session = await OpenAsync();

        var refusal = await Assert.ThrowsAsync<SessionOwnedElsewhereException>(() =>
            SessionJournal.OpenAsync(_journal, _sealer, _time, Session, "another", Token));

        Assert.Equal("server", refusal.Owner);
    }

    [Fact]
    public async Task Append_AfterDispose_IsRefusedAndTheLeaseIsFree()
    {
        var session = await OpenAsync();
        await session.DisposeAsync();
        await session.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => session.AppendAsync([Command("x")], Durability.Queued, Token));
        await using var other = await SessionJournal.OpenAsync(_journal, _sealer, _time, Session, "another", Token);
    }

    [Fact]
    public async Task Append_AfterALostLease_Throws()
    {
        await using var session = await OpenAsync();
        await _journal.TakeAsync(Session, "server", Token);

        await Assert.ThrowsAsync<LeaseLostException>(() => session.AppendAsync([Command("x")], Durability.Synced, Token));
    }

    [Fact]
    public async Task Append_Cancelled_LeavesTheJournalUsable()
    {
        await using var session = await OpenAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => session.AppendAsync([Command("x")], Durability.Synced, new CancellationToken(true)));
        await session.AppendAsync([Command("y")], Durability.Synced, Token);

        Assert.Equal(["y"], await CommandsAsync());
    }

    [Fact]
    public async Task Append_ManyAtOnce_FormOneChain()
    {
        await using var session = await OpenAsync();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(() => session.AppendAsync([Command($"{i}"), Command($"{i}")], Durability.Synced, Token))));

        Assert.Equal(100, session.LastSequence);
        await VerifyAsync(_journal, _sealer);
    }

    [Theory]
    [InlineData("body")]
    [InlineData("time")]
    [InlineData("kind")]
    [InlineData("actor")]
    [InlineData("hash")]
    [InlineData("rehashed body")]
    [InlineData("swapped")]
    [InlineData("removed")]
    [InlineData("cut")]
    public async Task Damage_IsFoundAndNamed(string damage)
    {
        await using (var session = await OpenAsync())
        {
            await session.FixActorAsync("alice", Token);
            await session.AppendAsync([Command("1"), Command("2"), Command("3"), Command("4")], Durability.Synced, Token);
        }

        var damaged = new DamagedJournal(_journal, damage);
        var thrown = await Assert.ThrowsAsync<JournalDamagedException>(() => VerifyAsync(damaged, _sealer));

        Assert.Equal(damage == "cut" ? 4 : 2, thrown.Sequence);
        Assert.Contains("session", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(Session, thrown.Session);
        if (damage != "cut")
        {
            await Assert.ThrowsAsync<JournalDamagedException>(async () =>
                await SessionJournal.ReadAsync(damaged, _sealer, Session, 1, Token).ToListAsync(Token));
        }
    }

    [Fact]
    public async Task UnknownKind_IsAClearError()
    {
        await using (var session = await OpenAsync())
        {
            await session.AppendAsync([Command("1"), Command("2")], Durability.Synced, Token);
        }

        var newer = new DamagedJournal(_journal, "newer", _sealer);
        var thrown = await Assert.ThrowsAsync<JournalUnknownEntryException>(async () => await SessionJournal.ReadAsync(newer, _sealer, Session, 0, Token).ToListAsync(Token));

        Assert.Contains("newer version of Belay", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("999", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DestroyedActor_ContentIsGoneAndTheChainHolds()
    {
        await using var session = await OpenAsync();
        await session.FixActorAsync("alice", Token);
        await session.AppendAsync([Command("secret")], Durability.Synced, Token);

        await _sealer.DestroyAsync(Session.Scope, session.ActorRef!, Token); // Fixed above.

        await Assert.ThrowsAsync<JournalErasedException>(async () => await session.ReadAsync(0, Token).ToListAsync(Token));
        await Assert.ThrowsAsync<JournalErasedException>(() => session.AppendAsync([Command("more")], Durability.Synced, Token));
        Assert.False(await session.BelongsToAsync("alice", Token));
        await VerifyAsync(_journal, _sealer);
    }

    [Fact]
    public async Task OverSqlite_EverythingTogether_SurvivesReopening()
    {
        using var directory = new TemporaryDirectory();
        var master = MasterKey.LoadOrCreate(directory.Path);
        await using (var database = SqliteDatabase.Open(directory.Path, new StorageSettings(), TimeProvider.System))
        {
            var sealer = new Sealer(master, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
            await using var session = await SessionJournal.OpenAsync(new SqliteJournal(database, TimeProvider.System), sealer, TimeProvider.System, Session, "one", Token);
            await session.FixActorAsync("alice", Token);
            for (var i = 0; i < 100; i++)
            {
                await session.AppendAsync(JournalJsonTests.Samples, i % 2 == 0 ? Durability.Queued : Durability.Synced, Token);
            }
        }

        await using (var database = SqliteDatabase.Open(directory.Path, new StorageSettings(), TimeProvider.System))
        {
            var sealer = new Sealer(master, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
            var journal = new SqliteJournal(database, TimeProvider.System);
            await using var session = await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, Session, "two", Token);

            Assert.Equal(100 * JournalJsonTests.Samples.Count, session.LastSequence);
            Assert.True(await session.BelongsToAsync("alice", Token));
            await VerifyAsync(journal, sealer);
        }
    }

    private static async Task VerifyAsync(IJournal journal, ISealer sealer)
    {
        var row = await journal.FindAsync(Session, Token);
        await foreach (var _ in new SessionCheck(journal, sealer, row!, signed: null, withPast: true).RunAsync(Token))
        {
        }
    }

    private static CommandIntent Command(string command) => new("id", command, 1);

    private Task<SessionJournal> OpenAsync() => SessionJournal.OpenAsync(_journal, _sealer, _time, Session, "server", Token);

    private async Task<IEnumerable<string>> CommandsAsync() =>
        (await SessionJournal.ReadAsync(_journal, _sealer, Session, 0, Token).ToListAsync(Token)).Select(entry => ((CommandIntent)entry.Body).Command);

    /// <summary>Shows a journal as somebody with access to the disk left it: the second entry was tampered with.</summary>
    private sealed class DamagedJournal(IJournal inner, string damage, ISealer? sealer = null) : IJournal
    {
        public async IAsyncEnumerable<StoredEntry> ReadAsync(
            SessionKey session, long afterSequence, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var entries = await inner.ReadAsync(session, 0, cancellationToken).ToListAsync(cancellationToken);
            var second = entries[1];
            var body = second.Body.ToArray();
            body[^1] ^= 1;
            switch (damage)
            {
                case "body": entries[1] = second with { Body = body }; break;
                case "time": entries[1] = second with { At = second.At.AddMilliseconds(1) }; break;
                case "kind": entries[1] = second with { Kind = EntryKind.CommandOutcome }; break;
                case "actor": entries[1] = second with { ActorRef = null }; break;
                case "hash": entries[1] = second with { Hash = new byte[32] }; break;
                case "rehashed body": entries[1] = second with { Body = body, Hash = EntryChain.Hash(new EntryChain(session).Header(second), body) }; break;
                case "swapped": (entries[1], entries[2]) = (entries[2] with { Sequence = 2 }, second with { Sequence = 3 }); break;
                case "removed": entries.RemoveAt(1); break;
                case "cut": entries.RemoveAt(3); break;
                case "newer": entries[1] = await NewerAsync(session, second, cancellationToken); break;
            }

            foreach (var entry in entries.Where(entry => entry.Sequence > afterSequence))
            {
                yield return entry;
            }
        }

        public Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken) => inner.FindAsync(session, cancellationToken);

        public Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken) => inner.TakeAsync(session, owner, cancellationToken);

        public Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken) =>
            inner.AppendAsync(lease, entries, durability, cancellationToken);

        public IAsyncEnumerable<SessionRow> ListUnfinishedAsync(CancellationToken cancellationToken) => inner.ListUnfinishedAsync(cancellationToken);
        public Task SyncAsync(SessionLease lease, CancellationToken cancellationToken) => inner.SyncAsync(lease, cancellationToken);

        public IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, CancellationToken cancellationToken) =>
            inner.ListAsync(scope, harnessId, after, cancellationToken);

        public IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, CancellationToken cancellationToken) => inner.ReadFeedAsync(scope, query, cancellationToken);

        public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => inner.NextAsync(scope, session, cancellationToken);

        public Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken) => inner.ReleaseAsync(lease, cancellationToken);

        private async Task<StoredEntry> NewerAsync(SessionKey session, StoredEntry entry, CancellationToken cancellationToken)
        {
            var key = await sealer!.ForActorAsync(session.Scope, ISealer.Account, cancellationToken); // Given for this damage.
            var header = new EntryChain(session).Header(entry with { Kind = (EntryKind)999 });
            var body = sealer.Seal(key, "{}"u8, header);
            return entry with { Kind = (EntryKind)999, Body = body, Hash = EntryChain.Hash(header, body) };
        }
    }
}
