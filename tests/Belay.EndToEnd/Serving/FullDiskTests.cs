using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Serving;

/// <summary>A disk without room, before the start and while the server runs. It needs a file system of its own, so it needs root.</summary>
public sealed class FullDiskTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DiskThatIsFull_IsSaidInWords_RefusedInShape_AndRecoveredFrom()
    {
        using var directory = new TemporaryDirectory();
        var mounted = await ProgramRun.TryAsync(new("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "belay-test", directory.Path]), Eventually.Deadline, CancellationToken);
        Assert.SkipUnless(mounted is { ExitCode: 0 }, "This machine lets the test mount no file system.");
        try
        {
            await RunAsync(directory.Path);
        }
        finally
        {
            await ProgramRun.TryAsync(new("umount", ["--lazy", directory.Path]), Eventually.Deadline, CancellationToken.None);
        }
    }

    private static async Task RunAsync(string disk)
    {
        var (data, filler) = (Path.Combine(disk, "data"), Path.Combine(disk, "filler"));

        // 1. No room for a start.
        Fill(filler);
        var start = await ProgramRun.TryAsync(new("dotnet", [RepositoryPaths.Cli, "serve", "--port", "0", "--data", data]), Eventually.Deadline, CancellationToken);
        Assert.Equal(1, start!.ExitCode);
        Assert.StartsWith("Could not start the server: ", start.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", start.Error, StringComparison.Ordinal);

        // 2. Room, and then none: writing is refused, reading goes on, the server lives.
        File.Delete(filler);
        await using var server = await BelayProcess.StartAsync(new Dictionary<string, string>(), [], CancellationToken, data);
        var harness = await server.Client.CreateHarnessAsync("full", [], CancellationToken);
        Fill(filler);
        var refused = await Eventually.GetAsync("writing is refused", () => RefusalAsync(server), CancellationToken);
        Assert.Equal((500, "InternalServerException"), (refused.Status, refused.Type));
        Assert.Contains("cannot read or write its data at the moment", refused.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync("it is not ready", async () => await StatusAsync(server, "/readyz") is (503, var body) && body.Contains("\"disk\"", StringComparison.Ordinal), CancellationToken);
        Assert.Equal(200, (await StatusAsync(server, "/healthz")).Status);
        var read = await server.Client.CallAsync(HttpMethod.Get, $"/harnesses/{harness["harnessId"]}", body: null, CancellationToken);
        Assert.Equal("READY", (string?)read["harness"]!["status"]);

        // 3. Room again: it goes on by itself.
        File.Delete(filler);
        await Eventually.TrueAsync("it is ready again", async () => (await StatusAsync(server, "/readyz")).Status == 200, CancellationToken);
        await server.Client.CreateHarnessAsync("after", [], CancellationToken);
        var turn = await server.Client.TurnAsync((string)harness["arn"]!, "a-session-on-a-disk-that-was-full-once", "Say hello.", CancellationToken);
        Assert.Equal("end_turn", turn.Stops[^1]);
        Assert.Contains("the disk is full. Free some space", server.ReadLog(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at Belay.", server.ReadLog(), StringComparison.Ordinal);
    }

    private static async Task<WireException?> RefusalAsync(BelayProcess server)
    {
        try
        {
            await server.Client.CallAsync(
                HttpMethod.Post,
                "/harnesses",
                new JsonObject { ["harnessName"] = $"n{Stopwatch.GetTimestamp()}", ["executionRoleArn"] = "arn:aws:iam::123456789012:role/EndToEndRole" },
                CancellationToken);
            return null;
        }
        catch (WireException refusal)
        {
            return refusal;
        }
    }

    private static async Task<(int Status, string Body)> StatusAsync(BelayProcess server, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var response = await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}{path}"), CancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(CancellationToken));
    }

    private static void Fill(string filler)
    {
        using var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var zeros = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(zeros);
            }
        }
        catch (IOException)
        {
            // That was the last room.
        }
    }
}
