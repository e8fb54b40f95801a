using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Runtimes;

/// <summary><c>belay stop</c>: ends a session's sandbox and interrupts what runs in it.</summary>
internal static class StopVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = new HarnessTarget("harness");
        var session = new SessionOption(required: true);
        var qualifier = SessionOption.NewQualifier();
        var connection = new ConnectionOptions();
        var command = new Command("stop", "Stop a session: end its sandbox; its conversation and files stay.");
        target.AddTo(command);
        session.AddTo(command);
        command.Add(qualifier);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var (_, arn) = await target.ResolveAsync(parsed, client, cancellationToken);
            var sessionId = session.Read(parsed)!;
            await client.StopSessionAsync(arn, parsed.GetValue(qualifier), sessionId, host.Ids.NewUuid(), cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["sessionId"] = sessionId, ["status"] = "STOPPED" });
            }
            else
            {
                host.Terminal.Output.WriteLine($"Stopped session {sessionId}.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay stop hello --session-id "$SESSION"
            """);
    }
}
