using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Invocations;

/// <summary><c>belay steer</c>: says something to an agent that works.</summary>
internal static class SteerVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var text = new Argument<string>("text") { Description = "What to say to the agent." };
        var target = SessionTarget.NewHarness();
        var connection = new ConnectionOptions();
        var command = new Command("steer", "Hand a message to the running invocation of a session.") { id, text };
        target.AddTo(command);
        connection.AddTo(command);
        text.Validators.Add(result =>
        {
            if (string.IsNullOrWhiteSpace(result.GetValueOrDefault<string>()))
            {
                result.AddError("The message is empty.");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var steerId = host.Ids.NewUuid();
            await client.SteerInvocationAsync(harnessId, sessionId, steerId, parsed.GetRequiredValue(text), cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["harnessId"] = harnessId, ["sessionId"] = sessionId, ["steerId"] = steerId });
            }
            else
            {
                host.Terminal.Output.WriteLine("Told; the agent's next model call takes it.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            The message is stored when this returns. An agent that was about to finish goes on. Where no invocation runs the exit code is 1, and nothing
            was said: invoke the session instead.

            Examples:
              belay steer "$SESSION" "Leave out the hidden files."
              belay steer "$SESSION" "Stop after the first." --json | jq -r .steerId
            """);
    }
}
