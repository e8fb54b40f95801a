using Belay.Sessions;

namespace Belay.Testing.Sessions;

/// <summary>Reading across sessions, marks in lists, and waiting for news.</summary>
public partial class JournalContract
{
    [Fact]
    public async Task List_BehindAMark_GoesOnWhereThePageEnded()
    {
        foreach (var i in Enumerable.Range(1, 9))
        {
            var lease = await Journal.TakeAsync(Key($"s{i}"), "a", Token);

            // Three of each time, so that marks fall between equal times.
            await Journal.AppendAsync(lease, [Entry(1, [1]) with { At = Noon.AddMinutes(i / 3) }], Durability.Queued, Token);
        }

        var whole = await Journal.ListAsync(Ours, null, null, Token).ToListAsync(Token);
        for (var i = 0; i < whole.Count; i++)
        {
            var rest = await Journal.ListAsync(Ours, null, whole[i].Mark, Token).Select(row => row.Session).ToListAsync(Token);
            Assert.Equal(whole.Skip(i + 1).Select(row => row.Session), rest);
        }

        var earlier = await Journal.ListAsync(Ours, null, SessionMark.Before(Noon.AddMinutes(2)), Token).ToListAsync(Token);
        Assert.Equal(whole.Where(row => row.LastActivityAt < Noon.AddMinutes(2)).Select(row => row.Session), earlier.Select(row => row.Session));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Feed_IsInStoredOrder_OfItsScopeAndFilters(bool newestFirst)
    {
        SessionKey[] keys = [Key("one"), new(Ours, "other", "one"), new(new("111111111111", "us-west-2"), "h", "one"), Key("two")];
        var leases = new List<SessionLease>();
        foreach (var key in keys)
        {
            leases.Add(await Journal.TakeAsync(key, "a", Token));
        }

        for (var round = 1; round <= 3; round++)
        {
            foreach (var lease in leases)
            {
                await Journal.AppendAsync(lease, Entries(round, 1), round == 2 ? Durability.Synced : Durability.Queued, Token);
            }
        }

        var query = new FeedQuery { NewestFirst = newestFirst };
        var all = await FeedAsync(query);
        Assert.Equal(Ordered("h/one/1 other/one/1 h/two/1 h/one/2 other/one/2 h/two/2 h/one/3 other/one/3 h/two/3"), Names(all));
        Assert.Equal(Ordered("h/one/1 h/two/1 h/one/2 h/two/2 h/one/3 h/two/3"), Names(await FeedAsync(query with { HarnessId = "h" })));
        Assert.Equal(Ordered("h/two/1 h/two/2 h/two/3"), Names(await FeedAsync(query with { SessionId = "two" })));
        Assert.Equal(all.Select(entry => entry.Position).Order(), newestFirst ? all.Select(entry => entry.Position).Reverse() : all.Select(entry => entry.Position));
        foreach (var (index, entry) in all.Index())
        {
            Assert.Equal(Names(all.Skip(index + 1)), Names(await FeedAsync(newestFirst ? query with { Before = entry.Position } : query with { After = entry.Position })));
        }

        IEnumerable<string> Ordered(string names) => newestFirst ? names.Split(' ').Reverse() : names.Split(' ');
    }

    [Fact]
    public async Task Feed_OfATime_HasEverythingFromThenOn()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var noon = (await Journal.FindAsync(Key("s"), Token))!.CreatedAt;
        var entries = Entries(1, 600).Select(entry => entry with { At = noon.AddMinutes(entry.Sequence) }).ToList();
        await Journal.AppendAsync(lease, entries, Durability.Queued, Token);

        foreach (var minute in new[] { 0, 1, 299, 300, 599, 600, 601, 5000 })
        {
            var since = await FeedAsync(new() { Since = noon.AddMinutes(minute) });
            Assert.Equal(Math.Clamp(601 - minute, 0, 600), since.Count(entry => entry.Entry.At >= noon.AddMinutes(minute)));
            Assert.InRange(since.Count, 0, Math.Clamp(601 - minute, 0, 600) + (int)FeedQuery.Disorder.TotalMinutes);

            var until = await FeedAsync(new() { Until = noon.AddMinutes(minute), NewestFirst = true });
            Assert.Equal(Math.Clamp(minute - 1, 0, 600), until.Count(entry => entry.Entry.At < noon.AddMinutes(minute)));
            Assert.InRange(until.Count, 0, Math.Clamp(minute - 1, 0, 600) + (int)FeedQuery.Disorder.TotalMinutes);
        }
    }

