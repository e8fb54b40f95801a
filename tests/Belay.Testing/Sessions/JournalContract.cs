using System.Security.Cryptography;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Testing.Sessions;

/// <summary>What every <see cref="IJournal"/> does.</summary>
public abstract partial class JournalContract : IAsyncLifetime
{
    protected static readonly Scope Ours = new("000000000000", "us-west-2");
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    protected IJournal Journal { get; set; } = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Journal = await OpenAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>Opens an empty journal.</summary>
    protected abstract Task<IJournal> OpenAsync();

    /// <summary>Closes the journal in good order and opens what it kept.</summary>
    protected abstract Task<IJournal> ReopenAsync();

    [Fact]
    public async Task Take_NewSession_HasAnEmptyRow()
    {
        Assert.Null(await Journal.FindAsync(Key("s"), Token));

        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var row = await Journal.FindAsync(Key("s"), Token);

        Assert.Equal(Key("s"), lease.Session);
        Assert.NotNull(row);
        Assert.Equal((0, null, null), (row.LastSequence, row.ActorRef, row.LastKind));
        Assert.Equal(new byte[32], row.LastHash.ToArray());
        Assert.Equal(row.CreatedAt, row.LastActivityAt);
        Assert.Empty(await Journal.ReadAsync(Key("s"), 0, Token).ToListAsync(Token));
    }

    [Theory]
    [InlineData(Durability.Queued)]
    [InlineData(Durability.Synced)]
    public async Task Append_ThenRead_GivesTheEntries(Durability durability)
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var entries = Entries(1, 3, actorRef: "actor");

        await Journal.AppendAsync(lease, entries, durability, Token);

