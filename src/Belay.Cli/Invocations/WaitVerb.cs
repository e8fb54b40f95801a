using System.CommandLine;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Invocations;

/// <summary><c>belay wait</c>: follows a session's newest invocation to its end, whoever started it.</summary>
internal static class WaitVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = SessionTarget.NewHarness();
        var connection = new ConnectionOptions();
        var command = new Command("wait", "Follow a session's newest invocation to its end.") { id };
        target.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            return (int)await new FollowedRun(client, host).RunAsync(harnessId, sessionId, connection.Json(parsed), cancellationToken);
        });
        return new Verb(command, """
            What the invocation does is shown from its beginning. Leaving does not end it. The exit code is 0 when the agent finished, 1 when it failed,
            reached a limit or was cancelled.

            Examples:
              belay wait "$SESSION"
              belay wait "$SESSION" --json | jq -r .stopReason
            """);
    }
}