    // What is imported keeps its times.
    [Fact]
    public async Task Feed_OfATime_HasWhatStandsAheadOfOlderEntries()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var noon = (await Journal.FindAsync(Key("s"), Token))!.CreatedAt;
        await Journal.AppendAsync(lease, [.. Entries(1, 500).Select(entry => entry with { At = noon })], Durability.Queued, Token);
        var imported = await Journal.TakeAsync(Key("imported"), "a", Token);
        await Journal.AppendAsync(imported, [.. Entries(1, 900).Select(entry => entry with { At = noon.AddDays(-30) })], Durability.Queued, Token);
        await Journal.AppendAsync(lease, [.. Entries(501, 100).Select(entry => entry with { At = noon.AddMinutes(1) })], Durability.Queued, Token);

        var since = await FeedAsync(new() { Since = noon });

        Assert.Equal(600, since.Count(entry => entry.Session.SessionId == "s"));
    }

    [Fact]
    public async Task Feed_OfTenThousand_ComesInOrder_BothWays()
    {
        var leases = new[] { await Journal.TakeAsync(Key("s"), "a", Token), await Journal.TakeAsync(new(new("111111111111", "us-west-2"), "h", "s"), "a", Token) };
        for (var first = 1; first < 5_000; first += 500)
        {
            foreach (var lease in leases)
            {
                await Journal.AppendAsync(lease, Entries(first, 500), Durability.Queued, Token);
            }
        }

        Assert.Equal(Enumerable.Range(1, 5000).Select(i => (long)i), (await FeedAsync(new())).Select(entry => entry.Entry.Sequence));
        Assert.Equal(Enumerable.Range(1, 5000).Select(i => (long)i).Reverse(), (await FeedAsync(new() { NewestFirst = true })).Select(entry => entry.Entry.Sequence));
    }

    [Theory]
    [InlineData(true, Durability.Queued)]
    [InlineData(true, Durability.Synced)]
    [InlineData(false, Durability.Queued)]
    [InlineData(false, Durability.Synced)]
    public async Task Next_CompletesWhenAnEntryCanBeRead(bool ofTheSession, Durability durability)
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var next = Journal.NextAsync(Ours, ofTheSession ? Key("s") : null, Token);
        Assert.False(next.IsCompleted);

        await Journal.AppendAsync(lease, Entries(1, 1), durability, Token);
        await next;

        Assert.Single(await Journal.ReadAsync(Key("s"), 0, Token).ToListAsync(Token));
        Assert.Single(await FeedAsync(new()));
    }

    [Fact]
    public async Task Next_OfAnother_StaysQuiet_AndEndsWhenCancelled()
    {
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        using var leave = new CancellationTokenSource();
        Task[] waiting = [Journal.NextAsync(Ours, Key("t"), leave.Token), Journal.NextAsync(new("111111111111", "us-west-2"), null, leave.Token)];
        var heard = Journal.NextAsync(Ours, null, Token);

        await Journal.AppendAsync(lease, Entries(1, 1), Durability.Synced, Token);
        await heard;

        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        await leave.CancelAsync();
        foreach (var task in waiting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        }
    }

    [Fact]
    public async Task Next_WhileOthersAppend_MissesNothing()
    {
        const int Count = 400;
        var lease = await Journal.TakeAsync(Key("s"), "a", Token);
        var followers = new[] { FollowAsync(), FollowAsync(), FollowFeedAsync(), FollowFeedAsync() };
        for (var i = 1; i <= Count; i++)
        {
            await Journal.AppendAsync(lease, Entries(i, 1), i % 3 == 0 ? Durability.Synced : Durability.Queued, Token);
        }

        foreach (var follower in followers)
        {
            Assert.Equal(Enumerable.Range(1, Count).Select(i => (long)i), await follower);
        }

        async Task<List<long>> FollowAsync()
        {
            await Task.Yield();
            var seen = new List<long>();
            while (true)
            {
                var next = Journal.NextAsync(Ours, Key("s"), Token);
                seen.AddRange(await Journal.ReadAsync(Key("s"), seen.Count, Token).Select(entry => entry.Sequence).ToListAsync(Token));
                if (seen.Count >= Count)
                {
                    return seen;
                }

                await next;
            }
        }

        async Task<List<long>> FollowFeedAsync()
        {
            await Task.Yield();
            var seen = new List<long>();
            for (var position = 0L; ;)
            {
                var next = Journal.NextAsync(Ours, null, Token);
                await foreach (var entry in Journal.ReadFeedAsync(Ours, new() { After = position }, Token))
                {
                    seen.Add(entry.Entry.Sequence);
                    position = entry.Position;
                }

                if (seen.Count >= Count)
                {
                    return seen;
                }

                await next;
            }
        }
    }

    private async Task<List<FeedEntry>> FeedAsync(FeedQuery query) => await Journal.ReadFeedAsync(Ours, query, Token).ToListAsync(Token);

    private static IEnumerable<string> Names(IEnumerable<FeedEntry> entries) =>
        entries.Select(entry => $"{entry.Session.HarnessId}/{entry.Session.SessionId}/{entry.Entry.Sequence}");
}
