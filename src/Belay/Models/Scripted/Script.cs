using System.Globalization;
using Belay.Contracts.Invocations;

namespace Belay.Models.Scripted;

/// <summary>
/// A message whose lines are directives, read into what each reply does. Pure; docs/how-to/scripted-model.md is the grammar for
/// people.
/// </summary>
/// <param name="Replies">What each reply of the turn does, in order.</param>
/// <param name="Problem">What is wrong with the script; null when nothing is.</param>
internal sealed record Script(IReadOnlyList<IReadOnlyList<ScriptedAct>> Replies, string? Problem)
{
    private const int MaxReplies = 10_000;
    private const int MaxTokens = 1_000_000;
    private const int MaxMilliseconds = 3_600_000;
    private const string Directives = "!say, !think, !quote, !tokens, !call, !then, !repeat, !stop, !usage, !fail, !cut, !delay, !pace and !#";

    private static readonly Dictionary<string, HarnessStopReason> Reasons = new(StringComparer.Ordinal)
    {
        ["end_turn"] = HarnessStopReason.EndTurn,
        ["tool_use"] = HarnessStopReason.ToolUse,
        ["max_tokens"] = HarnessStopReason.MaxTokens,
        ["stop_sequence"] = HarnessStopReason.StopSequence,
        ["content_filtered"] = HarnessStopReason.ContentFiltered,
        ["malformed_model_output"] = HarnessStopReason.MalformedModelOutput,
        ["malformed_tool_use"] = HarnessStopReason.MalformedToolUse,
        ["model_context_window_exceeded"] = HarnessStopReason.ModelContextWindowExceeded,
    };

    private static readonly Dictionary<string, ModelFailure> Failures = new(StringComparer.Ordinal)
    {
        ["throttled"] = ModelFailure.Throttled,
        ["unreachable"] = ModelFailure.Unreachable,
        ["broken"] = ModelFailure.Broken,
        ["malformed"] = ModelFailure.Malformed,
        ["context"] = ModelFailure.ContextTooLong,
        ["refused"] = ModelFailure.Refused,
    };

    /// <summary>Whether a message is a script: its first line that is not blank begins with <c>!</c> and a letter or <c>#</c>.</summary>
    public static bool IsScript(string text)
    {
        var start = text.AsSpan().TrimStart();
        return start.Length > 1 && start[0] == '!' && (char.IsAsciiLetter(start[1]) || start[1] == '#');
    }

    /// <summary>Reads a script.</summary>
    public static Script Parse(string text)
    {
        var replies = new List<IReadOnlyList<ScriptedAct>>();
        var reply = new List<ScriptedAct>();
        var repeat = 1;
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.TrimEnd('\r');
            if (!line.TrimStart().StartsWith('!'))
            {
                if (!Continue(reply, line))
                {
                    return Wrong(number, "is not a directive; a line without ! may only continue what !say or !think says");
                }

                continue;
            }

            line = line.TrimStart();
            var space = line.IndexOf(' ');
            var name = space < 0 ? line.TrimEnd() : line[..space];
            var rest = space < 0 ? "" : line[(space + 1)..];
            if (name.StartsWith("!#", StringComparison.Ordinal))
            {
                continue;
            }

            if (name == "!then")
            {
                End(replies, reply, repeat);
                (reply, repeat) = ([], 1);
                continue;
            }

            if (name == "!repeat")
            {
                if (Number(rest, 1, MaxReplies) is not { } times)
                {
                    return Wrong(number, $"needs a number from 1 to {MaxReplies}");
                }

                repeat = times;
                continue;
            }

            var (act, problem) = Act(name, rest);
            if (act is null)
            {
                return Wrong(number, problem);
            }

            reply.Add(act);
        }

