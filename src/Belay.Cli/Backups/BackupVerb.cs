using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Backups;
using Belay.Cli.CommandLine;
using Belay.Storage;
using Belay.Storage.Sqlite;

namespace Belay.Cli.Backups;

/// <summary><c>belay backup</c>: everything a server keeps, as one sealed file; from the server while it runs, else from its directory.</summary>
internal static class BackupVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var connection = new ConnectionOptions();
        var passphrase = new Passphrase();
        var file = new Argument<string?>("FILE") { Description = "Where to (default belay-TIME.backup).", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("backup", "Write everything a server keeps to one sealed file, while it runs or not: harnesses, sessions, workspaces, keys.") { file };
        passphrase.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var secret = passphrase.Read(parsed, host);
            var name = parsed.GetValue(file) ?? $"belay-{host.Time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}.backup";
            var path = Path.GetFullPath(name, host.WorkingDirectory);
            var progress = new BackupProgress(host.Terminal, host.Time, "Backing up");
            var content = await WholeFile.WriteAsync(
                path,
                "back up",
                "Name another file.",
                output => FillAsync(output, secret, connection, parsed, host, progress, cancellationToken),
                output => BackupRestore.CheckAsync(output, secret, cancellationToken),
                cause => cause is BackupException or StorageException);
            progress.End();
            Announce(host, path, content, connection.Json(parsed), passphrase.Path(parsed));
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            The file has the keys too: whoever has it and its passphrase has everything. It is read back before the verb ends with 0.

            Examples:
              (umask 077; openssl rand -base64 32 > passphrase)
              belay backup --passphrase-file passphrase
              belay backup /backups/monday.backup --passphrase-file passphrase --data /var/lib/belay
            """);
    }

    private static async Task FillAsync(
        Stream output, string passphrase, ConnectionOptions connection, ParseResult parsed, CliHost host, BackupProgress progress, CancellationToken cancellationToken)
    {
        var directory = connection.DataDirectory(parsed, host);
        if (!connection.NamesServer(parsed, host) && OpenUnheld(directory, host) is { } database)
        {
            await using (database)
            {
                await new BackupWriter(database, directory, host.Time, host.Ids).WriteAsync(output, passphrase, progress, cancellationToken);
            }

            return;
        }

        using var client = connection.Connect(parsed, host);
        await client.BackupAsync(passphrase, output, progress, cancellationToken);
    }

    // The directory itself when no server has it; null when one has, or when there is none.
    private static SqliteDatabase? OpenUnheld(string directory, CliHost host)
    {
        if (!File.Exists(Path.Join(directory, SqliteDatabase.FileName)))
        {
            return null;
        }

        using (var free = DataDirectoryLock.TryTake(directory))
        {
            if (free is null)
            {
                return null;
            }
        }

        return SqliteDatabase.Open(directory, new StorageSettings(), host.Time);
    }

    private static void Announce(CliHost host, string path, BackupContent content, bool json, string passphraseFile)
    {
        var bytes = new FileInfo(path).Length;
        if (json)
        {
            JsonOutput.Write(host.Terminal.Output, new JsonObject { ["file"] = path, ["bytes"] = bytes, ["files"] = content.Files, ["leftOut"] = content.LeftOut });
            return;
        }

        host.Terminal.Output.WriteLine($"Wrote {path} ({BackupProgress.Size(bytes)}, {Amounts.Count(content.Files, "file")}).");
        if (content.LeftOut > 0)
        {
            host.Terminal.Error.WriteLine($"{content.LeftOut} entries were left out: sockets, pipes, or files that went away meanwhile.");
        }

        host.Terminal.Error.WriteLine($"Restore it with: belay restore {ShellQuote.Quote(path)} --passphrase-file {ShellQuote.Quote(passphraseFile)} --data DIR");
    }
}
