using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;
using Belay.Testing.Sandboxes;
using Belay.Tests.Sandboxes;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Tests.Tools.BuiltIn;

public sealed class BuiltInToolsTests : IAsyncLifetime
{
    private ISandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await TestDrivers.StartAsync(TestDrivers.Unconfined);

    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    [Fact]
    public void BuiltIns_AreShellAndFileOperations_AndWhatReadsOffloadedResults()
    {
        Assert.Equal(["shell", "file_operations", "retrieve_offloaded_content"], BuiltInTools.All.Select(tool => tool.Spec.Name));
        Assert.All(BuiltInTools.All, tool => Assert.Equal(("builtin", HarnessToolUseType.ToolUse, "object"), (tool.Spec.Server, tool.Spec.Kind, tool.Spec.InputSchema.GetProperty("type").GetString())));
    }

    [Fact]
    public async Task Shell_AnswersWithBothStreamsAndTheExitCode()
    {
        Assert.Equal("""{"stdout":"out\n","stderr":"err\n","exit_code":3}""", await ShellAsync("""{"command":"echo out; echo err >&2; exit 3"}"""));
    }

    [Fact]
    public async Task Shell_IsALoginBashThatStartsAnew()
    {
        Assert.Equal("""{"stdout":"yes\n","stderr":"","exit_code":0}""", await ShellAsync("""{"command":"shopt -q login_shell && echo yes; cd /tmp; X=1; export X"}"""));
        Assert.Equal("""{"stdout":"\n","stderr":"","exit_code":0}""", await ShellAsync("""{"command":"test $PWD = /tmp && echo moved; echo $X"}"""));
    }

    [Fact]
    public async Task Shell_InvalidUtf8_IsReplaced()
    {
        Assert.Equal("""{"stdout":"a\uFFFDb\uD83D\uDE00","stderr":"","exit_code":0}""", await ShellAsync("""{"command":"printf 'a\\377b\\360\\237\\230\\200'"}"""));
    }

    [Fact]
    public async Task Shell_QuotesAndLines_ArriveAsWritten()
    {
        Assert.Equal("""{"stdout":"it\u0027s \u0022$HOME\u0022\n2\n","stderr":"","exit_code":0}""", await ShellAsync(JsonSerializer.Serialize(new { command = "echo \"it's \\\"\\$HOME\\\"\"\necho $((1+1))" })));
    }

    [Fact]
    public async Task Shell_VeryLongCommand_Runs()
    {
        var command = "echo " + new string('x', 200_000) + " | wc -c; echo ü";

        Assert.Equal("""{"stdout":"200001\n\u00FC\n","stderr":"","exit_code":0}""", await ShellAsync(JsonSerializer.Serialize(new { command })));
    }

    [Fact]
    public async Task Shell_MuchOutput_IsCutInTheMiddleWithANotice()
    {
        var result = await RunAsync(new ShellTool(), """{"command":"echo first; head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo last; head -c 524288 /dev/zero | tr '\\0' 'y' >&2"}""");
        var json = Assert.IsType<ToolContent.Json>(Assert.Single(result.Content)).Value;
        var stdout = json.GetProperty("stdout").GetString()!;

        Assert.StartsWith("first\nxxx", stdout, StringComparison.Ordinal);
        Assert.EndsWith("xxx\nlast\n", stdout, StringComparison.Ordinal);
        Assert.Contains($"\n[… {3_000_012 - 524_288} bytes of output left out here …]\n", stdout, StringComparison.Ordinal);
        Assert.InRange(stdout.Length, 524_288, 524_288 + 100);
        Assert.Equal(new string('y', 524_288), json.GetProperty("stderr").GetString());
    }

    [Fact]
    public async Task Shell_TimedOut_SaysSoAndKills()
    {
        var result = await RunAsync(new ShellTool(), """{"command":"setsid sleep 307 & sleep 307","timeout":1}""");

        Assert.Equal((HarnessToolUseStatus.Error, "Error: command timed out after 1 seconds"), (result.Status, Text(result)));
        Assert.Equal("", (await _sandbox.ShAsync("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep [3]07'")).Stdout);
    }

