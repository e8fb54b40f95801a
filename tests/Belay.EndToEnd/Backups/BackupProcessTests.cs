using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Backups;

/// <summary><c>belay backup</c> of a server that works meanwhile, and <c>belay restore</c> of what it wrote, with the real program.</summary>
public sealed class BackupProcessTests : IAsyncLifetime
{
    private const string Session = "a-session-that-is-backed-up-while-it-talks";
    private readonly TemporaryDirectory _directory = new();
    private ChatCompletionsServer? _provider;
    private BelayProcess? _server;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private BelayProcess Server => _server!;

    private string Archive => Path.Combine(_directory.Path, "one.backup");

    private string PassphraseFile => Path.Combine(_directory.Path, "passphrase");

    private string Target => Path.Combine(_directory.Path, "restored");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(PassphraseFile, "a passphrase of some length\n", CancellationToken);
        _provider = await ChatCompletionsServer.StartAsync(Reply, CancellationToken);
        _server = await BelayProcess.StartAsync(CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _provider!.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task BackupUnderLoad_Restores_AndItsSessionsRemember()
    {
        // 1. A session with a past and a file, and others that talk while the backup is made.
        var harness = await Server.Client.CreateHarnessAsync("backed", new JsonObject { ["model"] = _provider!.Model() }, CancellationToken);
        var arn = (string)harness["arn"]!;
        await Server.Client.TurnAsync(arn, Session, "Remember the word heliotrope.", CancellationToken);
        await Server.Client.CommandAsync(arn, Session, "echo kept > /workspace/file", CancellationToken);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(CancellationToken);
        var load = Enumerable.Range(0, 3).Select(worker => TalkAsync(arn, $"{Session}-{worker}", enough.Token)).ToArray();

        // 2. The backup.
        var backup = await RunAsync(Server.Verb("backup", Archive, "--passphrase-file", PassphraseFile, "--json"));
        Assert.True(backup.ExitCode == 0, backup.Error);
        await enough.CancelAsync();
        var turns = (await Task.WhenAll(load)).Sum();
        Assert.True(turns > 0, "nothing happened beside the backup");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Archive));
        Assert.DoesNotContain("heliotrope", await File.ReadAllTextAsync(Archive, CancellationToken), StringComparison.Ordinal);

        // 3. Another directory, which another server opens. Restoring has verified every journal.
        var restore = await RunAsync(Program("restore", Archive, "--passphrase-file", PassphraseFile, "--data", Target, "--json"));
        Assert.True(restore.ExitCode == 0, restore.Error);
        Assert.True((int)JsonNode.Parse(restore.Output)!["sessions"]! >= 1);
        await using var second = await BelayProcess.StartAsync(new Dictionary<string, string>(), [], CancellationToken, Target);
        var answer = await second.Client.TurnAsync(arn, Session, "Which word?", CancellationToken);
        Assert.Contains("heliotrope", answer.Text, StringComparison.Ordinal);
        Assert.Equal("kept\n", (await second.Client.CommandAsync(arn, Session, "cat /workspace/file", CancellationToken)).Stdout);
    }

    [Fact]
    public async Task WrongUses_AreSaidInOneLine_AndLeaveNothing()
    {
        Assert.Equal(0, (await RunAsync(Server.Verb("backup", Archive, "--passphrase-file", PassphraseFile))).ExitCode);
        var wrong = Path.Combine(_directory.Path, "wrong");
        var cut = Path.Combine(_directory.Path, "cut.backup");
        await File.WriteAllTextAsync(wrong, "another passphrase", CancellationToken);
        var bytes = await File.ReadAllBytesAsync(Archive, CancellationToken);
        await File.WriteAllBytesAsync(cut, bytes[..^20], CancellationToken);

        await AssertSaidAsync("The passphrase is wrong", "restore", Archive, "--passphrase-file", wrong, "--data", Target);
        await AssertSaidAsync("not whole", "restore", cut, "--passphrase-file", PassphraseFile, "--data", Target);
        await AssertSaidAsync("no backup of Belay", "restore", PassphraseFile, "--passphrase-file", PassphraseFile, "--data", Target);
        await AssertSaidAsync("is in use by the Belay process", "restore", Archive, "--passphrase-file", PassphraseFile, "--data", Server.DataDirectory);
        await AssertSaidAsync("exists", "backup", Archive, "--passphrase-file", PassphraseFile, "--data", Server.DataDirectory);
        await AssertSaidAsync("cannot be read", "backup", Archive + "2", "--passphrase-file", Archive + "3", "--data", Server.DataDirectory);
        Assert.False(Path.Exists(Target) || Path.Exists(Target + ".restoring") || Path.Exists(Archive + "2"));
    }

    [Fact]
    public async Task RestoreThatIsKilled_LeavesTheDirectoryAsItWas()
    {
        Assert.Equal(0, (await RunAsync(Server.Verb("backup", Archive, "--passphrase-file", PassphraseFile))).ExitCode);

        // A pipe that stays open gives the restore the beginning of the archive only, so it is surely in the middle when it is killed.
        var pipe = Path.Combine(_directory.Path, "pipe");
        await ProgramRun.SucceedAsync(new ProcessStartInfo("mkfifo", [pipe]), Eventually.Deadline, CancellationToken);
        using var restore = Process.Start(Program("restore", pipe, "--passphrase-file", PassphraseFile, "--data", Target))!;
        await using (var writer = new FileStream(pipe, FileMode.Open, FileAccess.Write))
        {
            await writer.WriteAsync((await File.ReadAllBytesAsync(Archive, CancellationToken)).AsMemory(0, 2000), CancellationToken);
            await writer.FlushAsync(CancellationToken);
            await Eventually.TrueAsync("the restore has begun", () => Task.FromResult(Directory.Exists(Target + ".restoring")), CancellationToken);
            restore.Kill();
            await restore.WaitForExitAsync(CancellationToken);
        }

        Assert.False(Path.Exists(Target));
        Assert.Equal(0, (await RunAsync(Program("restore", Archive, "--passphrase-file", PassphraseFile, "--data", Target))).ExitCode);
        Assert.False(Path.Exists(Target + ".restoring"));
    }

    // Only what the user said: an answer that repeats earlier answers would double with each turn.
    private static ChatReply Reply(ChatRequest request) => ChatReply.Say(
        $"I was told: {string.Join(" | ", request.Messages.Where(message => (string?)message["role"] == "user").Select(ChatRequest.TextOf))}");

    private async Task<int> TalkAsync(string arn, string session, CancellationToken until)
    {
        for (var turns = 0; ; turns++)
        {
            if (until.IsCancellationRequested)
            {
                return turns;
            }

            Assert.Equal(["end_turn"], (await Server.Client.TurnAsync(arn, session, $"Turn {turns}.", CancellationToken)).Stops);
        }
    }

    private static ProcessStartInfo Program(params string[] arguments) => new("dotnet", [RepositoryPaths.Cli, .. arguments]);

    private static async Task<ProgramRun> RunAsync(ProcessStartInfo start) => (await ProgramRun.TryAsync(start, Eventually.Deadline, CancellationToken))!;

    private static async Task AssertSaidAsync(string what, params string[] arguments)
    {
        var run = await RunAsync(Program(arguments));
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(what, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }
}
