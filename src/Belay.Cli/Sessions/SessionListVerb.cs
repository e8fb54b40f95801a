using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;

namespace Belay.Cli.Sessions;

/// <summary><c>belay list sessions</c>: shows sessions, the latest activity first.</summary>
internal static class SessionListVerb
{
    private const int DefaultLimit = 20;
    private const int LargestLimit = 10_000;
    private static readonly IReadOnlyList<string> Reasons = Shape.Of(BelayJson.Default.HarnessStopReason).Names;
    private static readonly string[] Faults = Enum.GetNames<FaultCode>();

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = HarnessTarget.Optional("Only of this harness, by name, id or ARN.");
        var state = new Option<string?>("--state") { Description = "Only in this state: idle, running, waiting, interrupted, erased, unreadable or damaged.", HelpName = "STATE" };
        var ended = new Option<string?>("--ended") { Description = "Only those whose last invocation ended so: a stop reason or the code of a fault, as in the column ENDED.", HelpName = "WHY" };
        var actor = new Option<string?>("--actor-id") { Description = "Only of this actor.", HelpName = "ID" };
        var since = new MomentOption("--since", "Only sessions that were active from then on.");
        var until = new MomentOption("--until", "Only sessions whose last activity was before then.");
        var limit = new Option<int?>("--limit") { Description = $"Sessions to show at most (default {DefaultLimit}).", HelpName = "N" };
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        var command = new Command("sessions", "List sessions, the latest activity first.");
        state.AcceptOnlyFromAmong("idle", "running", "waiting", "interrupted", "erased", "unreadable", "damaged");
        ended.AcceptOnlyFromAmong([.. Reasons, .. Faults]);
        Validation.Between(limit, 1, LargestLimit);
        target.AddTo(command);
        command.Add(state);
        command.Add(ended);
        command.Add(actor);
        since.AddTo(command);
        until.AddTo(command);
        command.Add(limit);
        wide.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            (string, string?)[] filter =
            [
                ("harnessId", await target.ExistingIdAsync(parsed, client, cancellationToken)),
                ("actorId", parsed.GetValue(actor)),
                ("state", parsed.GetValue(state)),
                ("stopReason", parsed.GetValue(ended) is { } reason && !Faults.Contains(reason) ? reason : null),
                ("fault", parsed.GetValue(ended) is { } fault && Faults.Contains(fault) ? fault : null),
                ("since", since.Parameter(parsed, host.Time)),
                ("until", until.Parameter(parsed, host.Time)),
            ];
            var sessions = await client.ListSessionsAsync(filter, parsed.GetValue(limit) ?? DefaultLimit, cancellationToken).ToListAsync(cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["sessions"] = new JsonArray([.. sessions.Select(JsonOutput.Node)]) });
            }
            else if (sessions.Count == 0)
            {
                host.Terminal.Error.WriteLine("There are no such sessions.");
            }
            else
            {
                SessionView.WriteList(wide.Terminal(parsed, host), sessions);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, $"""
            {MomentOption.Values}

            Examples:
              belay list sessions --harness hello --since 1d
              belay list sessions --ended max_iterations_exceeded
              belay list sessions --state running --json | jq -r '.sessions[].sessionId'
            """);
    }
}
