using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Invocations;

namespace Belay.Cli.Sessions;

/// <summary>How sessions and invocations are said in a cell.</summary>
internal static class InvocationFacts
{
    /// <summary>How it ended: a stop reason, a fault, or that it has not.</summary>
    public static Cell End(JsonElement invocation) => (invocation.Text("fault"), invocation.Text("stopReason")) switch
    {
        ({ } fault, _) => new Cell(fault, Tone.Bad),
        (null, { } reason) => new Cell(reason, StopReasons.IsNormal(reason) ? Tone.Plain : Tone.Bad),
        _ => new Cell(invocation.Text("endedAt") is null ? "not ended" : "", Tone.Dim),
    };

    /// <summary>Tokens, read and written.</summary>
    public static string Tokens(JsonElement? usage) =>
        usage is { } counts ? $"{Amounts.Count(counts.Number("input") ?? 0)} in + {Amounts.Count(counts.Number("output") ?? 0)} out" : "";

    /// <summary>A time without its fraction.</summary>
    public static string Second(string? time) => time is { Length: > 20 } && time[19] == '.' && time[^1] == 'Z' ? time[..19] + "Z" : time ?? "";
}
