using System.CommandLine;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Sessions;

/// <summary><c>belay get session</c>: shows what a session did and what it cost.</summary>
internal static class SessionGetVerb
{
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
            var harnessId = await target.FindIdAsync(parsed, client, cancellationToken) ?? await SessionHarness.FindAsync(client, sessionId, cancellationToken);
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
}
