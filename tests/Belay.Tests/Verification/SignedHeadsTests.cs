using Belay.Identity;
using Belay.Sessions;
using Belay.Testing;
using Belay.Verification;

namespace Belay.Tests.Verification;

/// <summary>The second file: when heads are signed, what it survives, and what is found in it.</summary>
public sealed class SignedHeadsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Heads_AreSignedASecondAfterTheFirstChange_OncePerSession()
    {
        await using var store = new SignedStore();
        await store.OpenAsync();
        var empty = new FileInfo(store.Heads).Length;

        await store.WriteAsync(SignedStore.Key("one"), 50);
        await store.WriteAsync(SignedStore.Key("two"), 1);
        Assert.Equal(empty, new FileInfo(store.Heads).Length);
        await store.SignAsync();

        using var scan = await store.Keeper.ScanAsync(Token);
        Assert.Null(scan.Problem);
        Assert.Equal([(1, 50), (2, 1)], scan.Heads().Select(head => (head.Number, head.Sequence)));
        Assert.False(scan.Closed);
    }

    [Fact]
    public async Task Crash_LeavesTheLastSecondUnsigned_AndTheNextStartSignsIt()
    {
        await using var store = new SignedStore();
        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("one"), 2);
        await store.SignAsync();
        await store.WriteAsync(SignedStore.Key("one"), 3);
        await store.CrashAsync();

        var crashed = await store.VerifyAsync();
        await store.OpenAsync();
        await store.CloseAsync();
        var after = await store.VerifyAsync();

        Assert.Empty(crashed.Damaged);
        Assert.Equal((3, null), (crashed.Tally.UnsignedEntries, crashed.Tally.Heads!.Problem));
        Assert.Equal((0, null), (after.Tally.UnsignedEntries, after.Tally.Heads!.Problem));
        Assert.DoesNotContain(store.Log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FileCutAnywhere_IsFoundOrOnlyWhatACrashLeaves()
    {
        await using var store = new SignedStore();
        await store.OpenAsync();
        for (var i = 0; i < 4; i++)
        {
            await store.WriteAsync(SignedStore.Key("one"), 1);
            await store.SignAsync();
            store.Time.Advance(TimeSpan.FromMinutes(1));
        }

        await store.CloseAsync();
        var whole = File.ReadAllBytes(store.Heads);
        for (var length = 0; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(store.Heads, whole[..length]);
            var (damaged, tally) = await store.VerifyAsync();

            // Cutting the heads damages no session. With one entry left unsigned it looks like a crash; with more it does not.
            Assert.Empty(damaged);
            Assert.True(tally.UnsignedEntries <= 1 || tally.Heads!.Problem is not null, $"cut at {length} of {whole.Length}: {tally.UnsignedEntries} unsigned");
        }
    }

    [Fact]
    public async Task AnyChangedByte_IsFound_AndServingGoesOn()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        var whole = File.ReadAllBytes(store.Heads);
        for (var at = 0; at < whole.Length; at += 11)
        {
            var changed = whole.ToArray();
            changed[at] ^= 0x40;
            File.WriteAllBytes(store.Heads, changed);
            Assert.True((await store.VerifyAsync()).Tally.Heads!.Problem is not null, $"byte {at}");
        }

        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("one"), 1);
        await store.CloseAsync();
        Assert.Contains(store.Log.Lines, line => line.StartsWith("Warning: The", StringComparison.Ordinal) && line.Contains("begun anew", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(store.Directory, HeadsFile.AsideName)));
        var (damaged, tally) = await store.VerifyAsync();
        Assert.Empty(damaged);
        Assert.Null(tally.Heads!.Problem);
    }

    [Fact]
    public async Task ChangedBatch_TakesNothingFromTheOthers()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        var bytes = File.ReadAllBytes(store.Heads);
        bytes[HeadsFormat.HeaderBytes + HeadsFormat.LengthBytes + 3] ^= 1;
        File.WriteAllBytes(store.Heads, bytes);
        store.Tamper("DELETE FROM entries WHERE session = 2 AND sequence = 5");

        var (damaged, tally) = await store.VerifyAsync();

        Assert.NotNull(tally.Heads!.Problem);
        Assert.Contains("the signed heads say so", Assert.Single(damaged).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FileRemoved_IsSaid_AndServingGoesOn()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        File.Delete(store.Heads);

        Assert.Contains("no signed heads", (await store.VerifyAsync()).Tally.Heads!.Problem, StringComparison.Ordinal);
        store.Time.Advance(TimeSpan.FromDays(1));
        await store.OpenAsync();
        await store.CloseAsync();

        var (_, tally) = await store.VerifyAsync();
        Assert.Null(tally.Heads!.Problem);
        Assert.Equal(store.Time.GetUtcNow(), tally.Heads.Since);
        Assert.Contains(store.Log.Lines, line => line.StartsWith("Warning: There are no signed heads", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FileOfAnotherKey_ProvesNothing()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        using var scan = HeadKeeper.Scan(store.Directory, MasterKey.FromBytes(new byte[32]));

        Assert.NotNull(scan.Problem);
        Assert.Empty(scan.Heads());
    }

    [Fact]
    public async Task FileThatIsReplacedWhileTheServerRuns_IsFound()
    {
        await using var store = new SignedStore();
        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("one"), 1);
        await store.SignAsync();
        var older = File.ReadAllBytes(store.Heads);
        await store.WriteAsync(SignedStore.Key("one"), 1);
        await store.SignAsync();
        File.Delete(store.Heads);
        File.WriteAllBytes(store.Heads, older);

        using var scan = await store.Keeper.ScanAsync(Token);

        Assert.Contains("somebody else wrote", scan.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FileThatCannotBeWritten_HoldsUpNobody_AndIsTriedAgain()
    {
        await using var store = new SignedStore();
        Directory.CreateDirectory(store.Heads);
        await store.OpenAsync();
        await store.WriteAsync(SignedStore.Key("one"), 2);
        store.Time.Advance(HeadKeeper.Every);
        Directory.Delete(store.Heads);

        await store.WriteAsync(SignedStore.Key("two"), 1);
        await store.SignAsync();
        await store.CloseAsync();

        var (damaged, tally) = await store.VerifyAsync();
        Assert.Empty(damaged);
        Assert.Equal((0, null), (tally.UnsignedEntries, tally.Heads!.Problem));
        Assert.Single(store.Log.Lines, line => line.Contains("cannot be written", StringComparison.Ordinal));
    }

    [Fact]
    public void Grown_IsWrittenAnew_AndSaysTheSame()
    {
        using var directory = new TemporaryDirectory();
        var (path, key, time) = (Path.Combine(directory.Path, HeadsFile.FileName), new byte[32], new ManualTime());
        var expected = new SortedDictionary<long, long>();
        var random = new Random(7);
        var largest = 0L;
        using (var file = HeadsFile.Begin(path, key, time, lastNumber: 0))
        {
            for (var round = 1; round <= 600; round++)
            {
                // Session 5 is written to all the time, others now and then, and new ones come.
                var numbers = Enumerable.Range(0, 60).Select(_ => (long)random.Next(1, 10 + (round * 5))).Append(5).Distinct().ToList();
                file.Append(numbers.Select(number => Head(number, round)), HeadsBatchKind.Changes);
                numbers.ForEach(number => expected[number] = round);
                file.CompactIfLarge();
                largest = Math.Max(largest, new FileInfo(path).Length);
            }

            using var open = HeadsScan.Read(path, key);
            Assert.Equal(file.Mac.ToArray(), open.Mac.ToArray());
        }

        using var scan = HeadsScan.Read(path, key);
        Assert.Null(scan.Problem);
        Assert.True(scan.BaseBytes > HeadsFormat.HeaderBytes, "it was never written anew");
        Assert.Equal(expected.Select(pair => (pair.Key, pair.Value)), scan.Heads().Select(head => (head.Number, head.Sequence)));
        Assert.InRange(largest, 1_000_000, 2_500_000);
        Assert.Equal([HeadsFile.FileName], Directory.EnumerateFileSystemEntries(directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void LaterHeadThatSaysLess_DoesNotUndoTheEarlier()
    {
        using var directory = new TemporaryDirectory();
        var (path, key) = (Path.Combine(directory.Path, HeadsFile.FileName), new byte[32]);
        using (var file = HeadsFile.Begin(path, key, new ManualTime(), lastNumber: 0))
        {
            file.Append([Head(1, 9)], HeadsBatchKind.Changes);
            file.Append([Head(1, 3)], HeadsBatchKind.Changes);
        }

        using var scan = HeadsScan.Read(path, key);
        Assert.Equal(9, Assert.Single(scan.Heads()).Sequence);
    }

    [Fact]
    public void PartOfABatch_IsWrittenOver()
    {
        using var directory = new TemporaryDirectory();
        var (path, key, time) = (Path.Combine(directory.Path, HeadsFile.FileName), new byte[32], new ManualTime());
        using (var file = HeadsFile.Begin(path, key, time, lastNumber: 0))
        {
            file.Append([Head(1, 1)], HeadsBatchKind.Changes);
        }

        using (var torn = new FileStream(path, FileMode.Append))
        {
            torn.Write(new byte[300]);
        }

        using (var before = HeadsScan.Read(path, key))
        using (var file = HeadsFile.GoOn(path, key, time, before))
        {
            file.Append([Head(1, 2)], HeadsBatchKind.Closing);
        }

        using var scan = HeadsScan.Read(path, key);
        Assert.Equal((null, 2L, true), (scan.Problem, scan.Batch, scan.Closed));
        Assert.Equal(scan.End, new FileInfo(path).Length);
    }

    private static SignedHead Head(long number, long sequence) => new(number, SignedStore.Key($"session-{number:000000000000000000000000000000000}"), sequence, new byte[JournalRules.HashBytes]);
}
