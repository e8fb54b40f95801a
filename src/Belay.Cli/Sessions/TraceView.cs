using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>Shows a trace as a tree of its steps.</summary>
internal static class TraceView
{
    private const int BarWidth = 24;
    private const int BarsFrom = 100;

    /// <summary>Writes the answer of GetTrace.</summary>
    public static void Write(Terminal terminal, JsonElement answer)
    {
        var first = true;
        foreach (var trace in answer.Items("traces"))
        {
            if (!first)
            {
                terminal.Output.WriteLine();
            }

            first = false;
            WriteFacts(terminal, trace.Member("summary") ?? default);
            terminal.Output.WriteLine();
            WriteTree(terminal, [.. trace.Items("spans")]);
        }
    }

    private static void WriteFacts(Terminal terminal, JsonElement summary)
    {
        var invocation = summary.Member("invocation") ?? default;
        var work = string.Join(" · ", new[]
        {
            InvocationFacts.End(invocation).Text ?? "",
            Amounts.Count(invocation.Number("iterations"), "iteration"),
            Amounts.Count(invocation.Number("toolCalls"), "tool call"),
            InvocationFacts.Tokens(invocation.Member("usage")) is { Length: > 0 } tokens ? tokens + " tokens" : "",
            Amounts.Cost(invocation) is { Length: > 0 } cost ? (cost == "unknown" ? "cost unknown" : cost) : "",
        }.Where(part => part.Length > 0));
        terminal.WriteFacts(
            ("trace", summary.Text("traceId")),
            ("invocation", invocation.Text("invocationId")),
            ("session", summary.Text("sessionId")),
            ("harness", $"{summary.Text("harnessId")}, version {invocation.Text("harnessVersion")}, endpoint {invocation.Text("endpoint")}"),
            ("started", invocation.Text("startedAt")),
            ("ended", work),
            ("why", invocation.Text("why")));
    }

    private static void WriteTree(Terminal terminal, IReadOnlyList<JsonElement> spans)
    {
        var scale = new Scale(spans);
        var bars = terminal.OutputIsTerminal && terminal.Width >= BarsFrom;
        var table = new Table(new("STEP"), new("TIME", Right: true), new(bars ? "WHEN" : "", Whole: true), new("WHAT"));
        foreach (var (span, before) in InOrder(spans, terminal.Glyphs))
        {
            var tone = span.Text("status") switch { "error" => Tone.Bad, "running" => Tone.Strong, _ => Tone.Plain };
            table.Add(
                new Cell(span.Text("name"), tone, before),
                new Cell(Time(span), tone),
                bars ? new Cell("", tone == Tone.Bad ? tone : Tone.Dim, scale.Bar(span, terminal.Glyphs)) : "",
                new Cell(What(span), tone == Tone.Bad ? tone : Tone.Dim));
        }

        table.WriteTo(terminal);
    }

    private static string Time(JsonElement span) => span.Number("durationMs") is { } ms ? Amounts.Duration(ms) : span.Text("status") == "running" ? "running" : "?";

    private static string What(JsonElement span)
    {
        var parts = new List<string>();
        if (span.Text("status") == "error")
        {
            parts.Add(span.Text("error") is { } error ? $"failed: {error.Trim().TrimEnd('.')}" : "failed");
        }

        if (span.Text("operation") == "chat" && span.Member("attributes")?.Text("gen_ai.request.model") is { } model)
        {
            parts.Add(model);
            if (span.Member("attributes")?.Text("belay.model.switched_from") is { } from)
            {
                parts.Add($"in place of {from} ({span.Member("attributes")?.Text("belay.model.switch_reason")})");
            }
        }

        if (span.Text("operation") == "execute_command" && span.Member("attributes")?.Number("process.exit.code") is { } exit and not 0)
        {
            parts.Add($"exit code {exit}");
        }

        parts.AddRange(NotShown(span.Member("attributes") ?? default));
        if (InvocationFacts.Tokens(span.Member("usage")) is { Length: > 0 } tokens)
        {
            parts.Add(tokens);
        }

        if (span.Number("inputBytes") is { } input)
        {
            parts.Add($"{Amounts.Size(input)} in");
        }

        if (span.Number("outputBytes") is { } output)
        {
            parts.Add($"{Amounts.Size(output)} out");
        }

        return string.Join(", ", parts);
    }

    // What the model was not shown.
    private static IEnumerable<string> NotShown(JsonElement attributes)
    {
        if (attributes.Text("belay.context.reduced") is { Length: > 0 } reduced)
        {
            yield return $"conversation shortened: {reduced.TrimEnd('.')}";
        }

        if (attributes.Number("belay.context.left_out") is { } count)
        {
            yield return count == 0 ? "more messages than the window holds" : $"the oldest {Amounts.Count(count, "message")} left out";
        }

        if (attributes.Text("belay.tool.offloaded") is { Length: > 0 } file)
        {
            yield return $"shown in part, whole in {file}";
        }
    }

    // Each span below its parent, in the order in which they came; one whose parent is not there stands at the top. A stack of our own:
    // how deep the answer goes is not ours to say.
    private static IEnumerable<(JsonElement Span, string Before)> InOrder(IReadOnlyList<JsonElement> spans, bool glyphs)
    {
        var known = spans.Select(span => span.Text("spanId") ?? "").ToHashSet(StringComparer.Ordinal);
        var children = spans.ToLookup(span => span.Text("parentSpanId") is { } parent && known.Contains(parent) ? parent : "");
        var (branch, last, line) = glyphs ? ("├─ ", "└─ ", "│  ") : ("|- ", "`- ", "|  ");
        var stack = new Stack<(JsonElement Span, string Before, string Below)>();
        Push("", "", top: true);
        while (stack.TryPop(out var next))
        {
            yield return (next.Span, next.Before);
            if (next.Span.Text("spanId") is { Length: > 0 } id)
            {
                Push(id, next.Below, top: false);
            }
        }

        void Push(string parent, string below, bool top)
        {
            var isLast = true;
            foreach (var child in children[parent].Reverse())
            {
                stack.Push(top ? (child, "", "") : (child, below + (isLast ? last : branch), below + (isLast ? "   " : line)));
                isLast = false;
            }
        }
    }

    /// <summary>The whole time of a trace, on which bars are drawn.</summary>
    private sealed class Scale
    {
        private readonly DateTimeOffset _begin;
        private readonly double _length;

        public Scale(IReadOnlyList<JsonElement> spans)
        {
            _begin = spans.Count == 0 ? default : spans.Min(Begin);
            _length = spans.Count == 0 ? 0 : spans.Max(End);
        }

        /// <summary>Where the span lies and how long it is, at least one character; one that runs reaches to the end.</summary>
        public string Bar(JsonElement span, bool glyphs)
        {
            if (_length <= 0)
            {
                return "";
            }

            var from = Math.Clamp((int)((Begin(span) - _begin).TotalMilliseconds / _length * BarWidth), 0, BarWidth - 1);
            var to = span.Text("status") == "running" ? BarWidth : Math.Clamp((int)Math.Ceiling(End(span) / _length * BarWidth), from + 1, BarWidth);
            return new string(' ', from) + new string(glyphs ? '█' : '#', to - from);
        }

        private double End(JsonElement span) => (Begin(span) - _begin).TotalMilliseconds + (span.Number("durationMs") ?? 0);

        private static DateTimeOffset Begin(JsonElement span) =>
            span.Member("startedAt") is { ValueKind: JsonValueKind.String } at && at.TryGetDateTimeOffset(out var time) ? time : DateTimeOffset.UnixEpoch;
    }
}
