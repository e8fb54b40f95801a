using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Cli.Keys;

/// <summary><c>belay keys rotate</c>: puts a new master key in the place of the old one.</summary>
internal static class RotateVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var data = new Option<string?>("--data") { Description = "Data directory (default ./.belay).", HelpName = "DIR" };
        var json = new Option<bool>("--json") { Description = "Print JSON for programs." };
        var command = new Command("rotate", "Put a new master key in the place of the old one, in a data directory that no server holds.") { data, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var directory = ConnectionOptions.DataDirectory(parsed.GetValue(data), host);
            var count = await RotateAsync(directory, host, cancellationToken);
            if (parsed.GetValue(json))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["dataDirectory"] = directory, ["documentsSealedAnew"] = count });
            }
            else
            {
                host.Terminal.Output.WriteLine($"Replaced {Path.Combine(directory, MasterKey.FileName)}; {count} documents are sealed anew.");
                host.Terminal.Error.WriteLine("Back the new key up. Backups that were made before hold the old one, and open with it.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Stop the server first. When it is cut off, run it again; until then nothing else opens the directory.
            Data keys, access keys and what they protect stay as they are; page tokens and workload access tokens end.

            Examples:
              belay keys rotate
              belay keys rotate --data /var/lib/belay
            """);
    }

    private static async Task<int> RotateAsync(string directory, CliHost host, CancellationToken cancellationToken)
    {
        // Opening it would make one.
        if (!File.Exists(Path.Combine(directory, MasterKey.FileName)))
        {
            throw new CliException(ExitCode.Refused, $"{directory} holds no {MasterKey.FileName}.", "Name the data directory of a server with --data.");
        }

        try
        {
            return await new MasterKeyRotation(directory, host.Time).RunAsync(cancellationToken);
        }
        catch (Exception cause) when (cause is InvalidDataException or StorageException or UnauthorizedAccessException or IOException)
        {
            throw new CliException(ExitCode.Failed, $"Could not replace the master key in {directory}: {cause.Message}", KeyKeepers.IsHeld(directory) ? "Stop the server first." : null, cause);
        }
    }
}
