using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Contracts.Faults;

namespace Belay.Cli.Sessions;

/// <summary><c>belay get session</c>: shows what a session did and what it cost.</summary>
internal static class SessionGetVerb
{
    // Harnesses that are named where several have the session.
    private const int MostNamed = 10;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = HarnessTarget.Optional("Its harness, by name, id or ARN; looked for in every harness when left out.");
        var connection = new ConnectionOptions();
        var command = new Command("session", "Show a session: what it does, why it ended, its invocations, tokens and cost.") { id };
        target.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await target.FindIdAsync(parsed, client, cancellationToken) ?? await HarnessOfAsync(client, sessionId, cancellationToken);
            var answer = await client.GetSessionAsync(harnessId, sessionId, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                SessionView.Write(host.Terminal, answer);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Cost is shown where the server knows a price for every model that was called.

            Examples:
              belay get session "$SESSION"
              belay get session "$SESSION" --harness hello --json | jq .session.usage
            """);
    }

    /// <summary>The harness that has a session. Callers choose session ids, so that two may have the same one.</summary>
    public static async Task<string> HarnessOfAsync(BelayClient client, string sessionId, CancellationToken cancellationToken)
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
