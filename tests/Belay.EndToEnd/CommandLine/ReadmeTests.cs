using System.Diagnostics;
using System.Text.RegularExpressions;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.CommandLine;

/// <summary>
/// The blocks of README.md, pasted as they are printed and in their order: the server's into one shell, all others into another. Only the port
/// is another one; the launcher is left out, which <see cref="LauncherTests"/> has.
/// </summary>
public sealed partial class ReadmeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);

    // Every block, by how it begins. A block that is not here has nobody who runs it, and one that is here and not there is gone.
    private static readonly Step[] Steps =
    [
        new("./belay demo", "sh", "Done in"),
        new("./belay serve", "sh") { Serves = true },
        new("eval ", "sh"),
        new("./belay create --name hello", "sh", "status       READY", "In short: 1 line"),
        new("SESSION=", "sh", "\nhello\n", "Stopped session"),
        new("./belay traces get", "sh", "execute_tool file_operations", "invoke_agent hello", "end_turn", "Tool file_operations answered"),
        new("./belay replay", "sh", "identical", "forked from", "Failures: 0", "nothing is damaged"),
        new("./belay invoke --harness hello --detach", "sh", "\nfinished\n"),
        new("import boto3", "python", "`date` exited with code 0") { File = "hello.py", Run = "python3 hello.py", Needs = ["python3", "-c", "import boto3"] },
        new("npm install", "sh") { Needs = ["npm", "--version"] },
        new("import { randomUUID }", "js", "`date` exited with code 0") { File = "hello.mjs", Run = "node hello.mjs", Needs = ["npm", "--version"] },
        new("aws ", "sh", "\"harnessName\": \"MyHarness\"") { Needs = ["aws", "--version"] },
        new("./belay create --name local", "sh", "Good day to you."),
        new("./belay create --name coder", "sh", "openai/gpt-5-mini", "anthropic/claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6"),
        new("./belay deploy", "sh", "Create harness greeter", "`date` exited with code 0"),
        new("BELAY=", "sh", "\"openapi\":", "\"sessions\":[{", "belay_", "open session"),
        new("./belay delete", "sh"),
        new("rm -rf", "sh") { AfterTheServer = true },
    ];

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Blocks_DoWhatTheySay()
    {
        var blocks = Blocks(await File.ReadAllTextAsync(Path.Combine(RepositoryPaths.Root, "README.md"), CancellationToken));
        Assert.Equal(Steps.Select(step => step.Language), blocks.Select(block => block.Language));
        Assert.All(Steps.Zip(blocks), pair => Assert.StartsWith("\n" + pair.First.Begins, pair.Second.Text, StringComparison.Ordinal));

        await using var ollama = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("Good day to you."), CancellationToken);
        var folder = Directory.CreateTempSubdirectory("belay-readme-").FullName;
        try
        {
            await FillAsync(folder);
            var missing = await MissingAsync();

            // 1. The server's block, in a shell of its own, which becomes the server.
            var serve = Shell(folder, ollama, string.Concat(Steps.Zip(blocks).Where(pair => pair.First.Serves).Select(pair => pair.Second.Text)));
            serve.RedirectStandardOutput = serve.RedirectStandardError = true;
            using var server = Process.Start(serve)!;
            var log = server.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await ReadyAsync(server);

                // 2. The others, one after another in one shell. Between two of them stands a line that nothing prints.
                var script = new List<string> { "set -eu" };
                foreach (var (step, block) in Steps.Zip(blocks).Where(pair => !pair.First.Serves && !pair.First.AfterTheServer && !missing.Contains(pair.First.Needs[0])))
                {
                    script.Add($"echo; echo {Mark(step)}");
                    script.Add(step.Run ?? block.Text);
                    if (step.File is { } file)
                    {
                        await File.WriteAllTextAsync(Path.Combine(folder, file), block.Text, CancellationToken);
                    }
                }

                var run = await ProgramRun.SucceedAsync(Shell(folder, ollama, string.Join('\n', script)), Limit, CancellationToken);
                foreach (var step in Steps.Where(step => !missing.Contains(step.Needs[0]) && step.Expected.Length > 0))
                {
                    var said = run.Output.Split(Mark(step))[1].Split("\n== ")[0];
                    Assert.All(step.Expected, text => Assert.Contains(text, said));
                }

                Assert.Equal("/v1/chat/completions", Assert.Single(ollama.Requests).Path);
                Assert.Null(ollama.Requests[0].Headers.GetValueOrDefault("Authorization"));
            }
            finally
            {
                // 3. Ctrl-C ends it in order.
                using var interrupt = Process.Start(new ProcessStartInfo("bash", ["-c", $"kill -INT -- -{server.Id}"]))!;
                await interrupt.WaitForExitAsync(CancellationToken.None);
                using var deadline = new CancellationTokenSource(StopLimit);
                await using var kill = deadline.Token.Register(() => server.Kill(entireProcessTree: true));
                await server.WaitForExitAsync(CancellationToken.None);
            }

            Assert.True(server.ExitCode == 0, await log);
            Assert.True(Directory.Exists(Path.Combine(folder, ".belay")));
            foreach (var (_, block) in Steps.Zip(blocks).Where(pair => pair.First.AfterTheServer))
            {
                await ProgramRun.SucceedAsync(Shell(folder, ollama, block.Text), Limit, CancellationToken);
            }

            Assert.False(Directory.Exists(Path.Combine(folder, ".belay")));
            Assert.SkipWhen(missing.Count > 0, $"All other blocks do what they say; not here: {string.Join(", ", missing)}.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Mark(Step step) => $"== {Array.IndexOf(Steps, step)} ==";

    // What a clone has beside its sources. The packages of the scenario list are there when it has run: npm then has them at hand.
    private static async Task FillAsync(string folder)
    {
        Directory.CreateSymbolicLink(Path.Combine(folder, "samples"), Path.Combine(RepositoryPaths.Root, "samples"));
        var port = BelayProcess.FreePort();
        var belay = Path.Combine(folder, "belay");
        await File.WriteAllTextAsync(
            belay,
            $"""
            #!/bin/sh
            case $1 in serve | env) set -- "$@" --port {port} ;; esac
            BELAY_PROGRAM=$0 exec dotnet {RepositoryPaths.Cli} "$@"
            """,
            CancellationToken);
        File.SetUnixFileMode(belay, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static async Task<HashSet<string>> MissingAsync()
    {
        var missing = new HashSet<string>();
        foreach (var needs in Steps.Select(step => step.Needs).DistinctBy(needs => needs[0]))
        {
            if (await ProgramRun.TryAsync(new(needs[0], needs[1..]), Limit, CancellationToken) is not { ExitCode: 0 })
            {
                missing.Add(needs[0]);
            }
        }

        return missing;
    }

    // setsid makes the shell the head of a group, as a terminal does: Ctrl-C reaches all of it.
    private static ProcessStartInfo Shell(string folder, ChatCompletionsServer ollama, string script)
    {
        var start = BelayProcess.Isolated(new("setsid", ["bash", "-c", script]) { WorkingDirectory = folder });
        start.Environment["AWS_PAGER"] = "";
        start.Environment["OLLAMA_API_BASE"] = ollama.BaseUrl.GetLeftPart(UriPartial.Authority);

        // What npm has fetched once serves again.
        start.Environment["npm_config_prefer_offline"] = "true";
        start.Environment["npm_config_audit"] = start.Environment["npm_config_fund"] = "false";
        return start;
    }

    private static async Task ReadyAsync(Process server)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(CancellationToken);
        deadline.CancelAfter(Limit);
        while (await server.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            if (line.Contains("is ready at", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException("The server ended before it was ready.");
    }

    private static List<(string Language, string Text)> Blocks(string markdown) =>
        [.. Block().Matches(markdown).Select(match => (match.Groups["language"].Value, match.Groups["text"].Value.Replace("\n" + match.Groups["indent"].Value, "\n")))];

    [GeneratedRegex(@"^(?<indent> *)```(?<language>\w*)(?<text>\n.*?)^\k<indent>```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    /// <summary>What is done with a block.</summary>
    /// <param name="Begins">How it begins.</param>
    /// <param name="Language">Its language.</param>
    /// <param name="Expected">What it prints.</param>
    private sealed record Step(string Begins, string Language, params string[] Expected)
    {
        /// <summary>Whether it becomes the server.</summary>
        public bool Serves { get; init; }

        /// <summary>Whether it is for the time after the server.</summary>
        public bool AfterTheServer { get; init; }

        /// <summary>File that it is, where it is none for a shell.</summary>
        public string? File { get; init; }

        /// <summary>Command that runs the file.</summary>
        public string? Run { get; init; }

        /// <summary>A program without which it cannot run, with arguments that show whether it works.</summary>
        public string[] Needs { get; init; } = ["bash", "--version"];
    }
}
