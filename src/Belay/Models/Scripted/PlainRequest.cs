using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Tools;

namespace Belay.Models.Scripted;

/// <summary>
/// Understands a few plain requests: run a command, write and read a file, list, count, summarise, call a tool. Each step is one
/// reply that calls one tool; the last reply quotes what the tools really answered. What it does not understand, it says so.
/// </summary>
internal static class PlainRequest
{
    private const string Shell = "shell";
    private const string Files = "file_operations";
    private const int MaxQuoted = 4000;

    private const string Introduction =
        "I am Belay's scripted model, not a language model: I follow rules and know nothing. I can run a command (run `ls -la`), " +
        "write a file and read it back (write \"hello\" to notes.txt and read it back), list files, count lines, words or files " +
        "(count the lines of notes.txt), summarise what a tool answered, and follow scripts of lines that begin with !, such as " +
        "`!say hello`. For anything else, give the harness a real model.";

    private static readonly Regex ToolCall = Rule(@"^\s*(?:please\s+)?(?:call|use|invoke)\s+(?:the\s+)?(?:tool\s+)?`?([A-Za-z0-9_-]+)`?(?:\s+tool)?\s*(?:with|:)?\s*(\{.*\})\s*\.?\s*$");
    private static readonly Regex Run = Rule(@"^(?:run|execute)(?:\s+the)?(?:\s+shell)?(?:\s+command)?(?:\s*:)?\s+(.+)$");
    private static readonly Regex UseShell = Rule(@"^(?:use|open)\s+(?:the|a|your)\s+(?:shell|sandbox|terminal)\s+(?:and|to|for)\s+(.+)$");
    private static readonly Regex Where = Rule(@"\s+(?:in|inside|with|using)\s+(?:the|a|your)\s+(?:shell|sandbox|terminal)\s*$");
    private static readonly Regex PathLike = Rule(@"^(?:[\w@+.-]*/[\w@+./-]*|[\w@+-][\w@+.-]*\.[A-Za-z][A-Za-z0-9]{0,7})$");
    private static readonly Regex Named = Rule(@"(?:\s|^)(?:to|into|in|as|called|named|file|at|of|from)\s+(\S+)");
    private static readonly Regex Content = Rule(@"(?:\s|^)(?:with|containing|saying)(?:\s+the)?(?:\s+(?:text|content|contents|words|word|line))?\s+(.+)$");
    private static readonly Regex WriteWords = Rule(@"^(?:write|save|put)\s+(?:the\s+(?:text|words|word|line)\s+)?(.+?)\s+(?:to|into|in)\s");
    private static readonly Regex Greeting = Rule(@"^(?:hello|hi|hey|help|good (?:morning|day|evening))\b|who are you|what are you|what can you do");

    private static readonly HashSet<string> Verbs = new(StringComparer.OrdinalIgnoreCase)
    {
        "run", "execute", "use", "write", "save", "put", "create", "make", "read", "show", "view", "open", "print", "cat", "display",
        "count", "how", "list", "summarise", "summarize", "tell", "what",
    };

    private static readonly HashSet<string> Links = new(StringComparer.OrdinalIgnoreCase) { "and", "then", "next", "finally", "afterwards", "please", "also", "can", "could", "would", "you", "now", "first" };

    private static readonly (string Words, string Command)[] Phrases =
    [
        ("in your working directory", "ls -la"), ("in the working directory", "ls -la"), ("in the current directory", "ls -la"),
        ("working directory", "pwd"), ("current directory", "pwd"), ("date", "date"), ("time", "date"), ("kernel", "uname -a"),
        ("operating system", "uname -a"), ("disk", "df -h ."), ("memory", "free -m"), ("environment", "env"), ("processes", "ps aux"),
        ("user", "id"), ("files", "ls -la"), ("directory", "ls -la"),
    ];

    private static readonly HashSet<string> Commands = new(StringComparer.Ordinal)
    {
        "ls", "echo", "cat", "pwd", "date", "uname", "id", "whoami", "env", "ps", "df", "du", "free", "wc", "grep", "find", "head", "tail",
        "sort", "mkdir", "rm", "cp", "mv", "touch", "sed", "awk", "python", "python3", "node", "bash", "sh", "git", "curl", "seq", "printf",
    };

