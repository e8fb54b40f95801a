using System.Text;

namespace Belay.Cli.Completion;

/// <summary>Completion for fish.</summary>
internal static class FishScript
{
    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CommandLinePart> lines)
    {
        var script = new StringBuilder($$"""
            # Completes belay in fish. Made by: belay completion fish
            function __belay_at --description 'Whether the words so far are those of a verb'
                set -l verb
                set -l value 0
                for word in (commandline -opc)[2..-1]
                    if test $value = 1
                        set value 0
                        continue
                    end
                    switch "$verb $word"
                        case {{Quoted(lines.SelectMany(line => line.Options.Where(option => option.TakesValue).SelectMany(option => option.Names).Select(name => $"{line.Path} {name}")))}}
                            set value 1
                    end
                    switch "$verb/$word"
                        case {{Quoted(lines.SelectMany(line => line.Verbs.Select(verb => $"{line.Path}/{verb.Name}")))}}
                            set verb (string trim -- "$verb $word")
                    end
                end
                test "$verb" = "$argv[1]"
            end

            function __belay_harnesses --description 'Names of the harnesses'
                set -l words (commandline -opc)
                set -l connection
                for i in (seq 2 (math (count $words) - 1))
                    if contains -- $words[$i] --url --port -p --data --region
                        set -a connection $words[$i] $words[(math $i + 1)]
                    end
                end
                $words[1] list $connection 2>/dev/null | string match -r -g '^([A-Za-z][A-Za-z0-9_]*) ' | string match -v NAME
            end

            complete -c belay -f

            """);
        foreach (var line in lines)
        {
            var at = $"complete -c belay -n {Quote($"__belay_at {Quote(line.Path)}")}";
            foreach (var (name, description) in line.Verbs)
            {
                script.Append($"{at} -a {name} -d {Quote(description)}\n");
            }

            if (line.Words.Count > 0)
            {
                script.Append($"{at} -a {Quote(string.Join(' ', line.Words))}\n");
            }

            if (line.TakesHarness)
            {
                script.Append($"{at} -a '(__belay_harnesses)'\n");
            }

            if (line.TakesFile)
            {
                script.Append($"{at} -F\n");
            }

            foreach (var option in line.Options)
            {
                var names = string.Join(' ', option.Names.Select(name => name.StartsWith("--", StringComparison.Ordinal) ? $"-l {name[2..]}" : $"-s {Quote(name[1..])}"));
                script.Append($"{at} {names}{Value(option)} -d {Quote(option.Description)}\n");
            }
        }

        return script.ToString();
    }

    private static string Value(CompletedOption option) => option switch
    {
        { TakesValue: false } => "",
        { TakesHarness: true } => " -x -a '(__belay_harnesses)'",
        { Words.Count: > 0 } => $" -x -a {Quote(string.Join(' ', option.Words))}",
        _ => " -r -F",
    };

    private static string Quoted(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static string Quote(string text) => $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
