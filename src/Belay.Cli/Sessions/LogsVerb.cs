using System.CommandLine;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Sessions;

/// <summary><c>belay logs</c>: what agents did, a line for each step, up to now or as it happens.</summary>
internal static class LogsVerb
{
    private const int DefaultLimit = 100;
    private const int LargestLimit = 100_000;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = HarnessTarget.Optional("Only this harness, by name, id or ARN.");
        var session = new Option<string?>("--session-id") { Description = "Only this session.", HelpName = "ID" };
        var since = new MomentOption("--since", "Only lines from then on (default 1h).");
        var until = new MomentOption("--until", "Only lines before then.");
        var level = new Option<string?>("--level") { Description = "Only lines of this level or a graver one (default info).", HelpName = "error|warn|info|debug" };
        var query = new Option<string?>("--query") { Description = "Only lines with this text, in any case.", HelpName = "TEXT" };
        var limit = new Option<int?>("--limit", "--tail") { Description = $"Newest lines to show at most (default {DefaultLimit}; all of them with --follow and --since).", HelpName = "N" };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with what happens next, until Ctrl-C." };
        var connection = new ConnectionOptions();
        var command = new Command("logs", "Show what agents did, a line for each step.");
        level.AcceptOnlyFromAmong("error", "warn", "info", "debug");
        Validation.Between(limit, 1, LargestLimit);
        target.AddTo(command);
        command.Add(session);
        since.AddTo(command);
        until.AddTo(command);
        Option[] rest = [level, query, limit, follow];
        foreach (var option in rest)
        {
            command.Add(option);
        }

        connection.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(follow) && until.IsGiven(result))
            {
                result.AddError("--follow has no end, --until names one; give one of them.");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var filter = new LogQuery
            {
                HarnessId = await target.ExistingIdAsync(parsed, client, cancellationToken),
                SessionId = parsed.GetValue(session),
                Since = since.Read(parsed, host.Time),
                Until = until.Read(parsed, host.Time),
                Level = parsed.GetValue(level),
                Text = parsed.GetValue(query),
            };
            var view = new LogView(host.Terminal, connection.Json(parsed));
            var newest = parsed.GetValue(limit) ?? (parsed.GetValue(follow) && filter.Since is not null ? null : DefaultLimit);
            if (parsed.GetValue(follow))
            {
                await new LogFollower(client, host, view).RunAsync(filter, newest, cancellationToken);
                return (int)ExitCode.Done;
            }

            var (lines, more) = await client.ReadLogsAsync(filter.Parameters, newest!.Value, cancellationToken);
            Note(host, filter, lines.Count, more);
            foreach (var line in lines)
            {
                view.Show(line);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, $"""
            Each line is a time in UTC, a level, the beginning of the session's id, and what happened.
            {MomentOption.Values}

            Examples:
              belay logs --harness hello --since 30m
              belay logs --harness hello --level warn --query timeout --since 2d
              belay logs --session-id "$SESSION" --level debug
              belay logs --follow --tail 20
              belay logs --since 1d --json | jq -r 'select(.level == "error") | .sessionId'
            """);
    }

    private static void Note(CliHost host, LogQuery filter, int shown, bool more)
    {
        if (shown == 0 && !more)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Dim(
                filter.Since is null ? "There are no such lines in the last hour; --since 12h looks further back." : "There are no such lines."));
        }
        else if (more)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Dim($"Older lines are left out; --limit {Math.Min(shown * 10L, LargestLimit)} shows more."));
        }
    }
}
