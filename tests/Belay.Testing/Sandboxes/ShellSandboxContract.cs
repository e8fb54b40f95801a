using System.Diagnostics;
using System.Text;
using Belay.Sandboxes;
using Belay.Storage;
using Belay.Testing.Clients;

namespace Belay.Testing.Sandboxes;

/// <summary>What every sandbox does in which real programs run: shells, process trees, signals, special files.</summary>
public abstract class ShellSandboxContract : SandboxContract
{
    // The words of the suite for every sandbox. Its two outputs are two pipes: a pause keeps what is written to them in order.
    private const string Words =
        """
        err() { command sleep 0.2; echo "$@" >&2; command sleep 0.2; }
        flood() { head -c "$1" /dev/zero; }
        sleep() { command sleep 300; }
        var() { eval "echo \"\$$1\""; }
        input() { wc -c; }

        """;

    // Digits behind the sleeps of this test alone: a driver that hides nothing shows those of other tests too.
    private readonly string _mark = string.Concat(IdSource.System.NewUuid().Where(char.IsAsciiDigit));

    protected override ExecRequest Script(string words, TimeSpan? timeout = null) => Command.Sh(Words + words, timeout);

    protected override async Task MakeFilesAsync(string directory, int count) =>
        await Sandbox.ShAsync($"mkdir {directory}; cd {directory}; seq 1 {count} | xargs touch");

    [Fact]
    public async Task Execute_KilledBySignal_IsReportedAs128AndTheSignal()
    {
        Assert.Equal(new ExecEvent.Exited(137, false), (await Sandbox.ShAsync("kill -9 $$")).Exited);
        Assert.Equal(new ExecEvent.Exited(143, false), (await Sandbox.ShAsync("kill -15 $$")).Exited);
    }

    [Fact]
    public async Task Execute_ProgramMissing_Is127WithTheReason()
    {
        var result = await Sandbox.RunAsync(new ExecRequest { Command = ["no-such-program"], Timeout = Generous }, CancellationToken.None);

        Assert.Equal((127, "no-such-program: no such file or directory\n"), (result.ExitCode, result.Stderr));
    }

    [Fact]
    public async Task Execute_NotExecutable_Is126()
    {
        await Sandbox.WriteFileAsync("plain", "x"u8.ToArray(), CancellationToken.None);

        var result = await Sandbox.RunAsync(new ExecRequest { Command = ["./plain"], Timeout = Generous }, CancellationToken.None);

        Assert.Equal((126, "./plain: permission denied\n"), (result.ExitCode, result.Stderr));
    }

    [Fact]
    public async Task Execute_LongCommandLine_Passes()
    {
        var text = new string('x', 120_000);

        var result = await Sandbox.RunAsync(new ExecRequest { Command = ["/bin/sh", "-c", "printf %s \"$1$2\" | wc -c", "sh", text, text], Timeout = Generous }, CancellationToken.None);

        Assert.Equal("240000\n", result.Stdout);
    }

