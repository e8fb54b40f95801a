using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Belay.Cli.CommandLine;

/// <summary>The help text, with examples below the options.</summary>
internal sealed class HelpWithExamples(IReadOnlyDictionary<Command, string> examples) : SynchronousCommandLineAction
{
    private const int Columns = 100;
    private readonly HelpAction _help = new() { MaxWidth = Columns };

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        _help.Invoke(parseResult);
        if (examples.TryGetValue(parseResult.CommandResult.Command, out var text))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(text.TrimEnd());
            parseResult.InvocationConfiguration.Output.WriteLine();
        }

        return 0;
    }
}