    /// <summary>What the next reply does.</summary>
    public static IReadOnlyList<ScriptedAct> Reply(ScriptedTurn turn, IReadOnlyList<ToolSpec> tools)
    {
        var plan = Plan.Of(turn.Text, tools);
        var failed = turn.Results.Any(result => result.Status is HarnessToolUseStatus.Error);
        if (turn.Replies < plan.Steps.Count && !failed)
        {
            var step = plan.Steps[turn.Replies];
            return tools.Any(tool => tool.Name == step.Tool)
                ? [new ScriptedAct.Say(step.Intent), new ScriptedAct.Call(step.Tool, "", step.Input)]
                : [new ScriptedAct.Say($"I would need the tool `{step.Tool}` for that, and this harness does not give it to me.")];
        }

        return [new ScriptedAct.Say(Answer(plan, turn))];
    }

    private static string Answer(Plan plan, ScriptedTurn turn)
    {
        var answer = new StringBuilder();
        for (var i = 0; i < turn.Results.Count && i < plan.Steps.Count; i++)
        {
            Paragraph(answer, Quote(plan.Steps[i], turn.Results[i]));
        }

        if (plan.Summarise)
        {
            var subject = turn.Results.Count > 0 ? turn.Results[^1] : turn.Earlier;
            Paragraph(answer, subject is null ? "There is no tool output that I could summarise." : Summary(ScriptedTurn.Show(subject)));
        }

        if (plan.NotUnderstood.Count > 0)
        {
            var parts = string.Join("; ", plan.NotUnderstood.Select(part => $"“{Cut(part, 200)}”"));
            Paragraph(answer, answer.Length > 0 ? $"I did not understand this part: {parts}." : $"I did not understand {parts}.");
        }

        if (plan.Steps.Count == 0 && !plan.Summarise)
        {
            Paragraph(answer, Introduction);
        }

        return answer.ToString();
    }

    private static void Paragraph(StringBuilder answer, string text) =>
        answer.Append(answer.Length > 0 && text.Length > 0 ? "\n\n" : "").Append(text);

    private static string Quote(Step step, Block.ToolResult result)
    {
        if (result.Status is HarnessToolUseStatus.Error)
        {
            return $"{step.Subject} failed:\n\n{Fence(ScriptedTurn.Show(result))}";
        }

        var shell = result.Content.OfType<ToolContent.Json>().Select(json => ShellAnswer.Read(json.Value)).FirstOrDefault(answer => answer is not null);
        if (shell is null)
        {
            return $"{step.Subject} answered:\n\n{Fence(ScriptedTurn.Show(result))}";
        }

        var text = $"{step.Subject} exited with code {shell.ExitCode.ToString(CultureInfo.InvariantCulture)} and printed ";
        text += shell.Output.Length == 0 ? "nothing." : $"this:\n\n{Fence(shell.Output)}";
        return shell.Errors.Length == 0 ? text : $"{text}\n\nIts errors were:\n\n{Fence(shell.Errors)}";
    }

    private static string Fence(string output)
    {
        var text = Cut(output.TrimEnd('\n'), MaxQuoted);
        var fence = "```";
        while (text.Contains(fence, StringComparison.Ordinal))
        {
            fence += "`";
        }

        return $"{fence}\n{text}\n{fence}";
    }

    private static string Summary(string output)
    {
        var lines = output.TrimEnd('\n').Split('\n');
        var words = output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        var counted = string.Create(CultureInfo.InvariantCulture, $"In short: {lines.Length} line{Plural(lines.Length)}, {words} word{Plural(words)}, {output.Length} characters.");
        return lines.Length < 2
            ? $"{counted} It says “{Cut(lines[0], 200)}”."
            : $"{counted} The first line is “{Cut(lines[0], 200)}”, the last “{Cut(lines[^1], 200)}”.";
    }

    private static string Plural(int count) => count == 1 ? "" : "s";

    private static string Cut(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
        return $"{text[..end]}… ({(text.Length - end).ToString(CultureInfo.InvariantCulture)} more characters)";
    }

    private static Regex Rule(string pattern) =>
        new(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking);

    /// <summary>One tool call.</summary>
    /// <param name="Tool">Tool.</param>
    /// <param name="Input">Arguments.</param>
    /// <param name="Intent">What is said before.</param>
    /// <param name="Subject">What the answer calls it.</param>
    private sealed record Step(string Tool, string Input, string Intent, string Subject);

    /// <summary>A request, understood as far as it goes.</summary>
    private sealed class Plan
    {
        private readonly List<string> _literals = [];
        private readonly IReadOnlyList<ToolSpec> _tools;
        private string? _file;

        private Plan(IReadOnlyList<ToolSpec> tools) => _tools = tools;

        public List<Step> Steps { get; } = [];

        public List<string> NotUnderstood { get; } = [];

        public bool Summarise { get; private set; }

