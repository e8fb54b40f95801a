using System.Text;
using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>
/// What every sandbox does, whatever isolates it and whatever runs in it. Commands are written in a few words: <c>echo</c>, <c>err</c>
/// (to standard error), <c>exit</c>, <c>sleep</c> (until it is killed), <c>flood BYTES</c>, <c>touch</c>, <c>ls</c>, <c>var NAME</c>,
/// <c>input</c> (counts its bytes), with <c>;</c> between them.
/// </summary>
public abstract class SandboxContract : IAsyncLifetime
{
    protected static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private ISandbox? _sandbox;

    protected ISandbox Sandbox => _sandbox ?? throw new InvalidOperationException("It is not started.");

    /// <summary>Starts one with PATH set and VISIBLE=yes in its environment, or skips the test with the reason.</summary>
    protected abstract Task<ISandbox> StartAsync();

    /// <summary>The command that does what the words say.</summary>
    protected abstract ExecRequest Script(string words, TimeSpan? timeout = null);

    /// <summary>Makes a directory with many empty files, as fast as the sandbox can.</summary>
    protected abstract Task MakeFilesAsync(string directory, int count);

    public async ValueTask InitializeAsync() => _sandbox = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_sandbox is not null)
        {
            await _sandbox.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Execute_OutputAndExitCodeArriveInOrder()
    {
        var events = new List<ExecEvent>();
        await foreach (var happened in Sandbox.ExecuteAsync(Script("echo one; err two; echo three; exit 3"), CancellationToken.None))
        {
            events.Add(happened);
        }

        Assert.Equal(
            ["Stdout one\n", "Stderr two\n", "Stdout three\n", "Exited { ExitCode = 3, TimedOut = False }"],
            events.Select(e => e is ExecEvent.Output output ? $"{output.Kind} {Encoding.UTF8.GetString(output.Bytes.Span)}" : e.ToString()));
    }

    [Fact]
    public async Task Execute_UnknownCommand_Is127()
    {
        var result = await RunAsync("no-such-program");

        Assert.Equal(127, result.ExitCode);
        Assert.Contains("no-such-program", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_StartsInWorkspaceOrWhereAsked()
    {
        await Sandbox.WriteFileAsync("deep/er/file", "x"u8.ToArray(), CancellationToken.None);

        Assert.Equal("file\n", (await RunAsync(Script("ls") with { WorkingDirectory = "deep/er" })).Stdout);
        Assert.Equal("deep\n", (await RunAsync("ls")).Stdout);
        var lost = await RunAsync(Script("ls") with { WorkingDirectory = "/not/there" });
        Assert.Equal(126, lost.ExitCode);
        Assert.Contains("/not/there does not exist", lost.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_SeesItsEnvironmentAndWhatIsAdded()
    {
        var request = Script("var VISIBLE; var ADDED") with { Environment = new Dictionary<string, string> { ["ADDED"] = "too — ü" } };

        Assert.Equal("yes\ntoo — ü\n", (await RunAsync(request)).Stdout);
    }

    [Fact]
    public async Task Execute_InputIsEmpty()
    {
        Assert.Equal("0\n", (await RunAsync("input")).Stdout);
    }

    [Fact]
    public async Task Execute_MuchOutput_ArrivesInBoundedPieces()
    {
        var received = 0L;
        await foreach (var happened in Sandbox.ExecuteAsync(Script("flood 1000000"), CancellationToken.None))
        {
            if (happened is ExecEvent.Output output)
            {
                Assert.InRange(output.Bytes.Length, 1, 65_536);
                received += output.Bytes.Length;
            }
        }

        Assert.Equal(1_000_000, received);
    }

    [Fact]
    public async Task Execute_TimedOut_IsKilledAndKeepsWhatWasSaid()
    {
        var result = await RunAsync(Script("echo said; sleep; echo never", TimeSpan.FromSeconds(1)));

        Assert.Equal((new ExecEvent.Exited(124, TimedOut: true), "said\n"), (result.Exited, result.Stdout));
        Assert.Equal("alive\n", (await RunAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task Execute_ReaderLeaves_EndsIt()
    {
        await foreach (var _ in Sandbox.ExecuteAsync(Script("echo ready; sleep; touch late"), CancellationToken.None))
        {
            break;
        }

        Assert.Equal("", (await RunAsync("ls")).Stdout);
    }

    [Fact]
    public async Task Execute_CancelledBefore_RunsNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sandbox.RunAsync(Script("touch ran"), new CancellationToken(canceled: true)));

        Assert.Empty((await Sandbox.ListAsync(".", CancellationToken.None)).Names);
    }

    [Fact]
    public async Task Execute_CancelledDuring_EndsIt()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Sandbox.ExecuteAsync(Script("echo ready; sleep; touch late"), cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        }).WaitAsync(Generous);

        Assert.Empty((await Sandbox.ListAsync(".", CancellationToken.None)).Names);
    }

    [Fact]
    public async Task Execute_CancelledAfter_ChangesNothing()
    {
        using var cancellation = new CancellationTokenSource();
        var result = await Sandbox.RunAsync(Script("echo done"), cancellation.Token);
        await cancellation.CancelAsync();

        Assert.Equal("done\n", result.Stdout);
        Assert.Equal("more\n", (await RunAsync("echo more")).Stdout);
    }

    [Fact]
    public async Task Execute_SideBySide_KeepApart()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => RunAsync($"echo out{i}; err err{i}; exit {i}")));

        Assert.All(results, (result, i) => Assert.Equal((i, $"out{i}\n", $"err{i}\n"), (result.ExitCode, result.Stdout, result.Stderr)));
    }

    [Fact]
    public async Task Files_WrittenAndRead_AreTheSame()
    {
        var bytes = new byte[3_000_000];
        new Random(1).NextBytes(bytes);
        await Sandbox.WriteFileAsync("a/b/c.bin", new byte[10], CancellationToken.None);
        await Sandbox.WriteFileAsync("a/b/c.bin", bytes, CancellationToken.None);

        Assert.Equal(bytes, await Sandbox.ReadFileAsync("a/b/c.bin", bytes.Length, CancellationToken.None));
        Assert.Equal(["c.bin"], (await Sandbox.ListAsync("a/b", CancellationToken.None)).Names);
        Assert.Equal(3_000_000, (await Sandbox.ListAsync("a/b/c.bin", CancellationToken.None)).Length);
    }

    [Fact]
    public async Task Files_Empty_AreFiles()
    {
        await Sandbox.WriteFileAsync("empty", ReadOnlyMemory<byte>.Empty, CancellationToken.None);

        Assert.Empty(await Sandbox.ReadFileAsync("empty", 10, CancellationToken.None));
        var listing = await Sandbox.ListAsync("empty", CancellationToken.None);
        Assert.Equal((false, 0L, 0), (listing.IsDirectory, listing.Length, listing.Names.Count));
    }

    [Fact]
    public async Task Files_MadeByCommands_AreThere()
    {
        await RunAsync("touch made");

        Assert.Equal(["made"], (await Sandbox.ListAsync(".", CancellationToken.None)).Names);
    }

    [Fact]
    public async Task Files_Wrong_SayWhatIsWrong()
    {
        await Sandbox.WriteFileAsync("dir/file", "x"u8.ToArray(), CancellationToken.None);
        await Sandbox.WriteFileAsync("six", "123456"u8.ToArray(), CancellationToken.None);
        foreach (var (act, text) in new (Func<Task>, string)[]
        {
            (() => Sandbox.ReadFileAsync("missing", 10, CancellationToken.None), "'missing': no such file or directory."),
            (() => Sandbox.ReadFileAsync("dir", 10, CancellationToken.None), "'dir': it is a directory."),
            (() => Sandbox.ReadFileAsync("six", 5, CancellationToken.None), "'six': it has 6 bytes; at most 5 are read."),
            (() => Sandbox.WriteFileAsync("dir", "x"u8.ToArray(), CancellationToken.None), "'dir': it is a directory."),
            (() => Sandbox.WriteFileAsync("six/x", "x"u8.ToArray(), CancellationToken.None), "'six/x': a part of the path is not a directory."),
            (() => Sandbox.ListAsync("missing", CancellationToken.None), "'missing': no such file or directory."),
            (() => Sandbox.ReadFileAsync("", 10, CancellationToken.None), "A path must have 1 to 4,096 characters and no NUL."),
            (() => Sandbox.WriteFileAsync("a\0b", "x"u8.ToArray(), CancellationToken.None), "A path must have 1 to 4,096 characters and no NUL."),
            (() => Sandbox.ListAsync(new string('x', 4097), CancellationToken.None), "A path must have 1 to 4,096 characters and no NUL."),
        })
        {
            Assert.Equal(text, (await Assert.ThrowsAsync<SandboxFileException>(act)).Message);
        }
    }

    [Fact]
    public async Task Files_CancelledBefore_AreUntouched()
    {
        await Sandbox.WriteFileAsync("kept", "before"u8.ToArray(), CancellationToken.None);
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sandbox.WriteFileAsync("kept", "after"u8.ToArray(), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sandbox.ReadFileAsync("kept", 10, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sandbox.ListAsync(".", cancelled));

        Assert.Equal("before", Encoding.UTF8.GetString(await Sandbox.ReadFileAsync("kept", 10, CancellationToken.None)));
    }

    [Fact]
    public async Task List_IsSortedMarksDirectoriesAndStopsAtTenThousand()
    {
        foreach (var path in new[] { "some/b", "some/c/x", "some/a" })
        {
            await Sandbox.WriteFileAsync(path, ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        }

        await MakeFilesAsync("many", 10_050);

        var some = await Sandbox.ListAsync("some", CancellationToken.None);
        var many = await Sandbox.ListAsync("many", CancellationToken.None);

        Assert.Equal((true, false), (some.IsDirectory, some.Truncated));
        Assert.Equal(["a", "b", "c/"], some.Names);
        Assert.Equal((10_000, true), (many.Names.Count, many.Truncated));
    }

    [Fact]
    public async Task Disposed_EndsWhatRunsAndSaysSo()
    {
        var running = RunAsync("sleep");
        await RunAsync("echo");
        await Sandbox.DisposeAsync();

        Assert.Contains("ended", (await Assert.ThrowsAsync<SandboxException>(() => running)).Message, StringComparison.Ordinal);
        Assert.NotEmpty(await Sandbox.Ended.WaitAsync(Generous));
        await Assert.ThrowsAsync<SandboxException>(() => RunAsync("echo"));
        await Assert.ThrowsAsync<SandboxException>(() => Sandbox.ReadFileAsync("x", 1, CancellationToken.None));
        await Sandbox.DisposeAsync();
    }

    private Task<CommandResult> RunAsync(string words) => RunAsync(Script(words));

    private Task<CommandResult> RunAsync(ExecRequest request) => Sandbox.RunAsync(request, CancellationToken.None);
}
