using System.Diagnostics;

namespace Belay.Tests.Cli;

/// <summary>The scripts, run by the shells that this machine has; bash is on every one that runs Belay.</summary>
public sealed class CompletionTests
{
    private static readonly string[] Folders = ["/bin", "/usr/bin", "/usr/local/bin"];

    [Theory]
    [InlineData("belay tra", "traces")]
    [InlineData("belay traces ", "list get")]
    [InlineData("belay --ver", "--version")]
    [InlineData("belay get --ver", "--version")]
    [InlineData("belay logs --fol", "--follow")]
    [InlineData("belay logs --level ", "debug error info warn")]
    [InlineData("belay logs --level=w", "warn")]
    [InlineData("belay list sessions --state in", "interrupted")]
    [InlineData("belay completion ", "bash fish zsh")]
    [InlineData("belay get session --harness h", "hello")]
    [InlineData("belay get o", "other")]
    [InlineData("belay get ", "session hello other")]
    [InlineData("belay logs --data get --harness o", "other")]
    [InlineData("belay logs --url http://127.0.0.1:9000 --harness h", "hello")]
    [InlineData("belay invoke --harness hello --pro", "--prompt")]
    [InlineData("belay logs --since ", "")]
    [InlineData("belay nothing de", "demo deploy delete")]
    public async Task Bash_CompletesWhatMayFollow(string line, string expected)
    {
        var found = await CompleteAsync(line);

        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), found);
    }

    [Fact]
    public async Task Bash_AsksTheServerThatTheLineNames()
    {
        await CompleteAsync("belay logs --url http://127.0.0.1:9000 --port 12 --data d --harness h");

        Assert.Equal("list --url http://127.0.0.1:9000 --port 12 --data d", _asked);
    }

    [Fact]
    public async Task Bash_RunsNothingThatANameSays()
    {
        Assert.Empty(await CompleteAsync("belay get $", names: "NAME\n$(touch pwned) x\n`touch pwned` x\n"));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Script_IsOneThatTheShellReads(string shell)
    {
        using var run = new CliRun();
        Assert.Equal(0, await run.RunAsync("completion", shell));
        Assert.Contains($"Made by: belay completion {shell}", run.Output, StringComparison.Ordinal);
        var program = Folders.Select(folder => Path.Combine(folder, shell)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, $"{shell} is not installed here.");
        var script = Path.Combine(run.Directory, "script");
        await File.WriteAllTextAsync(script, run.Output, TestContext.Current.CancellationToken);

        Assert.Equal("", await RunAsync(program!, run.Directory, "-n", script));
    }

    private string? _asked;

    // The words as bash breaks them, and a program that answers `list` as belay does.
    private async Task<string[]> CompleteAsync(string line, string names = "NAME   ID\nhello  hello-AbCdEfGhIj\nother  other-KlMnOpQrSt\n")
    {
        using var run = new CliRun();
        Assert.Equal(0, await run.RunAsync("completion", "bash"));
        await File.WriteAllTextAsync(Path.Combine(run.Directory, "names"), names, TestContext.Current.CancellationToken);
        var words = line.Split(' ').SelectMany(word => word.Replace(":", " : ", StringComparison.Ordinal).Replace("=", " = ", StringComparison.Ordinal).Split(' ', word.Length == 0 ? StringSplitOptions.None : StringSplitOptions.RemoveEmptyEntries));
        var script = Path.Combine(run.Directory, "script");
        await File.WriteAllTextAsync(
            script,
            $$"""
            {{run.Output}}
            belay() { echo "$*" > asked; cat names; }
            COMP_WORDS=({{string.Join(' ', words.Select(word => $"'{word}'"))}})
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            set -u
            _belay
            printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
            """,
            TestContext.Current.CancellationToken);

        var output = await RunAsync("/bin/bash", run.Directory, "--norc", script);
        var asked = Path.Combine(run.Directory, "asked");
        _asked = File.Exists(asked) ? (await File.ReadAllTextAsync(asked, TestContext.Current.CancellationToken)).Trim() : null;
        Assert.False(File.Exists(Path.Combine(run.Directory, "pwned")));
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task<string> RunAsync(string program, string directory, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await error);
        return output;
    }
}
