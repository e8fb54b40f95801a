using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Verification;

/// <summary>Somebody changes the data directory of a real server: what it refuses after its next start, and what <c>belay verify</c> says.</summary>
public sealed class VerifyProcessTests
{
    private const string Damaged = "a-session-whose-newest-entries-are-cut-off";
    private const string Sound = "a-session-whose-entries-are-all-still-there";
    private const string Cut = """
        import sqlite3, sys
        c = sqlite3.connect(sys.argv[1], isolation_level=None)
        n = c.execute("SELECT number FROM sessions WHERE session_id = ?", (sys.argv[2],)).fetchone()[0]
        c.execute("DELETE FROM entries WHERE session = ? AND sequence > 2", (n,))
        c.execute("UPDATE heads SET last_sequence = 2, last_hash = (SELECT hash FROM entries WHERE session = ? AND sequence = 2), last_kind = (SELECT kind FROM entries WHERE session = ? AND sequence = 2), last_at = (SELECT at FROM entries WHERE session = ? AND sequence = 2) WHERE session = ?", (n, n, n, n))
        """;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CutSession_IsFoundOffline_QuarantinedAtTheStart_AndFoundByTheServer()
    {
        await using var server = await BelayProcess.StartAsync(CancellationToken);
        var harness = (string)(await server.Client.CreateHarnessAsync("cut", [], CancellationToken))["arn"]!;
        foreach (var session in (string[])[Damaged, Sound])
        {
            Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, session, "Say hello.", CancellationToken)).Stops[^1]);
        }

        await AssertVerifyAsync(server, 0, "2 sessions,", "nothing is damaged.", "Signed heads: batch");
        server.Terminate();
        await server.EndedAsync(CancellationToken);
        await ProgramRun.SucceedAsync(new("python3", ["-c", Cut, Path.Combine(server.DataDirectory, "belay.db"), Damaged]), Eventually.Deadline, CancellationToken);

        // 1. No server holds the directory.
        string[] found = [Damaged, "are missing, though they were written", "What stands before entry 3 is as it was written", "1 session is damaged."];
        await AssertVerifyAsync(server, 5, found);

        // 2. A server does.
        await server.StartAgainAsync(CancellationToken);
        var refusal = await Assert.ThrowsAsync<WireException>(() => server.Client.TurnAsync(harness, Damaged, "Go on.", CancellationToken));
        Assert.Equal((500, "InternalServerException"), (refusal.Status, refusal.Type));
        Assert.Contains($"Entry 3 of session {Damaged}", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Sound, "Say more.", CancellationToken)).Stops[^1]);
        await AssertVerifyAsync(server, 5, found);
        var listed = (await server.Client.CallAsync(HttpMethod.Get, "/belay/v1/sessions", body: null, CancellationToken))["sessions"]!.AsArray();
        Assert.Equal(["damaged", "idle"], listed.Select(one => (string?)one!["state"]).Order(StringComparer.Ordinal));

        // 3. What is damaged stays so.
        await server.Kill9Async(CancellationToken);
        await AssertVerifyAsync(server, 5, found);
    }

    private static async Task AssertVerifyAsync(BelayProcess server, int exitCode, params string[] words)
    {
        var run = await ProgramRun.TryAsync(server.Verb("verify"), Eventually.Deadline, CancellationToken);
        Assert.True(run!.ExitCode == exitCode, $"it ended with {run.ExitCode}\n{run.Output}{run.Error}");
        Assert.All(words, word => Assert.Contains(word, run.Output, StringComparison.Ordinal));
    }
}
