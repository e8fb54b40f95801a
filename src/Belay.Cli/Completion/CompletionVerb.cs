using System.CommandLine;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Completion;

/// <summary>
/// <c>belay completion</c>: prints a script that completes command lines in a shell. Verbs, options and their values stand in the script, so
/// that completing them costs nothing; only for names of harnesses does the script ask the program.
/// </summary>
internal static class CompletionVerb
{
    /// <summary>Its name.</summary>
    public const string Name = "completion";

    /// <summary>The verb. What is completed is below <paramref name="root"/>.</summary>
    public static Verb Create(CliHost host, Command root)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        var command = new Command(Name, "Print a script that completes verbs, options and harness names in a shell.") { shell };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        command.SetAction(parsed =>
        {
            var lines = CommandLines.Below(root);
            host.Terminal.Output.Write(parsed.GetRequiredValue(shell) switch
            {
                "bash" => BashScript.Of(lines),
                "zsh" => ZshScript.Of(lines),
                _ => FishScript.Of(lines),
            });
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Names of harnesses are those that `belay list` shows, with --url, --port and --data as they
            stand on the line that is completed.

            Examples:
              eval "$(belay completion bash)"        # now, or as a line of ~/.bashrc
              belay completion zsh > "${fpath[1]}/_belay"
              belay completion fish > ~/.config/fish/completions/belay.fish
            """);
    }
}
