using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Sessions;

/// <summary>Finds the harness of a session. Callers choose session ids, so that two harnesses may have the same one.</summary>
internal static class SessionHarness
{
    // Harnesses that are named where several have the session.
    private const int MostNamed = 10;

    /// <summary>The id of the one harness that has the session.</summary>
    public static async Task<string> FindAsync(BelayClient client, string sessionId, CancellationToken cancellationToken)
    {
        var found = new List<string>();
        await foreach (var session in client.ListSessionsAsync([("sessionId", sessionId)], MostNamed, cancellationToken))
        {
            found.Add(session.Text("harnessId") ?? "");
        }

        return found switch
        {
            [var harnessId] => harnessId,
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
