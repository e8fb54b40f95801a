using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>Shows sessions: one with everything, or many in a table.</summary>
internal static class SessionView
{
    /// <summary>Writes the answer of GetSession.</summary>
    public static void Write(Terminal terminal, JsonElement answer)
    {
        var session = answer.Member("session") ?? default;
        var usage = session.Member("usage") ?? default;
        terminal.WriteFacts(
            ("session", session.Text("sessionId")),
            ("harness", session.Text("harnessId")),
            ("actor", session.Text("actorId")),
            ("forked from", session.Member("forkedFrom") is { } origin ? $"{origin.Text("sessionId")} at entry {origin.Number("entry")}" : null),
            ("state", session.Text("state")),
            ("ended", InvocationFacts.End(session) is { Tone: not Tone.Dim, Text: var reason } ? reason : null),
            ("why", session.Text("why")),
            ("created", session.Text("createdAt")),
            ("active", session.Text("lastActivityAt")),
            ("sandbox", session.Text("sandboxId")),
            ("work", $"{Amounts.Count(session.Number("invocations"), "invocation")}, {Amounts.Count(session.Number("iterations"), "iteration")}, {Amounts.Count(session.Number("toolCalls"), "tool call")}"),
            ("tokens", $"{Count("input")} in, {Count("output")} out, {Count("cacheRead")} from cache, {Count("cacheWrite")} to cache"),
            ("cost", Amounts.CostAndWhy(session)),
            ("trace", session.Text("lastTraceId") is { } trace ? $"belay traces get {trace}" : null));
        WriteInvocations(terminal, [.. answer.Items("invocations")]);
        WriteModels(terminal, [.. answer.Items("models")]);

        string Count(string kind) => Amounts.Count(usage.Number(kind) ?? 0);
    }

    /// <summary>Writes sessions in a table.</summary>
    public static void WriteList(Terminal terminal, IEnumerable<JsonElement> sessions)
    {
        var table = new Table(
            new("SESSION", Whole: true, Id: true), new("HARNESS", Id: true, Leaves: 4), new("STATE", Whole: true), new("ACTIVE", Whole: true, Leaves: 5), new("ACTOR", Id: true, Leaves: 1),
            new("INVOCATIONS", Right: true, Leaves: 2), new("TOKENS", Right: true, Leaves: 3), new("COST", Right: true, Leaves: 6), new("ENDED"));
        foreach (var session in sessions)
        {
            var state = session.Text("state");
            table.Add(
                session.Text("sessionId"),
                session.Text("harnessId"),
                new Cell(state, state switch { "running" => Tone.Good, "interrupted" or "unreadable" => Tone.Bad, "erased" => Tone.Dim, _ => Tone.Plain }),
                InvocationFacts.Second(session.Text("lastActivityAt")),
                session.Text("actorId"),
                Amounts.Count(session.Number("invocations")),
                InvocationFacts.Tokens(session.Member("usage")),
                Amounts.Cost(session),
                InvocationFacts.End(session) is { Tone: not Tone.Dim } end ? end : "");
        }

        table.WriteTo(terminal);
    }

    private static void WriteInvocations(Terminal terminal, IReadOnlyList<JsonElement> invocations)
    {
        if (invocations.Count == 0)
        {
            return;
        }

        var table = new Table(
            new("STARTED", Whole: true, Leaves: 4), new("TIME", Right: true), new("ITERATIONS", Right: true, Leaves: 1), new("TOOL CALLS", Right: true, Leaves: 2),
            new("TOKENS", Right: true, Leaves: 3), new("COST", Right: true, Leaves: 5), new("ENDED"), new("TRACE", Whole: true, Id: true));
        foreach (var invocation in invocations)
        {
            table.Add(
                InvocationFacts.Second(invocation.Text("startedAt")),
                invocation.Number("latencyMs") is { } ms ? Amounts.Duration(ms) : "",
                Amounts.Count(invocation.Number("iterations")),
                Amounts.Count(invocation.Number("toolCalls")),
                InvocationFacts.Tokens(invocation.Member("usage")),
                Amounts.Cost(invocation),
                InvocationFacts.End(invocation),
                invocation.Text("traceId"));
        }

        terminal.Output.WriteLine();
        table.WriteTo(terminal);
    }

    private static void WriteModels(Terminal terminal, IReadOnlyList<JsonElement> models)
    {
        if (models.Count == 0)
        {
            return;
        }

        var table = new Table([new("MODEL", Id: true), new("PROVIDER", Leaves: 3), new("CALLS", Right: true), .. TokenColumns]);
        foreach (var model in models)
        {
            table.Add([model.Text("modelId"), model.Text("provider"), Amounts.Count(model.Number("calls")), .. TokenCells(model, withoutCost: "unknown")]);
        }

        terminal.Output.WriteLine();
        table.WriteTo(terminal);
    }

    /// <summary>Columns of tokens by kind, and of cost.</summary>
    public static IReadOnlyList<Column> TokenColumns { get; } =
        [new("IN", Right: true), new("OUT", Right: true), new("CACHE READ", Right: true, Leaves: 1), new("CACHE WRITE", Right: true, Leaves: 2), new("COST", Right: true, Leaves: 9)];

    /// <summary>Cells for <see cref="TokenColumns"/>.</summary>
    /// <param name="used">What has tokens and perhaps a cost.</param>
    /// <param name="withoutCost">What it says where there is no cost and no model without a price is named either.</param>
    public static IEnumerable<Cell> TokenCells(JsonElement used, string withoutCost = "")
    {
        foreach (var kind in (string[])["input", "output", "cacheRead", "cacheWrite"])
        {
            yield return Amounts.Count(used.Member("usage")?.Number(kind));
        }

        yield return Amounts.Cost(used) is { Length: > 0 } cost ? cost : withoutCost;
    }
}
