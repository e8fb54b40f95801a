using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Invocations;

/// <summary>
/// Shows an invocation while it runs: the agent's text as it comes, each tool call with a short form of its input, each result
/// with its status, and at the end why it stopped, tokens and time.
/// </summary>
internal sealed class InvocationView(Terminal terminal)
{
    private const int SummaryLength = 100;
    private readonly Dictionary<int, (string Name, StringBuilder Input)> _calls = [];
    private readonly Dictionary<int, (string Id, string Status, StringBuilder Text, long? DurationMs)> _results = [];
    private readonly Dictionary<string, string> _names = [];
    private Kind _open;

    /// <summary>Shows the next event.</summary>
    public void Show(StreamEvent next)
    {
        var index = (int)(next.Payload.Number("contentBlockIndex") ?? 0);
        switch (next.Type)
        {
            case "contentBlockStart":
                Begin(index, next.Payload.Member("start") ?? default);
                break;
            case "contentBlockDelta":
                Delta(index, next.Payload.Member("delta") ?? default);
                break;
            case "contentBlockStop":
                End(index);
                break;
            case "messageStop":
                EndLine();
                _calls.Clear();
                _results.Clear();
                break;
        }
    }

    /// <summary>Shows how it ended, and what it cost where that is known.</summary>
    public void Finish(InvocationTranscript transcript, TimeSpan elapsed, JsonElement? invocation)
    {
        EndLine();
        var reason = transcript.StopReason ?? "no stop reason";
        var parts = new List<string> { StopReasons.IsNormal(reason) ? reason : $"agent stopped: {reason}" };
        if (transcript.Usage is { } usage)
        {
            parts.Add($"{Count(usage, "inputTokens")} in + {Count(usage, "outputTokens")} out = {Count(usage, "totalTokens")} tokens");
        }

        var seconds = transcript.LatencyMs is { } ms ? ms / 1000.0 : elapsed.TotalSeconds;
        parts.Add(seconds.ToString("0.00", CultureInfo.InvariantCulture) + " s");
        parts.Add(Plural(transcript.ModelCalls, "model call"));
        parts.Add(Plural(transcript.ToolCalls, "tool call"));
        if (InvocationCost.Words(invocation) is { Length: > 0 } cost)
        {
            parts.Add(cost);
        }

        var line = string.Join(" · ", parts);
        terminal.Error.WriteLine(StopReasons.IsNormal(reason) ? terminal.Dim(line) : terminal.Bad(line));
        if (reason == "tool_use" && transcript.Pending.Count > 0)
        {
            var calls = string.Join(", ", transcript.Pending.Select(call => $"{Terminal.OneLine(call.Name, 64)} ({Terminal.OneLine(call.Id, 64)})"));
            terminal.Error.WriteLine($"The agent waits for you to run {calls}. Answer in the same session with --messages.");
        }
    }

    /// <summary>Ends the line that text may have left open.</summary>
    public void EndLine()
    {
        if (_open != Kind.None)
        {
            Writer(_open).WriteLine();
        }

        _open = Kind.None;
    }

    private void Begin(int index, JsonElement start)
    {
        if (start.Member("toolUse") is { } use)
        {
            _calls[index] = (use.Text("name") ?? "", new StringBuilder());
            _names[use.Text("toolUseId") ?? ""] = use.Text("name") ?? "";
        }

        if (start.Member("toolResult") is { } result)
        {
            _results[index] = (result.Text("toolUseId") ?? "", result.Text("status") ?? "success", new StringBuilder(), null);
        }
    }

    private void Delta(int index, JsonElement delta)
    {
        if (delta.Text("text") is { } text)
        {
            Write(Kind.Text, Terminal.Printable(text, terminal.OutputIsTerminal));
        }

        if (delta.Member("reasoningContent")?.Text("text") is { } reasoning)
        {
            Write(Kind.Reasoning, terminal.Dim(Terminal.Printable(reasoning, terminal.ErrorIsTerminal)));
        }

        if (delta.Member("toolUse")?.Text("input") is { } input && _calls.TryGetValue(index, out var call) && call.Input.Length < 64 * 1024)
        {
            call.Input.Append(input);
        }

        if (!_results.TryGetValue(index, out var result))
        {
            return;
        }

        foreach (var item in delta.Items("toolResult"))
        {
            if (result.Text.Length < 4 * SummaryLength)
            {
                result.Text.Append(item.Text("text") ?? Summary(item.Member("json") ?? default));
            }
        }

        if (delta.Member("toolResultMetadata")?.Text("metadata") is { } metadata)
        {
            _results[index] = result with { DurationMs = Duration(metadata) };
        }
    }

    private void End(int index)
    {
        if (_calls.Remove(index, out var call))
        {
            EndLine();
            terminal.Error.WriteLine($"{terminal.Strong("→ " + Terminal.OneLine(call.Name, 64))}  {Terminal.OneLine(Input(call.Input.ToString()), SummaryLength)}".TrimEnd());
        }

        if (_results.Remove(index, out var result))
        {
            EndLine();
            var failed = result.Status != "success";
            var name = _names.TryGetValue(result.Id, out var known) ? Terminal.OneLine(known, 64) + " " : "";
            var time = result.DurationMs is { } ms ? $", {ms} ms" : "";
            var mark = failed ? terminal.Bad($"✗ {name}failed{time}") : terminal.Good($"✓ {name}ok{time}");
            terminal.Error.WriteLine($"{mark}  {terminal.Dim(Terminal.OneLine(result.Text.ToString(), SummaryLength))}".TrimEnd());
        }
    }

    private void Write(Kind kind, string text)
    {
        if (_open != kind)
        {
            EndLine();
        }

        Writer(kind).Write(text);
        _open = text.EndsWith('\n') ? Kind.None : kind;
    }

    private TextWriter Writer(Kind kind) => kind == Kind.Text ? terminal.Output : terminal.Error;

    // What a reader wants of a call: the command or the path, not the JSON around it.
    private static string Input(string json)
    {
        try
        {
            var input = JsonElement.Parse(json);
            if (input.ValueKind != JsonValueKind.Object)
            {
                return json;
            }

            return string.Join(' ', input.EnumerateObject().Select(member => member.Name switch
            {
                "command" when member.Value.ValueKind == JsonValueKind.String => member.Value.GetString(),
                "path" when member.Value.ValueKind == JsonValueKind.String => member.Value.GetString(),
                _ => $"{member.Name}={Terminal.OneLine(member.Value.ToString(), 40)}",
            }));
        }
        catch (JsonException)
        {
            return json;
        }
    }

    private static string Summary(JsonElement json)
    {
        if (json.Number("exit_code") is not { } code)
        {
            return json.ValueKind == JsonValueKind.Undefined ? "" : json.GetRawText();
        }

        var output = json.Text("stdout") is { Length: > 0 } stdout ? stdout : json.Text("stderr");
        return $"exit {code} {output}";
    }

    private static long? Duration(string metadata)
    {
        try
        {
            return JsonElement.Parse(metadata).Number("durationMs");
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Count(JsonElement usage, string name) => (usage.Number(name) ?? 0).ToString("N0", CultureInfo.InvariantCulture);

    private static string Plural(int count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>Whose line is open.</summary>
    private enum Kind
    {
        None,
        Text,
        Reasoning,
    }
}
