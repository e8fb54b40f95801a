using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Tests.Verification;

namespace Belay.Tests.Cli;

/// <summary><c>belay verify</c>: what it prints, what it ends with, and whom it asks.</summary>
public sealed class VerifyVerbTests
{
    [Fact]
    public async Task NothingDamaged_IsOneSummary_AndEndsWithZero()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("verify", "--data", store.Directory));

        Assert.Equal(
            """
            Signed heads: batch 2 of 2026-01-01T00:00:00Z, signed since 2026-01-01T00:00:00Z.
            3 sessions, 12 entries, 0 erased bodies in 0.0 s: nothing is damaged.

            """,
            run.Output);
        Assert.Empty(run.Error);
        Assert.Empty(run.Service.Sent);
    }

    [Fact]
    public async Task Damage_IsATableLineForEachSession_AndEndsWithFive()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        store.Tamper("DELETE FROM entries WHERE session = 2 AND sequence > 3; UPDATE entries SET at = at + 1 WHERE session = 3 AND sequence = 1");
        using var run = new CliRun();

        Assert.Equal(5, await run.RunAsync("verify", "--data", store.Directory));
        GoldenFile.Matches("verify", run.Output);

        using var json = new CliRun();
        Assert.Equal(5, await json.RunAsync("verify", "--data", store.Directory, "--session-id", "two", "--json"));
        var answer = JsonNode.Parse(json.Output)!;
        Assert.Equal(("two", 4), ((string?)answer["damaged"]![0]!["sessionId"], (int)answer["damaged"]![0]!["sequence"]!));
        Assert.Equal(1, (int)answer["tally"]!["sessions"]!);
        Assert.Equal(64, ((string?)answer["tally"]!["heads"]!["mac"])!.Length);
    }

    [Fact]
    public async Task HeadsMissing_EndsWithFive_AndSaysWhatIsNotProved()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        File.Delete(store.Heads);
        using var run = new CliRun();

        Assert.Equal(5, await run.RunAsync("verify", "--data", store.Directory));
        Assert.Contains("There are no signed heads", run.Output, StringComparison.Ordinal);
        Assert.Contains("no entry is damaged, but nothing proves that the newest are all there.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatCannotBeLookedAt_EndsWithOne_AndTheReason()
    {
        using var run = new CliRun();
        Assert.Equal(1, await run.RunAsync("verify"));
        Assert.Contains("holds no store", run.Error, StringComparison.Ordinal);

        await using var store = new SignedStore();
        await store.FillAsync();
        Assert.Equal(1, await run.RunAsync("verify", "--data", store.Directory, "--session", "unknown"));
        Assert.Contains("There is no session unknown", run.Error, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(store.Directory, SqliteDatabase.FileName), new string('x', 10_000));
        Assert.Equal(1, await run.RunAsync("verify", "--data", store.Directory));
        Assert.Contains("the database file is damaged", run.Error, StringComparison.Ordinal);
    }

    // Closed in order, or left by a server that died with entries in the log only.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Directory_IsRead_AndNothingOfItIsChanged(bool died)
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        using var copy = new TemporaryDirectory();
        if (died)
        {
            await store.OpenAsync();
            await store.WriteAsync(SignedStore.Key("one"), 2);
        }

        foreach (var file in Directory.EnumerateFiles(store.Directory).Where(file => !IsOfAProcess(file)))
        {
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        }

        var before = Contents(copy.Path);
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync("verify", "--data", copy.Path));

        Assert.Contains($"3 sessions, {(died ? 14 : 12)} entries", run.Output, StringComparison.Ordinal);
        Assert.Equal(died, before.ContainsKey(SqliteDatabase.FileName + "-wal"));
        Assert.Equal(before, Contents(copy.Path));
    }

    [Fact]
    public async Task OlderForm_IsNotBroughtUpToDate_AndSaid()
    {
        await using var store = new SignedStore();
        await store.FillAsync();
        store.Tamper("PRAGMA user_version = 1");
        using var run = new CliRun();

        Assert.Equal(1, await run.RunAsync("verify", "--data", store.Directory));

        Assert.Contains("older version of Belay (form 1, this one reads 2); start a server on it once", run.Error, StringComparison.Ordinal);
    }

    private static bool IsOfAProcess(string file) => Path.GetFileName(file) is var name && (name.StartsWith(DataDirectoryLock.FileName, StringComparison.Ordinal) || name.EndsWith("-shm", StringComparison.Ordinal));

    private static SortedDictionary<string, string> Contents(string directory) => new(
        Directory.EnumerateFiles(directory).Where(file => !IsOfAProcess(file)).ToDictionary(file => Path.GetFileName(file), file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))),
        StringComparer.Ordinal);

    [Fact]
    public async Task ServerThatHoldsTheDirectory_IsAsked()
    {
        using var run = new CliRun().WithKey();
        var directory = Path.Combine(run.Directory, ".belay");
        Directory.CreateDirectory(directory);
        using var held = DataDirectoryLock.TryTake(directory);
        const string Tally = """{"sessions":2,"entries":9,"erasedBodies":1,"unknownBodies":0,"unsignedEntries":1,"damagedSessions":1,"milliseconds":1500}""";
        run.Service.On("GET /belay/v1/verify", () => new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new StringContent(
                $$"""
                id: 1
                event: step
                data: {"damaged":{"account":"000000000000","region":"us-west-2","harnessId":"h","sessionId":"s","sequence":7,"problem":"it is missing.","meaning":"Nothing."},"tally":{{Tally}},"done":false}

                id: 2
                event: step
                data: {"tally":{{Tally}},"done":true}


                """,
                Encoding.UTF8,
                "text/event-stream"),
        });

        Assert.Equal(5, await run.RunAsync("verify"));

        Assert.Contains("2 sessions, 9 entries, 1 erased body in 1.5 s: 1 session is damaged.", run.Output, StringComparison.Ordinal);
        Assert.Contains("1 entry at the ends of sessions is not signed yet", run.Error, StringComparison.Ordinal);
        Assert.Single(run.Service.Sent);
    }

    [Fact]
    public async Task ServerThatStopsInTheMiddle_IsNoVerdict()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/verify", () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("", Encoding.UTF8, "text/event-stream") });

        Assert.Equal(1, await run.RunAsync("verify", "--url", "http://127.0.0.1:9"));
        Assert.Contains("stopped before it was done", run.Error, StringComparison.Ordinal);
    }
}
