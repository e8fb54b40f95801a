using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Bundles;
using Belay.Cli.Bundles;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Verification;

/// <summary>Verifies bundles, each by itself: every line against its digest, the whole against its signature, and that its entries make a conversation.</summary>
internal static class BundleVerification
{
    /// <summary>Verifies and says what was found.</summary>
    /// <param name="host">The process.</param>
    /// <param name="files">The bundles.</param>
    /// <param name="trust">Fingerprint that must have signed them; null for any.</param>
    /// <param name="json">Whether to print JSON.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<ExitCode> RunAsync(CliHost host, IReadOnlyList<string> files, string? trust, bool json, CancellationToken cancellationToken)
    {
        var exit = ExitCode.Done;
        var found = new JsonArray();
        foreach (var file in files)
        {
            var name = Terminal.OneLine(file, 1000);
            try
            {
                var bundle = await ReadAsync(Path.GetFullPath(file, host.WorkingDirectory), trust, cancellationToken);
                var entries = bundle.Sessions.Sum(session => session.Entries.Count);
                found.Add(new JsonObject { ["bundle"] = file, ["sessionId"] = bundle.Header.SessionId, ["entries"] = entries, ["fingerprint"] = bundle.Fingerprint });
                Say(host.Terminal.Output, $"{name}: {entries.ToString("#,0", CultureInfo.InvariantCulture)} {(entries == 1 ? "entry" : "entries")} of session {Terminal.OneLine(bundle.Header.SessionId, 100)}, signed by {bundle.Fingerprint}: nothing is damaged.");
            }
            catch (Exception problem) when (problem is BundleException or IOException or UnauthorizedAccessException)
            {
                exit = problem is BundleException ? ExitCode.Damaged : exit == ExitCode.Done ? ExitCode.Failed : exit;
                found.Add(new JsonObject { ["bundle"] = file, ["error"] = problem.Message });
                Say(host.Terminal.Error, host.Terminal.Bad($"{name}: {Terminal.OneLine(problem.Message, 1000)}"));
            }
        }

        if (json)
        {
            JsonOutput.Write(host.Terminal.Output, new JsonObject { ["bundles"] = found });
        }

        return exit;

        void Say(TextWriter output, string line)
        {
            if (!json)
            {
                output.WriteLine(line);
            }
        }
    }

    private static async Task<SessionBundle> ReadAsync(string path, string? trust, CancellationToken cancellationToken)
    {
        var bundle = await BundleFile.ReadAsync(path, trust, cancellationToken);
        bundle.Fold(bundle.Sessions.Count);
        return bundle;
    }
}
