using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
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
            var json = connection.Json(parsed);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var session = await client.GetSessionAsync(harnessId, sessionId, cancellationToken);
            if (session.Items("invocations").FirstOrDefault() is not { ValueKind: JsonValueKind.Object } newest || newest.Number("sequence") is not { } sequence)
            {
                throw new CliException(ExitCode.Failed, $"Session {Terminal.OneLine(sessionId, 256)} has no invocation to wait for.", "Start one: belay invoke --detach");
            }

            var view = new InvocationView(host.Terminal);
            var transcript = new InvocationTranscript();
            var began = host.Time.GetTimestamp();
            var follower = new EventFollower(client, host);
            JsonElement ended;
            try
            {
                ended = await follower.RunAsync(harnessId, sessionId, newest.Text("invocationId") ?? "", sequence - 1, Show, cancellationToken);
            }
            finally
            {
                view.EndLine();
            }

            var (reason, fault) = (ended.Text("stopReason"), ended.Text("fault"));
            if (json)
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(ended));
            }
            else if (fault is not null)
            {
                host.Terminal.Error.WriteLine(host.Terminal.Bad($"The invocation failed with {Terminal.OneLine(fault, 100)}: {Terminal.OneLine(ended.Text("why") ?? "", 500)}"));
            }
            else
            {
                view.Finish(transcript, host.Time.GetElapsedTime(began));
            }

            return (int)(fault is null && StopReasons.IsNormal(reason ?? "") ? ExitCode.Done : ExitCode.Failed);

            void Show(StreamEvent next)
            {
                transcript.Add(next);
                if (json)
                {
                    return;
                }

                view.Show(next);
                if (next.Type == "modelVoided")
                {
                    view.EndLine();
                    host.Terminal.Error.WriteLine(host.Terminal.Dim("The server stopped in the middle of this answer; it is asked for again."));
                }
                else if (next.Type == "steered")
                {
                    view.EndLine();
                    host.Terminal.Error.WriteLine(host.Terminal.Dim($"told: {Terminal.OneLine(next.Payload.Text("text") ?? "", 200)}"));
                }
            }
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
