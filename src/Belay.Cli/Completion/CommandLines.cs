using System.CommandLine;
using System.CommandLine.Completions;

namespace Belay.Cli.Completion;

/// <summary>A verb as completion sees it.</summary>
/// <param name="Path">Its words, such as <c>get session</c>; empty for the program itself.</param>
/// <param name="Verbs">Verbs below it.</param>
/// <param name="Options">Options that may follow it.</param>
/// <param name="TakesHarness">Whether an argument of it names a harness.</param>
/// <param name="TakesFile">Whether an argument of it names a file.</param>
/// <param name="Words">Values of its argument, where they are a closed set.</param>
internal sealed record CommandLinePart(
    string Path, IReadOnlyList<(string Name, string Description)> Verbs, IReadOnlyList<CompletedOption> Options, bool TakesHarness, bool TakesFile, IReadOnlyList<string> Words);

/// <summary>An option as completion sees it.</summary>
/// <param name="Names">Its name and aliases, with their dashes.</param>
/// <param name="Description">What it says.</param>
/// <param name="TakesValue">Whether a value follows it.</param>
/// <param name="Words">Its values, where they are a closed set.</param>
internal sealed record CompletedOption(IReadOnlyList<string> Names, string Description, bool TakesValue, IReadOnlyList<string> Words)
{
    /// <summary>Whether its value names a harness.</summary>
    public bool TakesHarness => Names.Contains("--harness");
}

/// <summary>Everything that completion knows: the verbs and options of the program, read from its commands.</summary>
internal static class CommandLines
{
    /// <summary>The program and every verb, each before those below it.</summary>
    public static IReadOnlyList<CommandLinePart> Below(Command root) => [.. Walk(root, "")];

    private static IEnumerable<CommandLinePart> Walk(Command command, string path)
    {
        // Help is an option of the root that every verb has.
        var options = command.Options.Select(Option).ToList();
        if (path.Length > 0)
        {
            options.Add(new CompletedOption(["--help"], "Show help.", TakesValue: false, []));
        }

        yield return new CommandLinePart(
            path,
            [.. command.Subcommands.Select(verb => (verb.Name, verb.Description ?? ""))],
            options,
            command.Arguments.Any(argument => argument.Name == "harness"),
            command.Arguments.Any(argument => argument.Name == "path"),
            [.. command.Arguments.SelectMany(Words)]);
        foreach (var part in command.Subcommands.SelectMany(verb => Walk(verb, $"{path} {verb.Name}".TrimStart())))
        {
            yield return part;
        }
    }

    private static CompletedOption Option(Option option)
    {
        var takesValue = option.Arity.MinimumNumberOfValues > 0;

        // Shells would take -? for a pattern.
        return new CompletedOption([option.Name, .. option.Aliases.Where(alias => alias[0] == '-' && !alias.Contains('?', StringComparison.Ordinal))], option.Description ?? "", takesValue, takesValue ? Words(option) : []);
    }

    private static IReadOnlyList<string> Words(Symbol symbol) => [.. symbol.GetCompletions(CompletionContext.Empty).Select(item => item.Label)];
}
