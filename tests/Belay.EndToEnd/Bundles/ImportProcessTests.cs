using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Bundles;

/// <summary>A session leaves one server as a file and goes on on another one that has nothing of the first.</summary>
public sealed class ImportProcessTests : IAsyncLifetime
{
    private const string Session = "a-session-that-moves-from-server-to-server";
    private const string Unused = "a-session-that-no-server-has-ever-heard-of";
    private readonly TemporaryDirectory _directory = new();
    private ChatCompletionsServer? _provider;
    private BelayProcess? _first;
    private BelayProcess? _second;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private string Bundle => Path.Combine(_directory.Path, "session.belay");

    public async ValueTask InitializeAsync()
    {
        _provider = await ChatCompletionsServer.StartAsync(Reply, CancellationToken);
        _first = await BelayProcess.StartAsync(CancellationToken);
        _second = await BelayProcess.StartAsync(CancellationToken);
        var harness = await _first.Client.CreateHarnessAsync("moved", new JsonObject { ["model"] = _provider.Model() }, CancellationToken);
        await _first.Client.TurnAsync((string)harness["arn"]!, Session, "Remember the word heliotrope.", CancellationToken);
        await RunAsync(_first, 0, "export-session", Session, "-o", Bundle);
    }

    public async ValueTask DisposeAsync()
    {
        await _first!.DisposeAsync();
        await _second!.DisposeAsync();
        await _provider!.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Session_GoesOnElsewhere_ReplaysIdentically_AndIsWhole()
    {
        var mine = await _second!.Client.CreateHarnessAsync("mine", new JsonObject { ["model"] = _provider!.Model() }, CancellationToken);

        var imported = JsonNode.Parse((await RunAsync(_second, 0, "import-session", Bundle, "--harness", "mine", "--json")).Output)!;
        var answer = await _second.Client.TurnAsync((string)mine["arn"]!, Session, "Which word?", CancellationToken);

        Assert.Equal(((string?)mine["harnessId"], false, Session), ((string?)imported["harnessId"], (bool)imported["harnessCreated"]!, (string?)imported["sessionId"]));
        Assert.Contains("heliotrope", answer.Text, StringComparison.Ordinal);
        Assert.Contains("2 invocations", (await RunAsync(_second, 0, "replay", Session)).Output, StringComparison.Ordinal);
        Assert.Contains("nothing is damaged", (await RunAsync(_second, 0, "verify")).Output, StringComparison.Ordinal);

        // And on from there, with what both servers recorded.
        var again = Path.Combine(_directory.Path, "again.belay");
        await RunAsync(_second, 0, "export-session", Session, "-o", again);
        await RunAsync(_second, 0, "test-session", again);
    }

    [Fact]
    public async Task HarnessThatIsMissing_IsMade_AndLacksWhatNeverLeft()
    {
        var said = await RunAsync(_second!, 0, "import-session", Bundle);

        Assert.Contains("which was made for it", said.Output, StringComparison.Ordinal);
        Assert.Contains("left out: set it with belay update.", said.Output, StringComparison.Ordinal);
        Assert.Contains("1 invocation,", (await RunAsync(_second!, 0, "replay", Session)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ForkWithFiles_GoesOnElsewhere_WithItsPastAndItsFiles()
    {
        const string Fork = "a-fork-that-moves-from-server-to-server-to";
        const string Second = "a-fork-of-the-fork-that-moves-with-its-past";
        var model = new JsonObject { ["model"] = new JsonObject { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = "belay/scripted" } } };
        await _first!.Client.CreateHarnessAsync("worker", model, CancellationToken);
        var bundle = Path.Combine(_directory.Path, "fork.belay");
        var bare = Path.Combine(_directory.Path, "bare.belay");
        await SayAsync(_first, Unused, "Write \"one\" to notes.txt");
        await RunAsync(_first, 0, "fork", Unused, "--session-id", Fork, "--harness", "worker");
        await SayAsync(_first, Fork, "Run `echo two >> notes.txt; mkdir deep; ln -s ../notes.txt deep/link; ln -s /usr/bin/env program`");
        await RunAsync(_first, 0, "fork", Fork, "--session-id", Second, "--harness", "worker");
        await SayAsync(_first, Second, "Run `echo three >> notes.txt`");
        await SayAsync(_first, Unused, "Run `rm notes.txt`");

        Assert.Contains("identical", (await RunAsync(_first, 0, "replay", Second)).Output, StringComparison.Ordinal);
        var exported = (await RunAsync(_first, 0, "export-session", Second, "-o", bundle)).Output;
        Assert.Contains($"It goes on from session {Unused} at entry", exported, StringComparison.Ordinal);
        Assert.Contains("Its files are in it as of entry", exported, StringComparison.Ordinal);
        await RunAsync(_first, 0, "export-session", Second, "-o", bare, "--no-files");
        Assert.Contains("Failures: 0, Errors: 0", (await RunAsync(_first, 0, "test-session", bundle, bare)).Output, StringComparison.Ordinal);

        var imported = (await RunAsync(_second!, 0, "import-session", bundle)).Output;
        Assert.Contains($"It goes on from session {Fork}.", imported, StringComparison.Ordinal);
        Assert.Equal("one\ntwo\nthree", await ReadAsync(Second, "cat deep/link"));
        Assert.Contains("identical", (await RunAsync(_second!, 0, "replay", Second)).Output, StringComparison.Ordinal);
        Assert.Contains("identical", (await RunAsync(_second!, 0, "replay", Unused)).Output, StringComparison.Ordinal);
        await SayAsync(_second!, Second, "Run `echo four >> notes.txt`");
        Assert.Equal("one\ntwo\nthree\nfour", await ReadAsync(Second, "cat notes.txt"));
        Assert.Contains("nothing is damaged", (await RunAsync(_second!, 0, "verify")).Output, StringComparison.Ordinal);

        // Without them it begins with an empty workspace, and its past is there already.
        await RunAsync(_second!, 0, "import-session", bundle, "--no-files", "--session-id", Session);
        Assert.Equal("nothing", await ReadAsync(Session, "cat notes.txt 2>/dev/null || echo nothing"));
        await RefusedAsync("already. Choose another id", bare);
        var sessions = (await _second!.Client.CallAsync(HttpMethod.Get, "/belay/v1/sessions", null, CancellationToken))["sessions"]!.AsArray();
        Assert.Equal(4, sessions.Count);

        // And back where it came from, under another name.
        var again = Path.Combine(_directory.Path, "again.belay");
        await RunAsync(_second, 0, "export-session", Second, "-o", again);
        await RunAsync(_first, 0, "import-session", again, "--session-id", "a-fork-that-has-come-back-to-its-first-server");

        Task<ProgramRun> SayAsync(BelayProcess server, string id, string what) => RunAsync(server, 0, "invoke", "--harness", "worker", "--session-id", id, what);

        async Task<string> ReadAsync(string id, string command) => (await RunAsync(_second!, 0, "exec", "--harness", "worker", "--session-id", id, command)).Output.Trim();
    }

    [Fact]
    public async Task WhatIsNoWholeBundle_IsRefused_AndLeavesNothing()
    {
        var lines = await File.ReadAllLinesAsync(Bundle, CancellationToken);
        var (cut, forged) = (Path.Combine(_directory.Path, "cut"), Path.Combine(_directory.Path, "forged"));
        await File.WriteAllLinesAsync(cut, lines[..^1], CancellationToken);
        await File.WriteAllTextAsync(forged, (await File.ReadAllTextAsync(Bundle, CancellationToken)).Replace("heliotrope", "aubergines", StringComparison.Ordinal), CancellationToken);
        var before = Directory.GetFiles(_second!.DataDirectory).Order(StringComparer.Ordinal).ToList();

        await RefusedAsync("is cut off", cut);
        await RefusedAsync("Line 2 is not what was written", forged);
        await RefusedAsync("was signed by", Bundle, "--trust", "dead:beef");
        await RefusedAsync("does not exist", Bundle, "--harness", "missing-AbCdEfGhIj");
        await RefusedAsync("sessionId", Bundle, "--session-id", "short");

        Assert.Equal(before, Directory.GetFiles(_second.DataDirectory).Order(StringComparer.Ordinal));
        Assert.Empty((await _second.Client.CallAsync(HttpMethod.Get, "/harnesses", null, CancellationToken))["harnesses"]!.AsArray());
        Assert.Empty((await _second.Client.CallAsync(HttpMethod.Get, "/belay/v1/sessions", null, CancellationToken))["sessions"]!.AsArray());

        await RunAsync(_second, 0, "import-session", Bundle, "--session-id", Unused);
        await RefusedAsync("already. Choose another id", Bundle, "--session-id", Unused);
    }

    private async Task RefusedAsync(string why, params string[] arguments)
    {
        var run = await RunAsync(_second!, 1, ["import-session", .. arguments]);
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    private static ChatReply Reply(ChatRequest request) => ChatReply.Say(
        $"I was told: {string.Join(" | ", request.Messages.Where(message => (string?)message["role"] == "user").Select(ChatRequest.TextOf))}");

    private static async Task<ProgramRun> RunAsync(BelayProcess server, int exitCode, params string[] arguments)
    {
        var run = (await ProgramRun.TryAsync(arguments[0] == "test-session" ? server.ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments]) : server.Verb(arguments[0], arguments[1..]), Eventually.Deadline, CancellationToken))!;
        Assert.True(run.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {run.ExitCode} {run.Output} {run.Error}");
        return run;
    }
}
