using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Backups;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Bundles;

/// <summary><c>belay import-session</c>: makes a session of the server of one that was exported elsewhere.</summary>
internal static class ImportSessionVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var file = new Argument<string>("FILE") { Description = "The bundle." };
        var target = HarnessTarget.Optional("Harness that goes on with it, by name, id or ARN; the one of the same name when left out, made when there is none.");
        var session = new Option<string?>("--session-id") { Description = "Its id here (default: the one it had).", HelpName = "ID" };
        var trust = new Option<string?>("--trust") { Description = "Take only a bundle that the key with this fingerprint signed.", HelpName = "FINGERPRINT" };
        var noFiles = new Option<bool>("--no-files") { Description = "Begin without its files." };
        var connection = new ConnectionOptions();
        var command = new Command("import-session", "Continue a session here that export-session wrote elsewhere.") { file };
        target.AddTo(command);
        command.Add(session);
        command.Add(trust);
        command.Add(noFiles);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var path = Path.GetFullPath(parsed.GetRequiredValue(file), host.WorkingDirectory);
            var harnessId = await target.FindIdAsync(parsed, client, cancellationToken);
            var progress = new BackupProgress(host.Terminal, host.Time, "Importing");
            await using var bundle = Open(path);
            JsonElement answer;
            try
            {
                answer = await client.ImportSessionAsync(bundle, harnessId, parsed.GetValue(session), parsed.GetValue(trust), !parsed.GetValue(noFiles), progress, cancellationToken);
            }
            finally
            {
                progress.End();
            }

            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonNode.Parse(answer.GetRawText())!);
                return (int)ExitCode.Done;
            }

            var id = Terminal.OneLine(answer.Text("sessionId") ?? "", 100);
            var harness = Terminal.OneLine(answer.Text("harnessId") ?? "", 100);
            host.Terminal.Output.WriteLine($"Imported session {id} ({answer.Member("entries")} entries), signed by {Terminal.OneLine(answer.Text("fingerprint") ?? "", 100)}.");
            host.Terminal.Output.WriteLine($"It belongs to harness {harness}{(answer.Member("harnessCreated")?.GetBoolean() == true ? ", which was made for it" : "")}.");
            foreach (var past in answer.Items("pastSessionIds"))
            {
                host.Terminal.Output.WriteLine($"It goes on from session {Terminal.OneLine(past.GetString() ?? "", 100)}.");
            }

            if (answer.Member("workspace") is { } saved)
            {
                host.Terminal.Output.WriteLine($"Its files are those of entry {saved.Number("entry")}: {Amounts.Count(saved.Number("files"), "file")}, {Amounts.Count(saved.Number("bytes"), "byte")}.");
            }

            foreach (var missing in answer.Items("leftOut"))
            {
                host.Terminal.Output.WriteLine($"{Terminal.OneLine(missing.GetString() ?? "", 200)} left out: set it with belay update.");
            }

            if (answer.Text("interrupted") is { } interrupted)
            {
                host.Terminal.Output.WriteLine($"Invocation {Terminal.OneLine(interrupted, 100)} had not ended; it is settled as interrupted.");
            }

            host.Terminal.Error.WriteLine($"Go on with: belay invoke --harness {ShellQuote.Quote(harness)} --session-id {ShellQuote.Quote(id)} \"...\"");
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            All of the session is imported or nothing is. It runs nothing: an invocation that had not ended is settled as interrupted. Sessions
            that it was forked from come with it, and so do the files that it was saved with last.

            Examples:
              belay import-session refund.belay
              belay import-session refund.belay --harness hello --trust d886:d20f:a92c:ad27:6681:0261:76b0:5709
            """);
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions { Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.Failed, $"Could not import the session: {cause.Message}", cause: cause);
        }
    }
}