    [Fact]
    public async Task Shell_NeverRunsLongerThanTheInvocation()
    {
        var result = await RunAsync(new ShellTool(), """{"command":"sleep 60","timeout":300}""", TimeSpan.FromSeconds(0.5));
        Assert.Equal("Error: command timed out after 1 seconds", Text(result));

        result = await RunAsync(new ShellTool(), """{"command":"touch ran"}""", TimeSpan.Zero);
        Assert.Equal("Error: command timed out after 0 seconds", Text(result));
        Assert.Empty((await _sandbox.ListAsync(".", CancellationToken.None)).Names);
    }

    [Fact]
    public async Task Shell_SeesTheInvocationsVariables()
    {
        var context = new ToolContext(new Source(_sandbox), TimeSpan.FromMinutes(1)) { Environment = new Dictionary<string, string> { ["BEDROCK_AGENTCORE_ACTOR_ID"] = "ann" } };
        var result = await new ShellTool().RunAsync(new ToolCall("t", JsonElement.Parse("""{"command":"echo $BEDROCK_AGENTCORE_ACTOR_ID"}""")), context, CancellationToken.None);

        Assert.Contains("ann", Assert.IsType<ToolContent.Json>(result.Content[0]).Value.GetProperty("stdout").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "'command' is required")]
    [InlineData("""{"command":null}""", "'command' is required")]
    [InlineData("""{"command":7}""", "'command' must be a string")]
    [InlineData("""{"command":""}""", "'command' must not be empty and must contain no NUL character")]
    [InlineData("""{"command":"a\u0000b"}""", "'command' must not be empty and must contain no NUL character")]
    [InlineData("""{"timeout":0}""", "'command' is required; 'timeout' must be from 1 to 3600, but is 0")]
    [InlineData("""{"command":"x","timeout":3601}""", "'timeout' must be from 1 to 3600, but is 3601")]
    [InlineData("""{"command":"x","timeout":1.5}""", "'timeout' must be an integer")]
    [InlineData("""{"command":[],"timeout":"5"}""", "'command' must be a string; 'timeout' must be an integer")]
    public async Task Shell_WrongArguments_AreAllNamed(string input, string problems)
    {
        var result = await RunAsync(new ShellTool(), input);

        Assert.Equal((HarnessToolUseStatus.Error, "Error: invalid arguments: " + problems), (result.Status, Text(result)));
    }

    [Fact]
    public async Task Shell_Cancelled_LeavesNothingRunning()
    {
        using var cancellation = new CancellationTokenSource();
        var running = new ShellTool().RunAsync(new ToolCall("t", JsonElement.Parse("""{"command":"touch started; sleep 308"}""")), new ToolContext(new Source(_sandbox), TimeSpan.FromMinutes(5)), cancellation.Token);
        while ((await _sandbox.ListAsync(".", CancellationToken.None)).Names.Count == 0)
        {
            await Task.Delay(10);
        }

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal("", (await _sandbox.ShAsync("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep [3]08'")).Stdout);
    }

    [Fact]
    public async Task Command_IsTextByStream()
    {
        var events = new List<CommandEvent>();
        await foreach (var happened in SandboxCommand.RunAsync(_sandbox, SandboxCommand.Request("printf 'a\\360\\237'; sleep 0.2; printf '\\230\\200'; printf '\\360' >&2; exit 4", login: false, TimeSpan.FromMinutes(1)), CancellationToken.None))
        {
            events.Add(happened);
        }

        Assert.Equal(
            [
                new CommandEvent.Output(OutputKind.Stdout, "a"), new CommandEvent.Output(OutputKind.Stdout, "😀"),
                new CommandEvent.Output(OutputKind.Stderr, "\uFFFD"), new CommandEvent.Exited(4, false),
            ],
            events);
    }

