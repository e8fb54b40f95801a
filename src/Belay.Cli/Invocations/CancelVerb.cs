using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Invocations;

/// <summary><c>belay cancel</c>: ends what an agent does in a session; the session stays usable.</summary>
internal static class CancelVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = SessionTarget.NewHarness();
        var connection = new ConnectionOptions();
        var command = new Command("cancel", "Cancel the running invocation of a session; its conversation, sandbox and files stay.") { id };
        target.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var answer = await client.CancelInvocationAsync(harnessId, sessionId, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                host.Terminal.Output.WriteLine($"Cancelled invocation {Terminal.OneLine(answer.Text("invocationId") ?? "", 100)}.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay cancel "$SESSION"
            """);
    }
}
