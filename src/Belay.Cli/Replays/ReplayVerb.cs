using System.CommandLine;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Replays;

/// <summary><c>belay replay</c>: runs a session again from its journal and says whether the engine still does what it did.</summary>
internal static class ReplayVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session." };
        var target = SessionTarget.NewHarness();
        var events = new Option<bool>("--events") { Description = "Print every event of the replayed streams, a line of JSON each, and nothing else." };
        var connection = new ConnectionOptions();
        var command = new Command("replay", "Run a session again from its journal, without any effect, and compare every entry.") { id };
        target.AddTo(command);
        command.Add(events);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var view = new ReplayView(host.Terminal, connection.Json(parsed), parsed.GetValue(events));
            await foreach (var item in client.ReplayAsync(harnessId, sessionId, parsed.GetValue(events), cancellationToken))
            {
                view.Show(item);
            }

            return (int)(view.Identical ? ExitCode.Done : ExitCode.Failed);
        });
        return new Verb(command, """
            The model's answers, tool results, times and ids come from the journal; nothing is called and nothing is written. It ends
            with 1 when the engine does something else than it did, and names the entry.

            Examples:
              belay replay "$SESSION"
              belay replay "$SESSION" --json | jq .entries
              belay replay "$SESSION" --events | jq -r 'select(.type == "contentBlockDelta") | .payload.delta.text // empty'
            """);
    }
}
