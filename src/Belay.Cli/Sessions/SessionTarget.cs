using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Contracts.Faults;

namespace Belay.Cli.Sessions;

/// <summary>Finds the harness of a session that a command line names.</summary>
internal static class SessionTarget
{
    // Harnesses that are named where several have the session.
    private const int MostNamed = 10;

    /// <summary>The option that names the harness.</summary>
    public static HarnessTarget NewHarness() => HarnessTarget.Optional("Its harness, by name, id or ARN; looked for in every harness when left out.");

    /// <summary>The harness that is named, or the only one that has the session.</summary>
    public static async Task<string> HarnessIdAsync(HarnessTarget target, ParseResult parsed, BelayClient client, string sessionId, CancellationToken cancellationToken)
    {
        if (await target.FindIdAsync(parsed, client, cancellationToken) is { } named)
        {
            return named;
        }

        // Callers choose session ids, so that two harnesses may have the same one.
        var found = new List<string>();
        await foreach (var session in client.ListSessionsAsync([("sessionId", sessionId)], MostNamed, cancellationToken))
        {
            found.Add(session.Text("harnessId") ?? "");
        }

        return found switch
        {
            [var only] => only,
            [] => throw new CliException(ExitCode.Failed, $"No harness has a session {Terminal.OneLine(sessionId, 256)}.", "See what there is: belay list sessions")
            {
                Fault = nameof(FaultCode.ResourceNotFoundException),
            },
            _ => throw new CliException(
                ExitCode.Failed,
                $"More than one harness has a session {Terminal.OneLine(sessionId, 256)}: {string.Join(", ", found.Select(harnessId => Terminal.OneLine(harnessId, 100)))}.",
                "Say which is meant with --harness."),
        };
    }
}
