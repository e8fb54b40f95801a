namespace Belay.Tests.Verification;

/// <summary>What somebody who can write the files, and has no master key, does to them: each is found, and where it is.</summary>
public sealed class TamperTests
{
    /// <summary>Sessions have the numbers 1, 2 and 3 and the names one, two and three.</summary>
    public static TheoryData<string, string, string> Changes => new()
    {
        { "nothing", "SELECT 1", "" },
        { "an edited body", "UPDATE entries SET body = zeroblob(60) WHERE session = 2 AND sequence = 3", "two 3 its hash does not match" },
        { "a bit of a body", "UPDATE entries SET body = CAST(substr(body, 1, 20) || x'00' || substr(body, 22) AS BLOB) WHERE session = 2 AND sequence = 5", "two 5 its hash does not match" },
        { "an edited time", "UPDATE entries SET at = at + 1 WHERE session = 1 AND sequence = 1", "one 1 its hash does not match" },
        { "an edited kind", "UPDATE entries SET kind = 13 WHERE session = 1 AND sequence = 2", "one 2 its hash does not match" },
        { "another actor", "UPDATE entries SET actor_ref = NULL WHERE session = 1 AND sequence = 2", "one 2 its hash does not match" },
        { "another key id", "UPDATE entries SET key_id = '2' WHERE session = 3 AND sequence = 3", "three 3 its hash does not match" },
        { "an edited hash", "UPDATE entries SET hash = zeroblob(32) WHERE session = 2 AND sequence = 4", "two 4 its hash does not match" },
        { "an edited previous hash", "UPDATE entries SET previous_hash = zeroblob(32) WHERE session = 2 AND sequence = 4", "two 4 it does not follow" },
        { "a removed entry", "DELETE FROM entries WHERE session = 2 AND sequence = 2", "two 2 it is missing" },
        { "the first entry removed", "DELETE FROM entries WHERE session = 2 AND sequence = 1", "two 1 it is missing" },
        {
            "two entries swapped",
            "UPDATE entries SET sequence = 99 WHERE session = 2 AND sequence = 2; UPDATE entries SET sequence = 2 WHERE session = 2 AND sequence = 3; UPDATE entries SET sequence = 3 WHERE session = 2 AND sequence = 99",
            "two 2 it does not follow"
        },
        {
            "a removed entry, the rest moved up",
            "DELETE FROM entries WHERE session = 2 AND sequence = 2; UPDATE entries SET sequence = sequence - 1 WHERE session = 2 AND sequence > 2; UPDATE heads SET last_sequence = 4 WHERE session = 2",
            "two 2 it does not follow"
        },
        { "a cut tail", "DELETE FROM entries WHERE session = 2 AND sequence > 3", "two 4 it and all up to entry 5 are missing, though they were" },
        {
            "a cut tail that the row agrees to",
            "DELETE FROM entries WHERE session = 2 AND sequence > 3; UPDATE heads SET last_sequence = 3, last_hash = (SELECT hash FROM entries WHERE session = 2 AND sequence = 3) WHERE session = 2",
            "two 4 it and all up to entry 5 are missing, though they were"
        },
        {
            "an emptied session",
            "DELETE FROM entries WHERE session = 3; UPDATE heads SET last_sequence = 0, last_hash = zeroblob(32), last_kind = NULL WHERE session = 3",
            "three 1 it and all up to entry 3 are missing"
        },
        { "a session removed altogether", "DELETE FROM entries WHERE session = 3; DELETE FROM heads WHERE session = 3; DELETE FROM sessions WHERE number = 3", "three 1 the whole session is missing" },
        { "a session's row removed", "DELETE FROM heads WHERE session = 2", "two 1 the session's row is missing" },
        { "a renamed session", "UPDATE sessions SET session_id = 'other' WHERE number = 3", "three 1 the session stands under another name: session other" },
        {
            "two sessions' entries swapped",
            "UPDATE entries SET session = 99 WHERE session = 1; UPDATE entries SET session = 1 WHERE session = 3; UPDATE entries SET session = 3 WHERE session = 99",
            "one 1 its hash does not match|three 1 its hash does not match"
        },
        { "a row with another hash", "UPDATE heads SET last_hash = zeroblob(32) WHERE session = 2", "two 5 the session's row names another last entry" },
        { "a row with another actor", "UPDATE heads SET actor_ref = (SELECT actor_ref FROM heads WHERE session = 1) WHERE session = 2", "two 5 the session's row says something else" },
        { "a row with another time", "UPDATE heads SET last_at = last_at - 1 WHERE session = 3", "three 3 the session's row says something else" },
        { "a row that claims more", "UPDATE heads SET last_sequence = 9 WHERE session = 3", "three 4 it and all up to entry 9 are missing" },
        { "an actor's key changed", "UPDATE documents SET body = zeroblob(100) WHERE collection = 'actor-keys' AND id = (SELECT actor_ref FROM heads WHERE session = 2)", "two 1 the key of its actor cannot be opened" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Change_IsFoundWhereItIs(string what, string sql, string expected)
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        store.Tamper(sql);

        var (damaged, tally) = await store.VerifyAsync();

        var found = string.Join('|', damaged.Select(one => $"{one.SessionId} {one.Sequence} {one.Problem}"));
        Assert.Equal(expected.Split('|', StringSplitOptions.RemoveEmptyEntries).Length, damaged.Count);
        Assert.All(expected.Split('|').Zip(found.Split('|')), pair => Assert.True(pair.Second.StartsWith(pair.First, StringComparison.Ordinal), $"{what}: {found}"));
        Assert.Equal((3L, (long)damaged.Count), (tally.Sessions, tally.DamagedSessions));
        Assert.All(damaged, one => Assert.NotEmpty(one.Meaning));
        Assert.Null(tally.Heads!.Problem);
    }

    [Fact]
    public async Task WhatCannotBeReadAgain_IsQuarantinedAtTheStart_AndStaysSignedAsItWas()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        store.Tamper("DELETE FROM entries WHERE session = 2 AND sequence > 3; UPDATE heads SET last_sequence = 3, last_hash = (SELECT hash FROM entries WHERE session = 2 AND sequence = 3) WHERE session = 2");

        for (var start = 0; start < 2; start++)
        {
            await store.OpenAsync();
            var refusal = Assert.Throws<Belay.Sessions.JournalDamagedException>(() => store.Quarantine.ThrowIfIn(SignedStore.Key("two")));
            Assert.Equal(4, refusal.Sequence);
            store.Quarantine.ThrowIfIn(SignedStore.Key("one"));
            await store.WriteAsync(SignedStore.Key("one"), 1);
            await store.CloseAsync();
        }

        Assert.Equal(2, store.Log.Lines.Count(line => line.StartsWith("Error: Session two is quarantined.", StringComparison.Ordinal)));
        Assert.Equal(["two"], (await store.VerifyAsync()).Damaged.Select(one => one.SessionId));
    }