    [Fact]
    public async Task Files_CreateViewReplaceInsert()
    {
        Assert.Equal("Successfully created file 'dir/a.txt'", await FileAsync("""{"command":"create","path":"dir/a.txt","file_text":"one\ntwo\nthree\n"}"""));
        Assert.Equal("1: one\n2: two\n3: three", await FileAsync("""{"command":"view","path":"dir/a.txt"}"""));
        Assert.Equal("2: two\n3: three", await FileAsync("""{"command":"view","path":"dir/a.txt","view_range":[2,-1]}"""));
        Assert.Equal("1: one\n2: two", await FileAsync("""{"command":"view","path":"dir/a.txt","view_range":[1,2]}"""));
        Assert.Equal("3: three", await FileAsync("""{"command":"view","path":"dir/a.txt","view_range":[3,99]}"""));
        Assert.Equal("Successfully replaced text in 'dir/a.txt'", await FileAsync("""{"command":"str_replace","path":"dir/a.txt","old_str":"two\n","new_str":"zwei\n"}"""));
        Assert.Equal("Successfully inserted text in 'dir/a.txt' at line 1", await FileAsync("""{"command":"insert","path":"dir/a.txt","insert_line":0,"new_str":"zero"}"""));
        Assert.Equal("Successfully inserted text in 'dir/a.txt' at line 5", await FileAsync("""{"command":"insert","path":"dir/a.txt","insert_line":4,"new_str":"end"}"""));
        Assert.Equal("zero\none\nzwei\nthree\nend\n", Encoding.UTF8.GetString(await _sandbox.ReadFileAsync("dir/a.txt", 1000, CancellationToken.None)));
        Assert.Equal("Successfully replaced text in 'dir/a.txt'", await FileAsync("""{"command":"str_replace","path":"dir/a.txt","old_str":"zwei\n"}"""));
        Assert.Equal("1: zero\n2: one\n3: three\n4: end", await FileAsync("""{"command":"view","path":"/workspace/dir/a.txt"}"""));
        Assert.Equal("dir/", await FileAsync("""{"command":"view","path":"."}"""));
        Assert.Equal("a.txt", await FileAsync("""{"command":"view","path":"dir"}"""));
    }

    [Fact]
    public async Task Files_WithoutLastLineEnd_AreKeptWhole()
    {
        await _sandbox.WriteFileAsync("f", "a\r\nb"u8.ToArray(), CancellationToken.None);

        Assert.Equal("1: a\r\n2: b", await FileAsync("""{"command":"view","path":"f"}"""));
        Assert.Equal("Successfully inserted text in 'f' at line 3", await FileAsync("""{"command":"insert","path":"f","insert_line":2,"new_str":"c"}"""));
        Assert.Equal("a\r\nb\nc\n", Encoding.UTF8.GetString(await _sandbox.ReadFileAsync("f", 100, CancellationToken.None)));
        Assert.Equal("Successfully created file 'empty'", await FileAsync("""{"command":"create","path":"empty","file_text":""}"""));
        Assert.Equal("", await FileAsync("""{"command":"view","path":"empty"}"""));
        Assert.Equal("Successfully inserted text in 'empty' at line 1", await FileAsync("""{"command":"insert","path":"empty","insert_line":0,"new_str":"x"}"""));
        Assert.Equal("1: x", await FileAsync("""{"command":"view","path":"empty"}"""));
    }

