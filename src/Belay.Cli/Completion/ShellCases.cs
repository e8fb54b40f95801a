using System.Text;

namespace Belay.Cli.Completion;

/// <summary>The branches of <c>case</c> that say what may stand where; bash and zsh read them alike.</summary>
internal static class ShellCases
{
    /// <summary>Of the words so far: <c>"$verb $word"</c> of options that take a value.</summary>
    public static string Valued(IReadOnlyList<CommandLinePart> lines) => Branch(
        lines.SelectMany(line => line.Options.Where(option => option.TakesValue).SelectMany(option => option.Names).Select(name => $"{line.Path} {name}")), "option=$word");

    /// <summary>Of the words so far: <c>"$verb/$word"</c> of verbs.</summary>
    public static string Verbs(IReadOnlyList<CommandLinePart> lines) => Branch(
        lines.SelectMany(line => line.Verbs.Select(verb => $"{line.Path}/{verb.Name}")), "verb=\"${verb:+$verb }$word\"");

    /// <summary>Values of options, by <c>"$verb $option"</c>.</summary>
    public static string Values(IReadOnlyList<CommandLinePart> lines)
    {
        var text = new StringBuilder();
        text.Append(Branch(Options(lines, option => option.TakesHarness).Select(found => found.Key), "found=$(_belay_harnesses)"));
        foreach (var group in Options(lines, option => option.Words.Count > 0).GroupBy(found => string.Join(' ', found.Option.Words)))
        {
            text.Append(Branch(group.Select(found => found.Key), $"found='{group.Key}'"));
        }

        return text.ToString();
    }

    /// <summary>Options, by <c>"$verb"</c>.</summary>
    public static string Names(IReadOnlyList<CommandLinePart> lines) => string.Concat(
        lines.Select(line => Branch([line.Path], $"found='{string.Join(' ', line.Options.SelectMany(option => option.Names))}'")));

    /// <summary>Verbs and arguments, by <c>"$verb"</c>.</summary>
    public static string Arguments(IReadOnlyList<CommandLinePart> lines)
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
