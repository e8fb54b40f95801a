using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Backups;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Backups;

/// <summary><c>belay restore</c>: a backup becomes a data directory, whole and verified, or nothing changes.</summary>
internal static class RestoreVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var passphrase = new Passphrase();
        var file = new Argument<string>("FILE") { Description = "The backup." };
        var data = new Option<string?>("--data") { Description = "Directory to restore into; it must be empty or not exist (default ./.belay).", HelpName = "DIR" };
        var json = new Option<bool>("--json") { Description = "Print JSON for programs." };
        var command = new Command("restore", "Make a data directory from a backup, and verify every session's journal before it is one.") { file };
        command.Add(data);
        passphrase.AddTo(command);
        command.Add(json);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var directory = ConnectionOptions.DataDirectory(parsed.GetValue(data), host);
            var path = Path.GetFullPath(parsed.GetRequiredValue(file), host.WorkingDirectory);
            var secret = passphrase.Read(parsed, host);
            var progress = new BackupProgress(host.Terminal, host.Time, "Restoring");
            var restored = await RestoreAsync(path, directory, secret, host, progress, cancellationToken);
            progress.End();
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject
                {
                    ["dataDirectory"] = directory,
                    ["createdAt"] = restored.CreatedAt.UtcDateTime,
                    ["files"] = restored.Content.Files,
                    ["bytes"] = restored.Content.Bytes,
                    ["sessions"] = restored.Sessions,
                });
                return (int)ExitCode.Done;
            }

            host.Terminal.Output.WriteLine($"Restored {directory} as it was at {restored.CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: {Amounts.Count(restored.Content.Files, "file")}, {Amounts.Count(restored.Sessions, "session")}, every journal verified.");
            host.Terminal.Error.WriteLine($"Start it with: belay serve --data {ShellQuote.Quote(directory)}");
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay restore monday.backup --passphrase-file passphrase --data /var/lib/belay/data
            """);
    }

    private static async Task<RestoredBackup> RestoreAsync(string path, string directory, string passphrase, CliHost host, BackupProgress progress, CancellationToken cancellationToken)
    {
        try
        {
            await using var input = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
            return await new BackupRestore(directory, host.Time, host.Ids).RunAsync(input, passphrase, progress, cancellationToken);
        }
        catch (Exception cause) when (cause is BackupException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CliException(ExitCode.Failed, $"Could not restore: {cause.Message}", cause: cause);
        }
    }
}