    [Theory]
    [InlineData("""{"command":"view","path":"missing"}""", "Error: 'missing': no such file or directory.")]
    [InlineData("""{"command":"view","path":"text","view_range":[4,5]}""", "Error: 'text' has 3 lines; 'view_range' starts at 4")]
    [InlineData("""{"command":"view","path":".","view_range":[1,2]}""", "Error: '.' is a directory; 'view_range' is for files")]
    [InlineData("""{"command":"view","path":"big"}""", "Error: 'big': it has 1048577 bytes; files over 1 MiB are not opened here, use the shell instead.")]
    [InlineData("""{"command":"view","path":"binary"}""", "Error: 'binary': it contains NUL bytes, so it is no text.")]
    [InlineData("""{"command":"create","path":".","file_text":"x"}""", "Error: '.': it is a directory.")]
    [InlineData("""{"command":"create","path":"text/x","file_text":"x"}""", "Error: 'text/x': a part of the path is not a directory.")]
    [InlineData("""{"command":"str_replace","path":"text","old_str":"nope","new_str":""}""", "Error: 'old_str' was not found in 'text' (0 occurrences)")]
    [InlineData("""{"command":"str_replace","path":"text","old_str":"aa","new_str":""}""", "Error: 'old_str' occurs 4 times in 'text'; it must occur exactly once, so give more of the text around it")]
    [InlineData("""{"command":"str_replace","path":"latin1","old_str":"a","new_str":"b"}""", "Error: 'latin1': it is not UTF-8 text, and editing would change the rest of it; use the shell instead.")]
    [InlineData("""{"command":"str_replace","path":".","old_str":"a","new_str":"b"}""", "Error: '.': it is a directory.")]
    [InlineData("""{"command":"insert","path":"text","insert_line":4,"new_str":"x"}""", "Error: 'insert_line' must be from 0 to 3, the number of lines of 'text', but is 4")]
    [InlineData("""{}""", "Error: invalid arguments: 'command' is required; 'path' is required")]
    [InlineData("""{"command":"delete","path":""}""", "Error: invalid arguments: 'command' must be one of view, create, str_replace, insert; 'path' must not be empty and must contain no NUL character")]
    [InlineData("""{"command":"create","path":"x"}""", "Error: invalid arguments: 'file_text' is required")]
    [InlineData("""{"command":"str_replace","path":"x"}""", "Error: invalid arguments: 'old_str' is required")]
    [InlineData("""{"command":"str_replace","path":"x","old_str":""}""", "Error: invalid arguments: 'old_str' must not be empty")]
    [InlineData("""{"command":"insert","path":"x"}""", "Error: invalid arguments: 'new_str' is required; 'insert_line' is required")]
    [InlineData("""{"command":"insert","path":"x","new_str":"y","insert_line":-1}""", "Error: invalid arguments: 'insert_line' must be from 0 to 2147483647, but is -1")]
    [InlineData("""{"command":"view","path":"x","view_range":[1]}""", "Error: invalid arguments: 'view_range' must be an array of two integers")]
    [InlineData("""{"command":"view","path":"x","view_range":[3,2]}""", "Error: invalid arguments: 'view_range' must be [start, end] with start at least 1 and end at least start, or -1 for the end of the file")]
    public async Task Files_Wrong_SayWhatIsWrong(string input, string expected)
    {
        await _sandbox.ShAsync("printf 'aaa\\nbbb\\naaa\\n' > text; head -c 1048577 /dev/zero | tr '\\0' x > big; printf 'a\\0b' > binary; printf 'a\\344' > latin1");

        var result = await RunAsync(new FileOperationsTool(), input);

        Assert.Equal((HarnessToolUseStatus.Error, expected), (result.Status, Text(result)));
    }

    [Fact]
    public void CappedText_KeepsHeadAndTailOfAnyPieces()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var whole = new string([.. Enumerable.Range(0, random.Next(60)).Select(_ => random.GetItems<char>("ab€\n", 1)[0])]);
            var bytes = Encoding.UTF8.GetBytes(whole);
            var capped = new CappedText(20);
            for (var at = 0; at < bytes.Length;)
            {
                var length = random.Next(1, bytes.Length - at + 1);
                capped.Append(bytes.AsSpan(at, length));
                at += length;
            }

            var text = capped.ToString();
            if (bytes.Length <= 20)
            {
                Assert.Equal(whole, text);
                continue;
            }

            var notice = System.Text.RegularExpressions.Regex.Match(text, @"\n\[… (\d+) bytes of output left out here …\]\n");
            var (head, tail) = (text[..notice.Index], text[(notice.Index + notice.Length)..]);
            Assert.StartsWith(head, whole, StringComparison.Ordinal);
            Assert.EndsWith(tail, whole, StringComparison.Ordinal);
            Assert.DoesNotContain('\uFFFD', text);
            Assert.Equal(bytes.Length, Encoding.UTF8.GetByteCount(head) + Encoding.UTF8.GetByteCount(tail) + int.Parse(notice.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private async Task<string> ShellAsync(string input)
    {
        var result = await RunAsync(new ShellTool(), input);
        Assert.Equal(HarnessToolUseStatus.Success, result.Status);
        return JsonSerializer.Serialize(Assert.IsType<ToolContent.Json>(Assert.Single(result.Content)).Value);
    }

    private async Task<string> FileAsync(string input)
    {
        var result = await RunAsync(new FileOperationsTool(), input);
        Assert.True(result.Status == HarnessToolUseStatus.Success, Text(result));
        return Text(result);
    }

    private Task<ToolResult> RunAsync(ITool tool, string input, TimeSpan? remaining = null) =>
        tool.RunAsync(new ToolCall("t", JsonElement.Parse(input)), new ToolContext(new Source(_sandbox), remaining ?? TimeSpan.FromMinutes(5)), CancellationToken.None);

    private static string Text(ToolResult result) => Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value;

    private sealed class Source(ISandbox sandbox) : ISandboxSource
    {
        public ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken) => ValueTask.FromResult(sandbox);
    }
}
