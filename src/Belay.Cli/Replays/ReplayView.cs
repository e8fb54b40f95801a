using System.Globalization;
using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Replays;

/// <summary>What a replay found, as it comes: a line for each invocation, the divergence in full, the sums.</summary>
internal sealed class ReplayView(Terminal terminal, bool json, bool events)
{
    private const int MostCharacters = 600;

    /// <summary>Whether everything was as recorded; false until the verdict is there.</summary>
    public bool Identical { get; private set; }

    /// <summary>Shows the next of what the server says.</summary>
    public void Show(JsonElement item)
    {
        if (item.Member("shown") is { } shown)
        {
            JsonOutput.WriteLine(terminal.Output, JsonOutput.Node(shown));
        }
        else if (item.Member("invocation") is { } invocation && !json)
        {
            Line(invocation);
        }
        else if (item.Member("verdict") is { } verdict)
        {
            Identical = verdict.Member("identical")?.ValueKind == JsonValueKind.True;
            if (json && !events)
            {
                JsonOutput.Write(terminal.Output, JsonOutput.Node(verdict));
            }
            else if (!json)
            {
                Sum(verdict);
            }
        }
    }

    private TextWriter Words => events ? terminal.Error : terminal.Output;

    private void Line(JsonElement invocation)
    {
        var outcome = invocation.Text("outcome") ?? "";
        var tone = outcome switch { "identical" => Tone.Good, "diverged" => Tone.Bad, _ => Tone.Dim };
        Words.WriteLine(
            $"{Terminal.OneLine(invocation.Text("invocationId") ?? "", 64)}  entries {invocation.Number("firstSequence")}-{invocation.Number("lastSequence")}  "
            + $"{invocation.Number("events")} events  {(events ? outcome : terminal.Show(outcome, tone))}");
        if (invocation.Member("divergence") is not { } divergence)
        {
            return;
        }

        var path = divergence.Text("path");
        Words.WriteLine($"  entry {divergence.Number("sequence")} differs{(path is null ? "" : $" at {Terminal.OneLine(path, 200)}")}");
        Entry("expected", divergence.Member("expected"), "nothing more");
        Entry("got", divergence.Member("got"), "the end of the invocation");
        Entry("nearest", divergence.Member("nearest"), null);
    }

    private void Entry(string label, JsonElement? entry, string? otherwise)
    {
        if (entry is { } one)
        {
            var sequence = one.Number("sequence") is { } number ? $" (entry {number})" : "";
            Words.WriteLine($"  {label,-9} {Terminal.OneLine(one.Text("kind") ?? "", 40)}{sequence} {Terminal.OneLine(one.Member("body")?.GetRawText() ?? "", MostCharacters)}");
        }
        else if (otherwise is not null)
        {
            Words.WriteLine($"  {label,-9} {otherwise}");
        }
    }

    private void Sum(JsonElement verdict)
    {
        var entries = verdict.Number("entries") ?? 0;
        var milliseconds = verdict.Number("durationMs") ?? 0;
        var speed = milliseconds > 0 ? string.Create(CultureInfo.InvariantCulture, $", {entries * 1000.0 / milliseconds:N0} entries/s") : "";
        Words.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amounts.Count(verdict.Items("invocations").Count(), "invocation")}, {entries} entries, {verdict.Number("events")} events: {(Identical ? "identical" : "diverged")} ({milliseconds} ms{speed})"));
    }
}
