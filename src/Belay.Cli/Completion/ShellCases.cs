using System.Text;

namespace Belay.Cli.Completion;

/// <summary>The branches of <c>case</c> that say what may stand where; bash and zsh read them alike.</summary>
internal static class ShellCases
{
    /// <summary>What a word of the line means, as the last branches of an <c>if</c>: an option sets <c>option</c>, a verb <c>verb</c>.</summary>
    public static string Word(IReadOnlyList<CommandLinePart> lines) => $$"""
                elif [[ $word == -* ]]; then
                    case "$verb $word" in
        {{Valued(lines).TrimEnd('\n')}}
                    esac
                else
                    case "$verb/$word" in
        {{Verbs(lines).TrimEnd('\n')}}
                    esac
                fi
        """;

    /// <summary>Puts what may stand where the cursor is into <c>found</c>.</summary>
    public static string Found(IReadOnlyList<CommandLinePart> lines) => $$"""
            if [[ -n $option ]]; then
                case "$verb $option" in
        {{Values(lines).TrimEnd('\n')}}
                esac
            elif [[ $word == -* ]]; then
                case "$verb" in
        {{Names(lines).TrimEnd('\n')}}
                esac
            else
                case "$verb" in
        {{Arguments(lines).TrimEnd('\n')}}
                esac
            fi
        """;

    // Of the words so far: "$verb $word" of options that take a value.
    private static string Valued(IReadOnlyList<CommandLinePart> lines) => Branch(
        lines.SelectMany(line => line.Options.Where(option => option.TakesValue).SelectMany(option => option.Names).Select(name => $"{line.Path} {name}")), "option=$word");

    // Of the words so far: "$verb/$word" of verbs.
    private static string Verbs(IReadOnlyList<CommandLinePart> lines) => Branch(
        lines.SelectMany(line => line.Verbs.Select(verb => $"{line.Path}/{verb.Name}")), "verb=\"${verb:+$verb }$word\"");

    // Values of options, by "$verb $option".
    private static string Values(IReadOnlyList<CommandLinePart> lines)
    {
        var text = new StringBuilder();
        text.Append(Branch(Options(lines, option => option.TakesHarness).Select(found => found.Key), "found=$(_belay_harnesses)"));
        foreach (var group in Options(lines, option => option.Words.Count > 0).GroupBy(found => string.Join(' ', found.Option.Words)))
        {
            text.Append(Branch(group.Select(found => found.Key), $"found='{group.Key}'"));
        }

        return text.ToString();
    }

    // Options, by "$verb".
    private static string Names(IReadOnlyList<CommandLinePart> lines) => string.Concat(
        lines.Select(line => Branch([line.Path], $"found='{string.Join(' ', line.Options.SelectMany(option => option.Names))}'")));

    // Verbs and arguments, by "$verb".
    private static string Arguments(IReadOnlyList<CommandLinePart> lines)
    {
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            var words = string.Join(' ', [.. line.Verbs.Select(verb => verb.Name), .. line.Words]);
            if (line.TakesHarness)
            {
                text.Append(Branch([line.Path], $"found=\"{words} $(_belay_harnesses)\""));
            }
            else if (words.Length > 0)
            {
                text.Append(Branch([line.Path], $"found='{words}'"));
            }
        }

        return text.ToString();
    }

    private static IEnumerable<(string Key, CompletedOption Option)> Options(IReadOnlyList<CommandLinePart> lines, Func<CompletedOption, bool> which) =>
        lines.SelectMany(line => line.Options.Where(which).SelectMany(option => option.Names.Select(name => ($"{line.Path} {name}", option))));

    private static string Branch(IEnumerable<string> patterns, string action) =>
        $"            {string.Join(" | ", patterns.Select(pattern => $"'{pattern}'"))}) {action} ;;\n";
}