        public static Plan Of(string text, IReadOnlyList<ToolSpec> tools)
        {
            var plan = new Plan(tools);
            if (ToolCall.Match(text) is { Success: true } call && IsObject(call.Groups[2].Value))
            {
                var name = call.Groups[1].Value;
                plan.Steps.Add(new Step(name, call.Groups[2].Value, $"I call `{name}`.", $"`{name}`"));
                return plan;
            }

            foreach (var clause in Clauses(plan.TakeLiterals(text)))
            {
                if (!plan.Understand(clause))
                {
                    plan.NotUnderstood.Add(plan.Restore(clause));
                }
            }

            return plan;
        }

        private static bool IsObject(string json)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                return document.RootElement.ValueKind is JsonValueKind.Object;
            }
            catch (JsonException)
            {
                return false;
            }
        }

        /// <summary>Puts what is quoted aside, so that its words do not count as words of the request.</summary>
        private string TakeLiterals(string text)
        {
            var rest = new StringBuilder(text.Length);
            for (var i = 0; i < text.Length; i++)
            {
                var close = text[i] switch { '`' => '`', '"' => '"', '“' => '”', '\'' => '\'', _ => default };
                var opens = close != default && (text[i] != '\'' || i == 0 || !char.IsLetterOrDigit(text[i - 1]));
                var end = opens ? text.IndexOf(close, i + 1) : -1;
                if (end <= i + 1)
                {
                    rest.Append(text[i] == Mark ? ' ' : text[i]);
                    continue;
                }

                rest.Append(Mark).Append(_literals.Count.ToString(CultureInfo.InvariantCulture)).Append(Mark);
                _literals.Add(text[i..(end + 1)]);
                i = end;
            }

            return rest.ToString();
        }

        private const char Mark = '\u0001';

        /// <summary>A clause begins with a verb that stands first, or behind a comma, a full stop or a linking word.</summary>
        private static IEnumerable<string> Clauses(string text)
        {
            var clause = new List<string>();
            var boundary = true;
            foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            {
                var bare = word.Trim(',', '.', ';', ':', '!', '?');
                if (boundary && Verbs.Contains(bare))
                {
                    if (!clause.TrueForAll(IsLink))
                    {
                        yield return Join(clause);
                    }

                    clause.Clear();
                }

                boundary = Links.Contains(bare) || word[^1] is ',' or '.' or ';' or '!' or '?';
                clause.Add(word);
            }

            if (clause.Count > 0)
            {
                yield return Join(clause);
            }
        }

        private static string Join(List<string> words)
        {
            var start = words.FindIndex(word => !IsLink(word));
            var end = words.FindLastIndex(word => !IsLink(word));
            return start < 0 ? string.Join(' ', words) : string.Join(' ', words[start..(end + 1)]).TrimEnd(',', '.', ';', '!', '?', ' ');
        }

        private static bool IsLink(string word) => Links.Contains(word.Trim(',', '.', ';'));

        private bool Understand(string clause)
        {
            if (Greeting.IsMatch(clause))
            {
                return true;
            }

            if (UseShell.Match(clause) is { Success: true } shell)
            {
                var wish = shell.Groups[1].Value;
                return Understand(wish) || RunCommand(wish, strict: true);
            }

            if (Run.Match(clause) is { Success: true } run)
            {
                return RunCommand(Where.Replace(run.Groups[1].Value, ""), strict: false);
            }

            return clause.Split(' ', 2)[0].ToLowerInvariant() switch
            {
                "write" or "save" or "put" or "create" or "make" => WriteFile(clause),
                "count" or "how" => Count(clause),
                "summarise" or "summarize" => Summarise = true,
                "list" => RunShell(FindPath(clause) is { } path ? $"ls -la {Escape(path)}" : "ls -la"),
                "read" or "view" or "open" or "cat" or "show" or "print" or "display" or "tell" or "what" => ReadFile(clause),
                _ => false,
            };
        }

        /// <summary>With <paramref name="strict"/> only what is surely a command, else words that were meant as one.</summary>
        private bool RunCommand(string wish, bool strict)
        {
            // Between backticks, or quoted as a whole, stands the command itself; other quotes are part of it.
            var literals = Literals(wish);
            var whole = literals.Count > 0 && (wish.StartsWith(Mark) || Restore(wish).Contains('`', StringComparison.Ordinal));
            if (whole)
            {
                return RunShell(literals[0]);
            }

            if (Commands.Contains(wish.Split(' ')[0]) || (!strict && !wish.Contains("the ", StringComparison.Ordinal)))
            {
                return RunShell(Restore(wish));
            }

            return Phrase(wish);
        }

        private bool Phrase(string words)
        {
            var found = Phrases.FirstOrDefault(phrase => words.Contains(phrase.Words, StringComparison.OrdinalIgnoreCase));
            return found.Command is not null && RunShell(found.Command);
        }

        private bool WriteFile(string clause)
        {
            var literals = Literals(clause);
            var path = FindPath(clause);
            if (path is null && literals.Count < 2 && !clause.Contains("file", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }

            path ??= literals.Count > 1 ? literals[^1] : "notes.txt";
            var content = literals.FirstOrDefault(literal => literal != path)
                ?? (Content.Match(clause) is { Success: true } with ? Restore(with.Groups[1].Value)
                : WriteWords.Match(clause) is { Success: true } words ? Restore(words.Groups[1].Value)
                : null);
            if (content is null)
            {
                return false;
            }

            // A text file ends with a line end; counting its lines depends on it.
            content = content.EndsWith('\n') ? content : content + "\n";
            _file = path;
            if (!Has(Files))
            {
                return RunShell($"printf %s {Escape(content)} > {Escape(path)}");
            }

            var input = Json(("command", "create"), ("path", path), ("file_text", content));
            Steps.Add(new Step(Files, input, $"I write `{path}`.", $"Writing `{path}`"));
            return true;
        }

        private bool ReadFile(string clause)
        {
            var path = FindPath(clause) ?? (Refers(clause, "it", "file", "back") ? _file : null);
            if (path is null)
            {
                // What ran is quoted anyway.
                return (Refers(clause, "it", "me", "output", "result", "results", "outcome") && Steps.Count > 0) || Phrase(clause);
            }

            _file = path;
            if (!Has(Files))
            {
                return RunShell($"cat -- {Escape(path)}");
            }

            Steps.Add(new Step(Files, Json(("command", "view"), ("path", path)), $"I read `{path}`.", $"Reading `{path}`"));
            return true;
        }

        private bool Count(string clause)
        {
            var option = Refers(clause, "lines", "line") ? "-l" : Refers(clause, "words", "word") ? "-w" : Refers(clause, "characters", "letters", "bytes") ? "-c" : null;
            var path = FindPath(clause);
            if (option is null)
            {
                return Refers(clause, "files", "file") && RunShell($"find {Escape(path ?? ".")} -maxdepth 1 -type f | wc -l");
            }

            path ??= Literals(clause).Count == 0 ? _file : null;
            return path is not null ? RunShell($"wc {option} {Escape(path)}")
                : Literals(clause).FirstOrDefault() is { } command && RunShell($"{command} | wc {option}");
        }

        private bool RunShell(string command)
        {
            Steps.Add(new Step(Shell, Json(("command", command)), $"I run `{command}`.", $"`{command}`"));
            return true;
        }

        private bool Has(string tool) => _tools.Any(spec => spec.Name == tool);

        /// <summary>A quoted or plain word that looks like a path, preferring one that a preposition points to.</summary>
        private string? FindPath(string clause)
        {
            var named = Named.Matches(clause).Select(match => match.Groups[1].Value);
            return named.Concat(clause.Split(' ').Skip(1))
                .Select(word => Unquoted(word.Trim(',', ';', ':', '!', '?').TrimEnd('.')))
                .FirstOrDefault(word => PathLike.IsMatch(word));
        }

        private static bool Refers(string clause, params ReadOnlySpan<string> words)
        {
            foreach (var word in clause.Split(' '))
            {
                foreach (var one in words)
                {
                    if (word.Trim(',', '.', ';', ':', '!', '?').Equals(one, StringComparison.OrdinalIgnoreCase))
                    {
                        return true;
                    }
                }
            }

            return false;
        }

        private List<string> Literals(string clause)
        {
            var parts = clause.Split(Mark);
            return [.. parts.Where((_, i) => i % 2 == 1).Select(part => _literals[int.Parse(part, CultureInfo.InvariantCulture)][1..^1])];
        }

        private string Unquoted(string word) => word.StartsWith(Mark) ? Literals(word).FirstOrDefault() ?? word : word;

        private string Restore(string clause)
        {
            var parts = clause.Split(Mark);
            return string.Concat(parts.Select((part, i) => i % 2 == 1 ? _literals[int.Parse(part, CultureInfo.InvariantCulture)] : part));
        }

        private static string Escape(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

        private static string Json(params (string Name, string Value)[] members)
        {
            var body = RequestJson.Write(json =>
            {
                json.WriteStartObject();
                foreach (var (name, value) in members)
                {
                    json.WriteString(name, value);
                }

                json.WriteEndObject();
            });
            return Encoding.UTF8.GetString(body.Span);
        }
    }
}
