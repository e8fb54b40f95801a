using System.CommandLine;

namespace Belay.Cli.CommandLine;

/// <summary><c>--wide</c>, which every verb with a table has: all columns whole, however long the lines get.</summary>
internal sealed class WideOption
{
    private readonly Option<bool> _option = new("--wide") { Description = "Show all columns and whole ids, even where lines get longer than the terminal is wide." };

    /// <summary>Adds the option to a verb.</summary>
    public void AddTo(Command command) => command.Add(_option);

    /// <summary>The terminal to write tables to.</summary>
    public Terminal Terminal(ParseResult parsed, CliHost host) => parsed.GetValue(_option) ? host.Terminal.Endless() : host.Terminal;
}