    [Fact]
    public async Task Execute_TooLongArgument_SaysSo()
    {
        var result = await Sandbox.RunAsync(new ExecRequest { Command = ["/bin/echo", new string('x', 300_000)], Timeout = Generous }, CancellationToken.None);

        Assert.Equal(126, result.ExitCode);
        Assert.Contains("too long", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_BinaryOutput_IsUnchanged()
    {
        using var bytes = new MemoryStream();
        await foreach (var happened in Sandbox.ExecuteAsync(Command.Sh("printf '\\000\\377\\300\\012\\200'"), CancellationToken.None))
        {
            if (happened is ExecEvent.Output output)
            {
                bytes.Write(output.Bytes.Span);
            }
        }

        Assert.Equal([0, 0xFF, 0xC0, 0x0A, 0x80], bytes.ToArray());
    }

    [Fact]
    public async Task Execute_GigabyteOfOutput_StreamsInBoundedMemory()
    {
        const long gigabyte = 1L << 30;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long received = 0;
        long highest = 0;
        await foreach (var happened in Sandbox.ExecuteAsync(Command.Sh("echo $$ > gigabyte.pid; exec head -c 1073741824 /dev/zero"), CancellationToken.None))
        {
            if (happened is not ExecEvent.Output output)
            {
                continue;
            }

            Assert.InRange(output.Bytes.Length, 1, 65_536);
            // A slow start: the command must wait for its reader, not the reader's memory for the command.
            if (received == 0)
            {
                await UntilItStandsStillAsync("gigabyte.pid");
                highest = GC.GetTotalMemory(forceFullCollection: true);
            }

            received += output.Bytes.Length;
        }

        Assert.Equal(gigabyte, received);
        Assert.InRange(highest - before, long.MinValue, 8 * 1024 * 1024);
    }

    [Fact]
    public async Task Execute_TimedOut_KillsTheWholeTreeAndKeepsWhatWasSaid()
    {
        var clock = Stopwatch.StartNew();
        var result = await Sandbox.ShAsync(Escaping($"echo said; sleep 300.{_mark} & sleep 300.{_mark}"), TimeSpan.FromSeconds(1));

        Assert.Equal(new ExecEvent.Exited(124, TimedOut: true), result.Exited);
        Assert.Contains("said\n", result.Stdout, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(20));
        await AssertNothingRunsAsync();
    }

    [Fact]
    public async Task Execute_ReaderLeaves_KillsTheWholeTree()
    {
        await foreach (var happened in Sandbox.ExecuteAsync(Command.Sh(Escaping($"echo ready; sleep 300.{_mark}")), CancellationToken.None))
        {
            if (happened is ExecEvent.Output output && Encoding.UTF8.GetString(output.Bytes.Span).Contains("ready", StringComparison.Ordinal))
            {
                break;
            }
        }

        await AssertNothingRunsAsync();
    }

    [Fact]
    public async Task Execute_ReaderLeavesAFlood_IsDoneAtOnce()
    {
        var clock = Stopwatch.StartNew();
        await foreach (var _ in Sandbox.ExecuteAsync(Command.Sh("cat /dev/zero"), CancellationToken.None))
        {
            break;
        }

        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Equal("alive\n", (await Sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task Execute_CancelledDuring_KillsTheWholeTree()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var happened in Sandbox.ExecuteAsync(Command.Sh(Escaping($"echo ready; sleep 300.{_mark}")), cancellation.Token))
            {
                if (happened is ExecEvent.Output output && Encoding.UTF8.GetString(output.Bytes.Span).Contains("ready", StringComparison.Ordinal))
                {
                    await cancellation.CancelAsync();
                }
            }
        });

        await AssertNothingRunsAsync();
    }

    [Fact]
    public async Task Execute_BackgroundProcess_DoesNotHoldTheCommandAndLivesOn()
    {
        var clock = Stopwatch.StartNew();
        var started = await Sandbox.ShAsync("(while true; do echo noise; sleep 0.05; done) & echo $! > pid; echo started");

        Assert.Equal(0, started.ExitCode);
        Assert.Contains("started\n", started.Stdout, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Equal("alive\n", (await Sandbox.ShAsync("sleep 0.5; kill -0 $(cat pid) && echo alive; kill $(cat pid)")).Stdout);
    }

    [Fact]
    public async Task Execute_TrailingOutputOfAPipeline_IsKept()
    {
        Assert.Equal("200000\n", (await Sandbox.ShAsync("head -c 200000 /dev/zero | cat | wc -c")).Stdout);
    }

    [Fact]
    public async Task Execute_EightSideBySide_KeepApart()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Sandbox.ShAsync($"i=0; while [ $i -lt 200 ]; do echo {i}-$i; echo e{i} >&2; i=$((i+1)); done; exit {i}")));

