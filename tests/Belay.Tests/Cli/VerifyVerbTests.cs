using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Storage;
using Belay.Storage.Sqlite;
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
