using System.Text.RegularExpressions;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary>The blocks of README.md, pasted as they are printed into one shell. Only the server is another: its own port and directory.</summary>
public sealed partial class ReadmeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("bash", "--version", "sh sh", "", "hello\n", "Stopped session")]
    [InlineData("python3", "-c import_boto3", "python", "hello.py", "`date` exited with code 0")]
    [InlineData("npm", "--version", "sh js", "hello.mjs", "`date` exited with code 0")]
    [InlineData("aws", "--version", "sh", "", "\"harnessName\": \"MyHarness\"")]
    public async Task Blocks_DoWhatTheySay(string client, string check, string languages, string file, params string[] expected)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var found = await ProgramRun.TryAsync(new(client, check.Split(' ').Select(word => word.Replace('_', ' '))), Limit, cancellationToken);
        Assert.SkipWhen(found is not { ExitCode: 0 }, $"{client} {check.Replace('_', ' ')} does not work here.");

        var blocks = Blocks(await File.ReadAllTextAsync(Path.Combine(RepositoryPaths.Root, "README.md"), cancellationToken));
        Assert.Equal("sh sh sh sh sh sh python sh js sh", string.Join(' ', blocks.Select(block => block.Language)));
        var first = client switch { "bash" => 4, "python3" => 6, "npm" => 7, _ => 9 };
        var own = blocks.GetRange(first, languages.Split(' ').Length);
        Assert.Equal(languages, string.Join(' ', own.Select(block => block.Language)));

        await using var server = await BelayProcess.StartAsync(cancellationToken);
        var folder = Directory.CreateTempSubdirectory("belay-readme-").FullName;
        try
        {
            var launcher = $"""
                #!/bin/sh
                [ "$1" != env ] || set -- "$@" --port {server.Port} --data {server.DataDirectory}
                exec {Path.Combine(RepositoryPaths.Root, "belay")} "$@"
                """;
            await File.WriteAllTextAsync(Path.Combine(folder, "belay"), launcher, cancellationToken);
            File.SetUnixFileMode(Path.Combine(folder, "belay"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var script = new List<string> { "set -eu", blocks[2].Text, blocks[3].Text };
            foreach (var (language, text) in own)
            {
                script.Add(language == "sh" ? text : $"{(language == "js" ? "node" : "python3")} {file}");
                if (language != "sh")
                {
                    await File.WriteAllTextAsync(Path.Combine(folder, file), text, cancellationToken);
                }
            }

            // What the blocks need is in what the first of them evaluates, not in this environment.
            var start = server.Verb("env");
            start.FileName = "bash";
            start.ArgumentList.Clear();
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(string.Join('\n', script));
            start.WorkingDirectory = folder;
            start.Environment["AWS_PAGER"] = "";
            var run = await ProgramRun.SucceedAsync(start, Limit, cancellationToken);

            Assert.Contains("In short: 1 line", run.Output);
            Assert.All(expected, text => Assert.Contains(text, run.Output));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<(string Language, string Text)> Blocks(string markdown) =>
        [.. Block().Matches(markdown).Select(match => (match.Groups["language"].Value, match.Groups["text"].Value.Replace("\n" + match.Groups["indent"].Value, "\n")))];

    [GeneratedRegex(@"^(?<indent> *)```(?<language>\w+)(?<text>\n.*?)^\k<indent>```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
