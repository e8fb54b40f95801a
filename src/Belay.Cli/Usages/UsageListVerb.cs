using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Cli.Sessions;

namespace Belay.Cli.Usages;

/// <summary><c>belay list usage</c>: shows calls, tokens and cost over time.</summary>
internal static class UsageListVerb
{
    private static readonly string[] Groups = ["harness", "actor", "model"];

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var groupBy = new Option<string?>("--group-by") { Description = "What rows are told apart by: harness, actor, model, separated by commas.", HelpName = "LIST" };
        var interval = new Option<string?>("--interval") { Description = "A row for each hour or day, in UTC; one for the whole time when left out.", HelpName = "hour|day" };
        var target = HarnessTarget.Optional("Only of this harness, by name, id or ARN.");
        var actor = new Option<string?>("--actor-id") { Description = "Only of this actor.", HelpName = "ID" };
        var since = new MomentOption("--since", "Only what happened from then on (default 1d).");
        var until = new MomentOption("--until", "Only what happened before then.");
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        var command = new Command("usage", "List calls, tokens and cost over time.") { groupBy, interval };
        groupBy.Validators.Add(CheckGroups);
        interval.AcceptOnlyFromAmong("hour", "day");
        target.AddTo(command);
        command.Add(actor);
        since.AddTo(command);
        until.AddTo(command);
        wide.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var groups = Split(parsed.GetValue(groupBy));
            var answer = await client.GetUsageAsync(
                [
                    ("groupBy", groups.Length == 0 ? null : string.Join(',', groups)),
                    ("interval", parsed.GetValue(interval)),
                    ("since", since.Parameter(parsed, host.Time)),
                    ("until", until.Parameter(parsed, host.Time)),
                    ("harnessId", await target.ExistingIdAsync(parsed, client, cancellationToken)),
                    ("actorId", parsed.GetValue(actor)),
                ],
                cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
                return (int)ExitCode.Done;
            }

            host.Terminal.Error.WriteLine(host.Terminal.Dim($"from {InvocationFacts.Second(answer.Text("since"))} until {InvocationFacts.Second(answer.Text("until"))}"));
            var rows = answer.Items("rows").ToList();
            if (rows.Count == 0)
            {
                host.Terminal.Error.WriteLine("Nothing was used in that time.");
            }
            else
            {
                Write(wide.Terminal(parsed, host), rows, groups, parsed.GetValue(interval) is not null);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, $"""
            {MomentOption.Values}
            Cost is unknown where a model was called that has no price: serve --set Models:Prices:MODEL=INPUT/OUTPUT gives it one.

            Examples:
              belay list usage --group-by harness,model --since 7d
              belay list usage --interval day --since 30d
              belay list usage --group-by actor --json | jq '.rows[] | [.actorId, .usage.output]'
            """);
    }

    private static void Write(Terminal terminal, List<JsonElement> rows, string[] groups, bool byTime)
    {
        // Invocations and tool calls belong to no model, so that such rows have none.
        var (byHarness, byActor, byModel) = (groups.Contains("harness"), groups.Contains("actor"), groups.Contains("model"));
        var table = new Table(
        [
            new(byTime ? "START" : "", Whole: true), new(byHarness ? "HARNESS" : "", Id: true), new(byActor ? "ACTOR" : "", Id: true), new(byModel ? "MODEL" : "", Id: true),
            new(byModel ? "PROVIDER" : "", Leaves: 3), new(byModel ? "" : "INVOCATIONS", Right: true, Leaves: 5), new("MODEL CALLS", Right: true, Leaves: 6),
            new(byModel ? "" : "TOOL CALLS", Right: true, Leaves: 4), .. SessionView.TokenColumns,
        ]);
        foreach (var row in rows)
        {
            table.Add(
            [
                byTime ? InvocationFacts.Second(row.Text("start")) : "",
                byHarness ? row.Text("harnessId") : "",
                byActor ? row.Text("actorId") : "",
                byModel ? row.Text("modelId") : "",
                byModel ? row.Text("provider") : "",
                byModel ? "" : Amounts.Count(row.Number("invocations")),
                Amounts.Count(row.Number("modelCalls")),
                byModel ? "" : Amounts.Count(row.Number("toolCalls")),
                .. SessionView.TokenCells(row),
            ]);
        }

        table.WriteTo(terminal);
    }

    private static void CheckGroups(OptionResult result)
    {
        if (result.GetValueOrDefault<string?>() is { } text && (Split(text) is not { Length: > 0 } groups || groups.Except(Groups).Any() || groups.Distinct().Count() < groups.Length))
        {
            result.AddError("--group-by must be harness, actor or model, or several of them separated by commas, each once.");
        }
    }

    private static string[] Split(string? text) => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
