using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Bundles;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Bundles;

/// <summary><c>belay export-session</c>: writes a session to one signed file.</summary>
internal static class ExportSessionVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = SessionTarget.NewHarness();
        var file = new Option<string?>("--output", "-o") { Description = "Where to (default SESSION.belay).", HelpName = "FILE" };
        var noFiles = new Option<bool>("--no-files") { Description = "Leave its files out." };
        var connection = new ConnectionOptions();
        var command = new Command("export-session", "Write a session to one signed file, to replay it elsewhere.") { id };
        target.AddTo(command);
        command.Add(file);
        command.Add(noFiles);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var name = parsed.GetValue(file) ?? string.Concat(sessionId.Select(one => char.IsAsciiLetterOrDigit(one) || one is '-' or '_' ? one : '_')) + ".belay";
            var path = Path.GetFullPath(name, host.WorkingDirectory);
            var bundle = await WholeFile.WriteAsync(
                path,
                "export",
                "Name another file with -o.",
                output => client.ExportSessionAsync(harnessId, sessionId, !parsed.GetValue(noFiles), output, cancellationToken),
                output => new BundleReader(new()).ReadAsync(output, null, cancellationToken),
                cause => cause is BundleException);
            var (past, files) = (bundle.Header.Past ?? [], bundle.Header.Files);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject
                {
                    ["file"] = path,
                    ["entries"] = bundle.Entries.Count,
                    ["past"] = new JsonArray([.. past.Select(JsonNode (one) => new JsonObject { ["sessionId"] = one.SessionId, ["entries"] = one.Entries })]),
                    ["files"] = files is null ? null : new JsonObject { ["entry"] = files.Sequence, ["files"] = files.Files, ["bytes"] = files.Bytes },
                    ["fingerprint"] = bundle.Fingerprint,
                });
                return (int)ExitCode.Done;
            }

            host.Terminal.Output.WriteLine($"Wrote {path} ({bundle.Entries.Count} entries), signed by {bundle.Fingerprint}.");
            foreach (var one in past)
            {
                host.Terminal.Output.WriteLine($"It goes on from session {Terminal.OneLine(one.SessionId, 100)} at entry {one.Entries}, which is in it.");
            }

            if (files is not null)
            {
                host.Terminal.Output.WriteLine($"Its files are in it as of entry {files.Sequence}: {Amounts.Count(files.Files, "file")}, {Amounts.Count(files.Bytes, "byte")}.");
            }

            host.Terminal.Error.WriteLine($"Replay it anywhere with: belay test-session {ShellQuote.Quote(path)}");
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            The file has the conversation and the session's files, in clear: keep it as you keep those. Instructions, variables, headers and
            addresses of the harness are left out of it. What a fork goes on from is in it. It is read back before the verb ends with 0.

            Examples:
              belay export-session "$SESSION"
              belay export-session "$SESSION" --harness hello -o tests/refund.belay
            """);
    }
}