        End(replies, reply, repeat);
        return replies.Count > MaxReplies ? Wrong(number, $"makes more than {MaxReplies} replies") : new Script(replies, null);
    }

    private static void End(List<IReadOnlyList<ScriptedAct>> replies, List<ScriptedAct> reply, int repeat)
    {
        for (var i = 0; i < repeat && replies.Count <= MaxReplies; i++)
        {
            replies.Add(reply);
        }
    }

    /// <summary>Blank lines between directives mean nothing; within a text they are part of it.</summary>
    private static bool Continue(List<ScriptedAct> reply, string line)
    {
        switch (reply.LastOrDefault())
        {
            case ScriptedAct.Say said:
                reply[^1] = new ScriptedAct.Say($"{said.Text}\n{line}");
                return true;
            case ScriptedAct.Think thought:
                reply[^1] = new ScriptedAct.Think($"{thought.Text}\n{line}");
                return true;
            default:
                return string.IsNullOrWhiteSpace(line);
        }
    }

    private static (ScriptedAct? Act, string Problem) Act(string name, string rest)
    {
        var words = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (name)
        {
            case "!say":
                return (new ScriptedAct.Say(rest), "");
            case "!think":
                return (new ScriptedAct.Think(rest), "");
            case "!quote":
                return (new ScriptedAct.Quote(), "");
            case "!cut":
                return (new ScriptedAct.Fail(ModelFailure.Broken, null), "");
            case "!call":
                return Call(rest);
            case "!tokens":
                return Number(rest, 1, MaxTokens) is { } tokens
                    ? (new ScriptedAct.Tokens(tokens), "")
                    : (null, $"needs a number from 1 to {MaxTokens}");
            case "!delay":
                return Number(rest, 0, MaxMilliseconds) is { } delay
                    ? (new ScriptedAct.Delay(TimeSpan.FromMilliseconds(delay)), "")
                    : (null, $"needs milliseconds from 0 to {MaxMilliseconds}");
            case "!pace":
                return Number(rest, 0, MaxMilliseconds) is { } pace
                    ? (new ScriptedAct.Pace(TimeSpan.FromMilliseconds(pace)), "")
                    : (null, $"needs milliseconds from 0 to {MaxMilliseconds}");
            case "!usage":
                return words.Length == 2 && Number(words[0], 0, int.MaxValue) is { } input && Number(words[1], 0, int.MaxValue) is { } output
                    ? (new ScriptedAct.Usage(input, output), "")
                    : (null, "needs two numbers: input tokens and output tokens");
            case "!stop":
                return words.Length == 1 && Reasons.TryGetValue(words[0], out var reason)
                    ? (new ScriptedAct.Stop(reason), "")
                    : (null, $"needs one of {string.Join(", ", Reasons.Keys)}");
            case "!fail":
                int? times = words.Length == 2 ? Number(words[1], 1, 1000) : null;
                return words.Length is 1 or 2 && Failures.TryGetValue(words[0], out var failure) && (words.Length == 1 || times is not null)
                    ? (new ScriptedAct.Fail(failure, times), "")
                    : (null, $"needs one of {string.Join(", ", Failures.Keys)}, and perhaps a number of times from 1 to 1000");
            default:
                return (null, $"is no directive that I know; I know {Directives}");
        }
    }

    private static (ScriptedAct? Act, string Problem) Call(string rest)
    {
        rest = rest.Trim();
        var space = rest.IndexOf(' ');
        var target = space < 0 ? rest : rest[..space];
        var input = space < 0 ? "{}" : rest[(space + 1)..].Trim();
        var hash = target.IndexOf('#');
        var tool = hash < 0 ? target : target[..hash];
        return tool.Length == 0
            ? (null, "needs the name of a tool, and perhaps its arguments as JSON")
            : (new ScriptedAct.Call(tool, hash < 0 ? "" : target[(hash + 1)..], input), "");
    }

    private static int? Number(string text, int min, int max) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max ? number : null;

    private static Script Wrong(int line, string what) =>
        new([], $"I am Belay's scripted model, not a language model. Line {line.ToString(CultureInfo.InvariantCulture)} of your script {what}.");
}
