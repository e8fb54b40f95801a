using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;

namespace Belay.Cli.Sessions;

/// <summary><c>belay traces</c>: what invocations did, step by step.</summary>
internal static class TracesVerb
{
    private const int DefaultLimit = 20;
    private const int LargestLimit = 10_000;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        Verb[] children = [CreateList(host), CreateGet(host)];
        var command = new Command("traces", "Show what invocations did, step by step; without a verb, list the newest.");
        foreach (var child in children)
        {
            command.Add(child.Command);
            Validation.NothingBefore(child.Command);
        }

        List(host, command);
        return new Verb(command, """
            Examples:
              belay traces
              belay traces list --harness hello
              belay traces get --session-id "$SESSION"
            """)
        {
            Children = children,
        };
    }

    private static Verb CreateList(CliHost host)
    {
        var command = new Command("list", "List traces, the newest first: one for each invocation.");
        List(host, command);
        return new Verb(command, $"""
            {MomentOption.Values}

            Examples:
              belay traces list --harness hello --since 2d
              belay traces list --session-id "$SESSION" --json | jq -r '.traces[].traceId'
            """);
    }

    private static void List(CliHost host, Command command)
    {
        var target = HarnessTarget.Optional("Only of this harness, by name, id or ARN.");
        var session = new Option<string?>("--session-id") { Description = "Only of this session.", HelpName = "ID" };
        var since = new MomentOption("--since", "Only traces that began from then on (default 12h).");
        var until = new MomentOption("--until", "Only traces that began before then.");
        var limit = new Option<int?>("--limit") { Description = $"Newest traces to show at most (default {DefaultLimit}).", HelpName = "N" };
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        Validation.Between(limit, 1, LargestLimit);
        target.AddTo(command);
        command.Add(session);
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
                ("sessionId", parsed.GetValue(session)),
                ("since", since.Parameter(parsed, host.Time)),
                ("until", until.Parameter(parsed, host.Time)),
            ];
            var traces = await client.ListTracesAsync(filter, parsed.GetValue(limit) ?? DefaultLimit, cancellationToken).ToListAsync(cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["traces"] = new JsonArray([.. traces.Select(JsonOutput.Node)]) });
            }
            else if (traces.Count == 0)
            {
                host.Terminal.Error.WriteLine(since.Read(parsed, host.Time) is null
                    ? "No invocation began in the last 12 hours; --since 7d looks further back."
                    : "There are no such traces.");
            }
            else
            {
                WriteList(wide.Terminal(parsed, host), traces);
            }

            return (int)ExitCode.Done;
        });
    }

    private static Verb CreateGet(CliHost host)
    {
        var target = HarnessTarget.Optional("Harness to look in, by name, id or ARN; all when left out.");
        var id = new Argument<string?>("trace-id") { Description = "The trace, or an invocation; the newest of --session-id when left out.", Arity = ArgumentArity.ZeroOrOne };
        var session = new Option<string?>("--session-id") { Description = "Session to look in.", HelpName = "ID" };
        var output = new Option<string?>("--output", "-o") { Description = "Write the trace there as JSON instead of showing it.", HelpName = "FILE" };
        var connection = new ConnectionOptions();
        var command = new Command("get", "Show a trace: its steps as a tree, with times, tokens, sizes and what went wrong.") { id };
        target.AddTo(command);
        command.Add(session);
        command.Add(output);
        connection.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(id) is null && result.GetValue(session) is null)
            {
                result.AddError("Say which trace: its id, or --session-id for the newest of a session.");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var harnessId = await target.ExistingIdAsync(parsed, client, cancellationToken);
            var sessionId = parsed.GetValue(session);
            var traceId = parsed.GetValue(id) ?? await NewestAsync(client, harnessId, sessionId!, cancellationToken);
            var answer = await client.GetTraceAsync(traceId, harnessId, sessionId, cancellationToken);
            if (parsed.GetValue(output) is { } path)
            {
                Save(host, Path.GetFullPath(path, host.WorkingDirectory), answer);
            }
            else if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                TraceView.Write(host.Terminal, answer);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Bars, which show when a step ran and how long, need a terminal of 100 columns.

            Examples:
              belay traces get 5f0c1d2e3a4b5c6d7e8f901234567890
              belay traces get --session-id "$SESSION"
              belay traces get --session-id "$SESSION" --output trace.json
            """);
    }

    private static async Task<string> NewestAsync(BelayClient client, string? harnessId, string sessionId, CancellationToken cancellationToken)
    {
        (string, string?)[] filter = [("harnessId", harnessId), ("sessionId", sessionId), ("since", MomentOption.Wire(DateTimeOffset.UnixEpoch))];
        await foreach (var trace in client.ListTracesAsync(filter, 1, cancellationToken))
        {
            return Id(trace);
        }

        throw new CliException(ExitCode.Failed, $"Session {Terminal.OneLine(sessionId, 256)} has no trace: there is no such session, or nobody invoked in it.", "See what there is: belay list sessions")
        {
            Fault = "ResourceNotFoundException",
        };
    }

    private static void Save(CliHost host, string path, JsonElement answer)
    {
        try
        {
            using var writer = new StreamWriter(path);
            JsonOutput.Write(writer, JsonOutput.Node(answer));
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.Failed, $"Could not write {path}: {cause.Message}", cause: cause);
        }

        host.Terminal.Error.WriteLine($"Wrote {path}.");
    }

    private static void WriteList(Terminal terminal, List<JsonElement> traces)
    {
        var table = new Table(
            new("TRACE", Whole: true, Id: true), new("STARTED", Whole: true, Leaves: 4), new("HARNESS", Id: true, Leaves: 2), new("SESSION", Id: true, Leaves: 3), new("TIME", Right: true),
            new("TOKENS", Right: true, Leaves: 1), new("COST", Right: true, Leaves: 5), new("ENDED"));
        foreach (var trace in traces)
        {
            var invocation = trace.Member("invocation") ?? default;
            table.Add(
                Id(trace),
                InvocationFacts.Second(invocation.Text("startedAt")),
                trace.Text("harnessId"),
                trace.Text("sessionId"),
                invocation.Number("latencyMs") is { } ms ? Amounts.Duration(ms) : "",
                InvocationFacts.Tokens(invocation.Member("usage")),
                Amounts.Cost(invocation),
                InvocationFacts.End(invocation));
        }

        table.WriteTo(terminal);
    }

    // Journals of earlier versions know no trace; the invocation stands for it.
    private static string Id(JsonElement trace) => trace.Text("traceId") ?? trace.Member("invocation")?.Text("invocationId") ?? "";
}
