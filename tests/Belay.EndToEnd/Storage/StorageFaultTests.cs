using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Storage;

/// <summary>A disk, a file system and a neighbour that misbehave under a real server: what it acknowledged stays, and what it cannot do it says.</summary>
public sealed class StorageFaultTests
{
    private const string Session = "a-session-on-a-disk-that-is-going-to-fail";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sync")]
    [InlineData("write")]
    [InlineData("torn")]
    public async Task DiskError_IsSaidInShape_LosesNothingAcknowledged_AndARestartIsClean(string call)
    {
        using var folder = new TemporaryDirectory();
        var disk = await FaultyDisk.MakeAsync(folder.Path, Eventually.Deadline, CancellationToken);
        Assert.SkipUnless(disk is not null, "This machine has no C compiler.");
        await using var server = await BelayProcess.StartAsync(disk.Environment, CancellationToken);
        var harness = (string)(await server.Client.CreateHarnessAsync("faulty", [], CancellationToken))["arn"]!;
        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say first.", CancellationToken)).Stops[^1]);

        // 1. It fails, and says why.
        disk.Fail(call);
        await AssertRefusedAsync(server, harness, "the disk reports an error");
        Assert.Contains(await EntriesAsync(server, harness), entry => entry.Contains("Say first.", StringComparison.Ordinal));

        // 2. It works again.
        disk.Mend(call);
        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say second.", CancellationToken)).Stops[^1]);

        // 3. The server dies while the disk fails, and comes back on one that works.
        disk.Fail(call);
        await AssertRefusedAsync(server, harness, "the disk reports an error");
        await server.Kill9Async(CancellationToken);
        disk.Mend(call);
        await server.StartAgainAsync(CancellationToken);
        var entries = await EntriesAsync(server, harness);
        Assert.Contains(entries, entry => entry.Contains("Say first.", StringComparison.Ordinal));
        Assert.Contains(entries, entry => entry.Contains("Say second.", StringComparison.Ordinal));
        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say third.", CancellationToken)).Stops[^1]);
        await AssertVerifiesAsync(server);
        Assert.DoesNotContain("   at Belay.", server.ReadLog(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DatabaseLockedByAnotherProgram_IsSaidInShape_AndGoesOn()
    {
        await using var server = await BelayProcess.StartAsync(CancellationToken);
        var harness = (string)(await server.Client.CreateHarnessAsync("locked", [], CancellationToken))["arn"]!;
        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say first.", CancellationToken)).Stops[^1]);

        const string Hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()";
        using (var holder = Process.Start(new ProcessStartInfo("python3", ["-c", Hold, Path.Combine(server.DataDirectory, "belay.db")]) { RedirectStandardInput = true, RedirectStandardOutput = true })!)
        {
            Assert.Equal("held", await holder.StandardOutput.ReadLineAsync(CancellationToken));
            await AssertRefusedAsync(server, harness, "another program holds the database file");
            holder.StandardInput.Close();
            await holder.WaitForExitAsync(CancellationToken);
        }

        Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say second.", CancellationToken)).Stops[^1]);
        Assert.Contains(await EntriesAsync(server, harness), entry => entry.Contains("Say first.", StringComparison.Ordinal));
        await AssertVerifiesAsync(server);
    }

    [Fact]
    public async Task DirectoryThatBecomesReadOnly_IsSaidInWords_AndServesAgainWhenItIsNot()
    {
        using var directory = new TemporaryDirectory();
        var mounted = await ProgramRun.TryAsync(new("mount", ["-t", "tmpfs", "-o", "size=64m,mode=0700", "belay-test", directory.Path]), Eventually.Deadline, CancellationToken);
        Assert.SkipUnless(mounted is { ExitCode: 0 }, "This machine lets the test mount no file system.");
        try
        {
            var data = Path.Combine(directory.Path, "data");
            string harness;
            await using (var server = await BelayProcess.StartAsync(new Dictionary<string, string>(), [], CancellationToken, data))
            {
                harness = (string)(await server.Client.CreateHarnessAsync("closed", [], CancellationToken))["arn"]!;
                Assert.Equal("end_turn", (await server.Client.TurnAsync(harness, Session, "Say first.", CancellationToken)).Stops[^1]);
                server.Terminate();
                await server.EndedAsync(CancellationToken);
            }

            await ProgramRun.SucceedAsync(new("mount", ["-o", "remount,ro", directory.Path]), Eventually.Deadline, CancellationToken);
            var start = await ProgramRun.TryAsync(BelayProcess.Isolated(new("dotnet", [RepositoryPaths.Cli, "serve", "--port", "0", "--data", data])), Eventually.Deadline, CancellationToken);
            Assert.Equal(1, start!.ExitCode);
            Assert.StartsWith("Could not start the server: ", start.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", start.Error, StringComparison.Ordinal);

            await ProgramRun.SucceedAsync(new("mount", ["-o", "remount,rw", directory.Path]), Eventually.Deadline, CancellationToken);
            await using var again = await BelayProcess.StartAsync(new Dictionary<string, string>(), [], CancellationToken, data);
            Assert.Contains(await EntriesAsync(again, harness), entry => entry.Contains("Say first.", StringComparison.Ordinal));
            await AssertVerifiesAsync(again);
        }
        finally
        {
            await ProgramRun.TryAsync(new("umount", ["--lazy", directory.Path]), Eventually.Deadline, CancellationToken.None);
        }
    }

    [Fact]
    public async Task LogTornAfterAKill_KeepsWhatStandsBefore_AndWhatIsProvedMissingIsReported()
    {
        await using var server = await BelayProcess.StartAsync(CancellationToken);
        var harness = (string)(await server.Client.CreateHarnessAsync("torn", [], CancellationToken))["arn"]!;
        await server.Client.TurnAsync(harness, Session, "Say first.", CancellationToken);

        // Asking signs what is there.
        var signed = (long)(await server.Client.CallAsync(HttpMethod.Get, "/belay/v1/verify", body: null, CancellationToken))["tally"]!["entries"]!;
        await server.Client.TurnAsync(harness, Session, "Say second.", CancellationToken);
        await server.Kill9Async(CancellationToken);
        var log = await File.ReadAllBytesAsync(Path.Combine(server.DataDirectory, "belay.db-wal"), CancellationToken);
        Assert.NotEmpty(log);

        var lost = 0;
        foreach (var kept in (double[])[1, 0.95, 0.6, 0.3])
        {
            foreach (var garbled in (bool[])[false, true])
            {
                using var copy = new TemporaryDirectory();
                foreach (var file in Directory.EnumerateFiles(server.DataDirectory))
                {
                    File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
                }

                var torn = log[..(int)(log.Length * (garbled ? 1 : kept))];
                if (garbled)
                {
                    new Random(1).NextBytes(torn.AsSpan((int)(log.Length * kept)));
                }

                await File.WriteAllBytesAsync(Path.Combine(copy.Path, "belay.db-wal"), torn, CancellationToken);
                var verified = await ProgramRun.TryAsync(
                    BelayProcess.Isolated(new("dotnet", [RepositoryPaths.Cli, "verify", "--data", copy.Path, "--json"])), Eventually.Deadline, CancellationToken);
                var answer = JsonNode.Parse(verified!.Output)!;
                var entries = (long)answer["tally"]!["entries"]!;
                var damaged = answer["damaged"]!.AsArray();
                var context = $"{kept:P0} kept, garbled {garbled}: {entries} entries, {signed} signed. {verified.Output}";
                Assert.True(verified.ExitCode == (damaged.Count > 0 ? 5 : 0), context);
                Assert.True(damaged.Count > 0 || entries >= signed, context);
                Assert.All(damaged, one => Assert.True((long)one!["sequence"]! == entries + 1 && ((string)one["problem"]!).Contains("the signed heads say so", StringComparison.Ordinal), context));
                lost += damaged.Count;
            }
        }

        Assert.True(lost > 0, "no tear reached what was signed");
    }

    private static async Task AssertRefusedAsync(BelayProcess server, string harness, string why)
    {
        var refusal = await Assert.ThrowsAsync<WireException>(() => server.Client.TurnAsync(harness, Session, "Say what is refused.", CancellationToken));
        Assert.Equal((500, "InternalServerException"), (refusal.Status, refusal.Type));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
    }

    private static async Task AssertVerifiesAsync(BelayProcess server)
    {
        var run = await ProgramRun.TryAsync(server.Verb("verify"), Eventually.Deadline, CancellationToken);
        Assert.True(run!.ExitCode == 0 && run.Output.Contains("nothing is damaged", StringComparison.Ordinal), run.Output + run.Error);
    }

    private static async Task<IReadOnlyList<string>> EntriesAsync(BelayProcess server, string harness) =>
    [
        .. (await server.Client.CallAsync(HttpMethod.Get, $"/belay/v1/harnesses/{harness.Split('/')[^1]}/sessions/{Session}/journal?maxResults=1000", body: null, CancellationToken))["entries"]!
            .AsArray().Select(entry => entry!["body"]!.ToJsonString()),
    ];
}