        for (var i = 0; i < results.Length; i++)
        {
            Assert.Equal(i, results[i].ExitCode);
            Assert.Equal(string.Concat(Enumerable.Range(0, 200).Select(n => $"{i}-{n}\n")), results[i].Stdout);
            Assert.Equal(string.Concat(Enumerable.Repeat($"e{i}\n", 200)), results[i].Stderr);
        }
    }

    [Fact]
    public async Task Execute_OneKilled_OthersGoOn()
    {
        var other = Sandbox.ShAsync("sleep 3; echo survived");
        var killed = await Sandbox.ShAsync(Escaping($"sleep 300.{_mark}"), TimeSpan.FromSeconds(1));

        Assert.True(killed.Exited.TimedOut);
        Assert.Equal("survived\n", (await other).Stdout);
    }

    [Fact]
    public async Task Execute_ManyInARow_LeakNothing()
    {
        for (var i = 0; i < 300; i++)
        {
            Assert.Equal(0, (await Sandbox.RunAsync(new ExecRequest { Command = ["true"], Timeout = Generous }, CancellationToken.None)).ExitCode);
        }

        Assert.Equal("alive\n", (await Sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task Execute_ManyOrphans_AreReaped()
    {
        var result = await Sandbox.ShAsync("i=0; while [ $i -lt 1500 ]; do (true &); i=$((i+1)); done; echo done");

        Assert.Equal("done\n", result.Stdout);
    }

    [Fact]
    public async Task Files_AreTheSameForItsPrograms()
    {
        await Sandbox.WriteFileAsync("a/b/c.bin", new byte[3_000_000], CancellationToken.None);

        Assert.Equal("3000000\n", (await Sandbox.ShAsync("wc -c < a/b/c.bin")).Stdout);
    }

    [Fact]
    public async Task Files_ThatAreNoRegularOnes_SaySo()
    {
        await Sandbox.ShAsync("mkdir dir; mkfifo pipe");
        foreach (var (path, text) in new[]
        {
            ("dir", "'dir': it is a directory."),
            ("pipe", "'pipe': it is not a regular file."),
            ("/dev/zero", "'/dev/zero': it is not a regular file."),
        })
        {
            Assert.Equal(text, (await Assert.ThrowsAsync<SandboxFileException>(() => Sandbox.ReadFileAsync(path, 10, CancellationToken.None))).Message);
        }
    }

    [Fact]
    public async Task Files_Overwritten_KeepTheirMode()
    {
        await Sandbox.ShAsync("echo old > script; chmod 755 script; ln -s script link");
        await Sandbox.WriteFileAsync("link", "new"u8.ToArray(), CancellationToken.None);

        Assert.Equal("-rwxr-xr-x new\nscript\n", (await Sandbox.ShAsync("ls -l script | cut -c1-10 | tr '\\n' ' '; cat script; echo; readlink link")).Stdout);
    }

    [Fact]
    public async Task Files_CancelledWrite_LeavesNothing()
    {
        await Sandbox.WriteFileAsync("kept", "before"u8.ToArray(), CancellationToken.None);
        using var cancellation = new CancellationTokenSource();
        var writing = Sandbox.WriteFileAsync("kept", new byte[200_000_000], cancellation.Token);
        await cancellation.CancelAsync();
        try
        {
            await writing;
        }
        catch (OperationCanceledException)
        {
            Assert.Equal("before", Encoding.UTF8.GetString(await Sandbox.ReadFileAsync("kept", 100, CancellationToken.None)));
        }

        Assert.Equal(["kept"], (await Sandbox.ListAsync(".", CancellationToken.None)).Names);
    }

    /// <summary>A script whose processes leave their parent, their session and their terminal in every known way, then do the rest.</summary>
    protected string Escaping(string rest) =>
        $"""
        sleep 301.{_mark} &
        (sleep 302.{_mark} &)
        setsid sleep 303.{_mark} &
        (setsid sh -c 'sleep 304.{_mark} & sleep 304.{_mark}' > /dev/null 2>&1 < /dev/null &)
        nohup sleep 305.{_mark} > /dev/null 2>&1 &
        sleep 0.2
        {rest}
        """;

    // Two looks that show the same sleeping process: no time used, nothing read or written between them.
    private async Task UntilItStandsStillAsync(string pidFile)
    {
        var before = "";
        await Eventually.TrueAsync(
            "the command stands still",
            async () =>
            {
                var now = (await Sandbox.ShAsync($"cat /proc/$(cat {pidFile})/stat")).Stdout;
                var (still, asleep) = (now == before, now.Contains(") S ", StringComparison.Ordinal));
                before = now;
                return still && asleep;
            },
            CancellationToken.None);
    }

    private async Task AssertNothingRunsAsync()
    {
        var result = await Sandbox.ShAsync($"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep 30[0-9][.]{_mark}' | sort | uniq -c");

        Assert.Equal("", result.Stdout);
    }
}