    [Fact]
    public async Task NumberOfARemovedSession_IsNotGivenAgain()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        store.Tamper("DELETE FROM entries WHERE session = 3; DELETE FROM heads WHERE session = 3; DELETE FROM sessions WHERE number = 3");

        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("new"), 2);
        await store.CloseAsync();

        Assert.Equal(["three"], (await store.VerifyAsync()).Damaged.Select(one => one.SessionId));
    }

    [Fact]
    public async Task PastOfAFork_IsVerifiedWithIt()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        await store.OpenAsync();
        var third = Convert.ToHexStringLower((await store.Journal!.ReadAsync(SignedStore.Key("one"), 2, TestContext.Current.CancellationToken).FirstAsync(TestContext.Current.CancellationToken)).Hash.Span);
        await store.ForkAsync("fork", "one", 3, third);
        var first = Convert.ToHexStringLower((await store.Journal!.ReadAsync(SignedStore.Key("fork"), 0, TestContext.Current.CancellationToken).FirstAsync(TestContext.Current.CancellationToken)).Hash.Span);
        await store.ForkAsync("fork of the fork", "fork", 1, first);
        await store.ForkAsync("liar", "one", 3, first);
        await store.ForkAsync("orphan", "one", 9, third);
        await store.CloseAsync();

        var (damaged, tally) = await store.VerifyAsync();
        Assert.Equal(
            ["liar 1 entry 3 of session one, which it goes on from, is another one now.", "orphan 1 entry 9 of session one, which it goes on from, is missing."],
            damaged.Select(one => $"{one.SessionId} {one.Sequence} {one.Problem}").Order(StringComparer.Ordinal));
        Assert.Equal(7, tally.Sessions);

        // By itself, a fork of a fork is verified back to its beginning.
        Assert.Empty((await store.VerifyAsync(new(SessionId: "fork of the fork"))).Damaged);
        store.Tamper("UPDATE entries SET body = zeroblob(60) WHERE session = 1 AND sequence = 2");
        Assert.Equal(["one 2"], (await store.VerifyAsync(new(SessionId: "fork of the fork"))).Damaged.Select(one => $"{one.SessionId} {one.Sequence}"));
        Assert.Equal(["liar 1", "one 2", "orphan 1"], (await store.VerifyAsync()).Damaged.Select(one => $"{one.SessionId} {one.Sequence}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Erased_IsCounted_AndNoDamage()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        await store.OpenAsync();
        var row = await store.Journal!.FindAsync(SignedStore.Key("two"), TestContext.Current.CancellationToken);
        await store.Sealer!.DestroyAsync(row!.Session.Scope, row.ActorRef!, TestContext.Current.CancellationToken);
        await store.CloseAsync();

        var (damaged, tally) = await store.VerifyAsync();

        Assert.Empty(damaged);
        Assert.Equal((12L, 5L, 0L), (tally.Entries, tally.ErasedBodies, tally.UnsignedEntries));
    }

    [Fact]
    public async Task Scope_OnlyWhatWasAskedFor()
    {
        await using var store = new SignedStore();
        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("one"), 1);
        await store.WriteAsync(SignedStore.Key("one", "111111111111"), 1);
        await store.WriteAsync(SignedStore.Key("two"), 1);
        await store.CloseAsync();
        store.Tamper("UPDATE entries SET body = x'00'");

        Assert.Equal(3, (await store.VerifyAsync()).Damaged.Count);
        Assert.Equal(["000000000000", "111111111111"], (await store.VerifyAsync(new(SessionId: "one"))).Damaged.Select(one => one.Account));
        var foreign = await store.VerifyAsync(new("111111111111"));
        Assert.Equal(1, foreign.Tally.Sessions);
        Assert.Null(foreign.Tally.Heads);
    }
}
