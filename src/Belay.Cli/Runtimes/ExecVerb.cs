using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Runtimes;

/// <summary><c>belay exec</c>: runs a command in a session's sandbox, past the agent.</summary>
internal static class ExecVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var words = new Argument<string[]>("command") { Description = "Command line; several words are quoted for the shell.", Arity = ArgumentArity.ZeroOrMore };
        var line = new Option<string?>("--command") { Description = "Command line for the shell.", HelpName = "TEXT" };
        var target = new HarnessTarget();
        var session = new SessionOption(required: false);
        var qualifier = SessionOption.NewQualifier();
        var timeout = new Option<int?>("--timeout") { Description = "Seconds after which it is killed (default 300, at most 3600).", HelpName = "N" };
        var connection = new ConnectionOptions();
        var command = new Command("exec", "Run a command in a session's sandbox.") { words };
        target.AddTo(command);
        command.Add(line);
        session.AddTo(command);
        command.Add(qualifier);
        command.Add(timeout);
        connection.AddTo(command);
        Validation.Between(timeout, 1, 3600);
        command.Validators.Add(result =>
        {
            var given = result.GetValue(words) is { Length: > 0 };
            if (given == (result.GetResult(line) is not null))
            {
                result.AddError(given ? "The command is given twice; use either COMMAND or --command." : "Say what to run: belay exec --harness HARNESS -- COMMAND.");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var text = parsed.GetValue(line) is { } given ? JsonOption.Text("--command", given, host) : CommandLineOf(parsed.GetValue(words)!);
            using var client = connection.Connect(parsed, host);
            var (_, arn) = await target.ResolveAsync(parsed, client, cancellationToken);
            var sessionId = session.Read(parsed) ?? host.Ids.NewUuid();
            var json = connection.Json(parsed);
            if (!json && session.Read(parsed) is null)
            {
                host.Terminal.Error.WriteLine(host.Terminal.Dim($"session {sessionId}"));
            }

            var body = new JsonObject { ["command"] = text };
            if (parsed.GetValue(timeout) is { } seconds)
            {
                body["timeout"] = seconds;
            }

            var output = json ? new StringBuilder() : null;
            var (code, status) = await RunAsync(client.ExecuteAsync(arn, parsed.GetValue(qualifier), sessionId, body, cancellationToken), host.Terminal, output);
            if (json)
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject
                {
                    ["sessionId"] = sessionId,
                    ["command"] = text,
                    ["exitCode"] = code,
                    ["status"] = status,
                    ["output"] = output!.ToString(),
                });
            }
            else if (status == "TIMED_OUT")
            {
                host.Terminal.Error.WriteLine(host.Terminal.Bad("The command was killed: its time was over. Give it more with --timeout."));
            }

            // A process's exit code has eight bits; -1 says that the platform failed.
            return code < 0 ? (int)ExitCode.Failed : code & 0xFF;
        });
        return new Verb(command, """
            The command's standard output and error are those of belay, and so is its exit code.

            Examples:
              belay exec --harness hello --session-id "$SESSION" "ls -la /workspace"
              belay exec --harness hello --session-id "$SESSION" -- python3 -c 'print(6*7)'
              belay exec --harness hello --session-id "$SESSION" "base64 report.pdf" | base64 -d > report.pdf
            """);
    }

    private static async Task<(int Code, string Status)> RunAsync(IAsyncEnumerable<StreamEvent> chunks, Terminal terminal, StringBuilder? collect)
    {
        await foreach (var chunk in chunks)
        {
            var stop = chunk.Payload.Member("contentStop");
            if (stop is not null)
            {
                return ((int)(stop.Value.Number("exitCode") ?? -1), stop.Value.Text("status") ?? "");
            }

            var delta = chunk.Payload.Member("contentDelta") ?? default;
            Write(terminal.Output, delta.Text("stdout"));
            Write(terminal.Error, delta.Text("stderr"));
        }

        throw new CliException(ExitCode.Failed, "Could not run the command: the stream ended before the command did.", "The session may have been stopped.");

        void Write(TextWriter writer, string? text)
        {
            if (text is null)
            {
                return;
            }

            if (collect is null)
            {
                writer.Write(text);
            }
            else
            {
                collect.Append(text);
            }
        }
    }

    /// <summary>One word is a command line; several are the words of one, and keep their borders.</summary>
    private static string CommandLineOf(string[] words) => words.Length == 1 ? words[0] : string.Join(' ', words.Select(ShellQuote.Quote));
}