        await AssertHoldsAsync(Key("s"), entries);
        await AssertHoldsAsync(Key("s"), entries[2..], after: 2);
        await AssertHoldsAsync(Key("s"), [], after: 3);
        await AssertHoldsAsync(Key("s"), [], after: 30);
        var row = await Journal.FindAsync(Key("s"), Token);
        Assert.Equal((3, "actor", entries[2].Kind, entries[2].At), (row!.LastSequence, row.ActorRef, row.LastKind, row.LastActivityAt));
        Assert.Equal(entries[2].Hash.ToArray(), row.LastHash.ToArray());
    }

    [Fact]
    public async Task Append_QueuedThenSynced_KeepsOrder()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var entries = Entries(1, 40);

        for (var i = 0; i < entries.Count; i++)
        {
            await Journal.AppendAsync(lease, entries[i..(i + 1)], i % 4 == 3 ? Durability.Synced : Durability.Queued, Token);
        }

        await AssertHoldsAsync(Key("s"), entries);
    }

    [Fact]
    public async Task Append_EmptyAndLargeBodies_AreKept()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        List<StoredEntry> entries = [Entry(1, []), Entry(2, RandomNumberGenerator.GetBytes(3_000_000)), Entry(3, RandomNumberGenerator.GetBytes(3_000_000)), Entry(4, [1])];

        await Journal.AppendAsync(lease, entries, Durability.Synced, Token);

        await AssertHoldsAsync(Key("s"), entries);
    }

    [Fact]
    public async Task Append_WhatBreaksTheRules_IsRefusedWhole()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 2, "actor"), Durability.Synced, Token);
        IReadOnlyList<StoredEntry>[] broken =
        [
            [],
            Entries(2, 1),
            Entries(4, 1),
            [Entry(3, [1]), Entry(5, [1])],
            [Entry(3, [1]), Entry(3, [1])],
            [Entry(3, [1]), Entry(4, [1]) with { ActorRef = "another" }],
            [Entry(3, [1]) with { Hash = new byte[31] }],
        ];

        foreach (var entries in broken)
        {
            await Assert.ThrowsAsync<ArgumentException>(() => Journal.AppendAsync(lease, entries, Durability.Synced, Token));
        }

        Assert.Equal(2, (await Journal.FindAsync(Key("s"), Token))!.LastSequence);
        await Journal.AppendAsync(lease, Entries(3, 1), Durability.Synced, Token);
        Assert.Equal("actor", (await Journal.FindAsync(Key("s"), Token))!.ActorRef);
    }

    [Fact]
    public async Task Take_HeldByAnother_NamesTheOwner()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);

        var refusal = await Assert.ThrowsAsync<SessionOwnedElsewhereException>(() => Journal.TakeAsync(Key("s"), "b", Token));

        Assert.Equal("a", refusal.Owner);
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
    }

    [Fact]
    public async Task Take_AfterRelease_GoesToAnotherWithALargerToken()
    {
        var first = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(first, Entries(1, 1), Durability.Queued, Token);
        await Journal.ReleaseAsync(first, Token);

        var second = await Journal.TakeAsync(Key("s"), "b", Token);

        Assert.True(second.Token > first.Token);
        Assert.Equal(first.Number, second.Number);
        await Journal.AppendAsync(second, Entries(2, 1), Durability.Synced, Token);
        await AssertHoldsAsync(Key("s"), Entries(1, 2));
    }

    [Theory]
    [InlineData(Durability.Queued)]
    [InlineData(Durability.Synced)]
    public async Task Append_AfterANewerLease_IsFenced(Durability durability)
    {
        var old = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(old, Entries(1, 1), Durability.Queued, Token);
        var current = await Journal.TakeAsync(Key("s"), "a", Token);

        await Assert.ThrowsAsync<LeaseLostException>(() => Journal.AppendAsync(old, Entries(2, 1), durability, Token));
        await Journal.ReleaseAsync(old, Token);

        Assert.True(current.Token > old.Token);
        await Assert.ThrowsAsync<SessionOwnedElsewhereException>(() => Journal.TakeAsync(Key("s"), "b", Token));
        await Journal.AppendAsync(current, Entries(2, 1), durability, Token);
        await AssertHoldsAsync(Key("s"), Entries(1, 2));
    }

    [Fact]
    public async Task Append_AfterRelease_IsFenced()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.ReleaseAsync(lease, Token);
        await Journal.ReleaseAsync(lease, Token);

        await Assert.ThrowsAsync<LeaseLostException>(() => Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token));
        Assert.Equal(0, (await Journal.FindAsync(Key("s"), Token))!.LastSequence);
    }

    [Fact]
    public async Task Reopen_EndsLeasesAndKeepsEntries()
    {
        var before = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(before, Entries(1, 2), Durability.Synced, Token);
        await Journal.AppendAsync(before, Entries(3, 1), Durability.Queued, Token);
        var closed = Journal;

        Journal = await ReopenAsync();
        var after = await Journal.TakeAsync(Key("s"), "b", Token);

        Assert.True(after.Token > before.Token);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => closed.AppendAsync(before, Entries(4, 1), Durability.Synced, Token));
        await Assert.ThrowsAsync<LeaseLostException>(() => Journal.AppendAsync(before, Entries(4, 1), Durability.Synced, Token));
        await Journal.AppendAsync(after, Entries(4, 1), Durability.Synced, Token);
        await AssertHoldsAsync(Key("s"), Entries(1, 4));
    }

    [Fact]
    public async Task Sessions_DoNotMix()
    {
        SessionKey[] keys =
        [
            Key("s"), Key("S"), new(Ours, "other-harness", "s"), new(new("111111111111", "us-west-2"), "h", "s"), new(new("000000000000", "eu-west-1"), "h", "s"),
        ];
        for (var i = 0; i < keys.Length; i++)
        {
            var lease = await Journal.TakeAsync(keys[i], "a", Token);
            await Journal.AppendAsync(lease, Entries(1, i + 1), Durability.Synced, Token);
        }

        for (var i = 0; i < keys.Length; i++)
        {
            await AssertHoldsAsync(keys[i], Entries(1, i + 1));
        }
    }

    [Fact]
    public async Task List_NewestFirst_InItsScopeAndHarness()
    {
        SessionKey[] keys = [Key("one"), Key("two"), new(Ours, "other", "three"), new(new("111111111111", "us-west-2"), "h", "four")];
        foreach (var (key, minute) in keys.Zip([2, 3, 1, 4]))
        {
            var lease = await Journal.TakeAsync(key, "a", Token);
            await Journal.AppendAsync(lease, [Entry(1, [1]) with { At = Noon.AddMinutes(minute) }], Durability.Queued, Token);
        }

        Assert.Equal(["two", "one", "three"], await List(null));
        Assert.Equal(["two", "one"], await List("h"));
        Assert.Empty(await List("none"));

        async Task<IEnumerable<string>> List(string? harness) =>
            (await Journal.ListAsync(Ours, harness, null, Token).ToListAsync(Token)).Select(row => row.Session.SessionId);
    }

    [Fact]
    public async Task ListUnfinished_EveryScope_OldestSessionFirst()
    {
        var other = new SessionKey(new("111111111111", "us-west-2"), "h", "other");
        SessionKey[] keys = [Key("ended"), Key("begun"), Key("again"), other, Key("never"), Key("batch")];
        EntryKind[][] kinds =
        [
            [EntryKind.InvocationStarted, EntryKind.InvocationEnded, EntryKind.CommandIntent],
            [EntryKind.InvocationStarted, EntryKind.ModelIntent],
            [EntryKind.InvocationStarted, EntryKind.InvocationEnded, EntryKind.InvocationStarted, EntryKind.SandboxStarted],
            [EntryKind.InvocationStarted],
            [EntryKind.CommandIntent],
            [EntryKind.InvocationStarted, EntryKind.InvocationEnded],
        ];
        foreach (var (key, all) in keys.Zip(kinds))
        {
            var lease = await Journal.TakeAsync(key, "a", Token);
            var entries = all.Select((kind, i) => Entry(i + 1, [1]) with { Kind = kind }).ToList();
            if (key == Key("batch"))
            {
                await Journal.AppendAsync(lease, entries, Durability.Synced, Token);
                continue;
            }

            foreach (var entry in entries)
            {
                await Journal.AppendAsync(lease, [entry], Durability.Queued, Token);
            }
        }

        var rows = await Journal.ListUnfinishedAsync(Token).ToListAsync(Token);

        Assert.Equal(["begun", "again", "other"], rows.Select(row => row.Session.SessionId));
        Assert.Equal(other, rows[^1].Session);
        Assert.All(rows, row => Assert.True(row.Unfinished));
        Assert.False((await Journal.FindAsync(Key("ended"), Token))!.Unfinished);
    }

    [Fact]
    public async Task List_ManySessions_EachOnce()
    {
        foreach (var i in Enumerable.Range(0, 600))
        {
            await Journal.TakeAsync(Key($"s{i}"), "a", Token);
        }

        var rows = await Journal.ListAsync(Ours, "h", null, Token).ToListAsync(Token);

        Assert.Equal(600, rows.Select(row => row.Session.SessionId).Distinct().Count());
        Assert.Equal(600, rows.Count);
    }

    [Fact]
    public async Task Read_TenThousandEntries_ComeInOrder()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        for (var first = 1; first < 10_000; first += 500)
        {
            await Journal.AppendAsync(lease, Entries(first, 500), Durability.Queued, Token);
        }

        var expected = 1L;
        await foreach (var entry in Journal.ReadAsync(Key("s"), 0, Token))
        {
            Assert.Equal(expected++, entry.Sequence);
        }

        Assert.Equal(10_001, expected);
    }

    [Fact]
    public async Task Read_EarlyLeaver_LeavesNothingBehind()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1000), Durability.Synced, Token);

        // More leavers than any store has readers.
        for (var i = 0; i < 100; i++)
        {
            await foreach (var entry in Journal.ReadAsync(Key("s"), 0, Token))
            {
                Assert.Equal(1, entry.Sequence);
                break;
            }
        }

        await Journal.AppendAsync(lease, Entries(1001, 1), Durability.Synced, Token);
        Assert.Equal(1001, (await Journal.ReadAsync(Key("s"), 0, Token).ToListAsync(Token)).Count);
    }

    [Fact]
    public async Task Read_WhileOthersAppend_HasNoGap()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 300), Durability.Synced, Token);

        var expected = 1L;
        await foreach (var entry in Journal.ReadAsync(Key("s"), 0, Token))
        {
            Assert.Equal(expected, entry.Sequence);
            if (expected++ % 100 == 0 && expected < 1000)
            {
                await Journal.AppendAsync(lease, Entries((await Journal.FindAsync(Key("s"), Token))!.LastSequence + 1, 100), Durability.Queued, Token);
            }
        }

        Assert.True(expected > 300);
    }

    [Fact]
    public async Task Append_ManySessionsAtOnce_AllKept()
    {
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async session =>
        {
            var key = Key($"s{session}");
            var lease = await Journal.TakeAsync(key, "a", Token);
            for (var i = 1; i <= 20; i += 2)
            {
                await Journal.AppendAsync(lease, Entries(i, 1), Durability.Queued, Token);
                await Journal.AppendAsync(lease, Entries(i + 1, 1), Durability.Synced, Token);
            }

            await Journal.ReleaseAsync(lease, Token);
        }));

        foreach (var session in Enumerable.Range(0, 64))
        {
            await AssertHoldsAsync(Key($"s{session}"), Entries(1, 20));
        }
    }

    [Fact]
    public async Task TakeAndRelease_ManySessionsAtOnce_EachHasItsOwnNumberAndEntries()
    {
        var before = await Journal.TakeAsync(Key("before"), "a", Token);
        await Journal.ReleaseAsync(before, Token);
        Journal = await ReopenAsync();

        var numbers = await Task.WhenAll(Enumerable.Range(0, 200).Select(session => Task.Run(
            async () =>
            {
                var (number, token) = (0L, 0L);
                for (var i = 1; i <= 5; i++)
                {
                    var lease = await Journal.TakeAsync(Key($"s{session}"), $"owner-{i}", Token);
                    Assert.True(lease.Token > token);
                    Assert.True(number == 0 || lease.Number == number);
                    (number, token) = (lease.Number, lease.Token);
                    await Journal.AppendAsync(lease, Entries(i, 1), Durability.Queued, Token);
                    await Journal.ReleaseAsync(lease, Token);
                }

                return number;
            },
            Token)));

        Assert.Equal(201, numbers.Append(before.Number).Distinct().Count());
        foreach (var session in Enumerable.Range(0, 200))
        {
            await AssertHoldsAsync(Key($"s{session}"), Entries(1, 5));
        }
    }

    [Fact]
    public async Task Append_Several_TheRowIsTheLastOnes()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var entries = Entries(1, 3, actorRef: "actor");
        await Journal.AppendAsync(lease, entries[..1], Durability.Queued, Token);
        await Journal.AppendAsync(lease, entries[1..2], Durability.Queued, Token);
        await Journal.AppendAsync(lease, entries[2..], Durability.Synced, Token);

        Journal = await ReopenAsync();

        var row = await Journal.FindAsync(Key("s"), Token);
        Assert.Equal((3, "actor", entries[2].Kind, entries[2].At), (row!.LastSequence, row.ActorRef, row.LastKind, row.LastActivityAt));
        Assert.Equal(entries[2].Hash.ToArray(), row.LastHash.ToArray());
    }

    [Fact]
    public async Task Take_ManyAtOnce_OneOwnerWins()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 32).Select(async i =>
        {
            try
            {
                return (await Journal.TakeAsync(Key("s"), $"owner-{i}", Token)).Token;
            }
            catch (SessionOwnedElsewhereException)
            {
                return 0;
            }
        }));

        Assert.Single(outcomes, token => token != 0);
    }

    [Fact]
    public async Task Cancelled_WritesNothing()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Journal.TakeAsync(Key("t"), "a", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Journal.FindAsync(Key("s"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Journal.ReleaseAsync(lease, cancelled));

        Assert.Null(await Journal.FindAsync(Key("t"), Token));
        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        await AssertHoldsAsync(Key("s"), Entries(1, 1));
    }

    [Fact]
    public async Task CancelDuringAppend_WroteAllOrNothing()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var next = 1L;
        for (var i = 0; i < 50; i++)
        {
            using var cancel = new CancellationTokenSource();
            var append = Journal.AppendAsync(lease, Entries(next, 3), Durability.Synced, cancel.Token);
            await cancel.CancelAsync();
            try
            {
                await append;
                next += 3;
            }
            catch (OperationCanceledException)
            {
            }
        }

        Assert.Equal(next - 1, (await Journal.FindAsync(Key("s"), Token))!.LastSequence);
    }

    [Fact]
    public async Task CancelDuringRead_EndsIt()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        await Journal.AppendAsync(lease, Entries(1, 1000), Durability.Synced, Token);
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var entry in Journal.ReadAsync(Key("s"), 0, cancel.Token))
            {
                Assert.Equal(1, entry.Sequence);
                await cancel.CancelAsync();
            }
        });
    }

    protected static SessionKey Key(string sessionId) => new(Ours, "h", sessionId);

    /// <summary>Entries whose content follows from their sequence.</summary>
    protected static List<StoredEntry> Entries(long first, int count, string? actorRef = null) =>
        [.. Enumerable.Range(0, count).Select(i => Entry(first + i, BitConverter.GetBytes(first + i)) with { ActorRef = actorRef })];

    protected static StoredEntry Entry(long sequence, byte[] body) => new(
        sequence,
        Noon.AddMilliseconds(sequence),
        EntryKind.ModelIntent,
        ActorRef: null,
        KeyId: "1",
        SHA256.HashData(BitConverter.GetBytes(sequence - 1)),
        SHA256.HashData(BitConverter.GetBytes(sequence)),
        body);

    protected async Task AssertHoldsAsync(SessionKey session, IReadOnlyList<StoredEntry> expected, long after = 0)
    {
        var stored = await Journal.ReadAsync(session, after, Token).ToListAsync(Token);
        Assert.Equal(expected.Select(Comparable), stored.Select(Comparable));
    }

    private static object Comparable(StoredEntry entry) => (
        entry.Sequence,
        entry.At,
        entry.Kind,
        entry.ActorRef,
        entry.KeyId,
        Convert.ToHexString(entry.PreviousHash.Span),
        Convert.ToHexString(entry.Hash.Span),
        Convert.ToHexString(SHA256.HashData(entry.Body.Span)));
}
