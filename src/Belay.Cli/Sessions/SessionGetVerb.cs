using System.CommandLine;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary><c>belay get session</c>: shows what a session did and what it cost.</summary>
internal static class SessionGetVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = SessionTarget.NewHarness();
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        var command = new Command("session", "Show a session: what it does, why it ended, its invocations, tokens and cost.") { id };
        target.AddTo(command);
        wide.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var answer = await client.GetSessionAsync(await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken), sessionId, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                SessionView.Write(wide.Terminal(parsed, host), answer);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Cost is unknown where a model was called that has no price: serve --set Models:Prices:MODEL=INPUT/OUTPUT gives it one.

            Examples:
              belay get session "$SESSION"
              belay get session "$SESSION" --harness hello --json | jq .session.usage
            """);
    }
}
