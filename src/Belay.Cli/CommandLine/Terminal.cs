using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Belay.Cli.CommandLine;

/// <summary>
/// Where a verb writes. Results go to <see cref="Output"/>, everything about getting them to <see cref="Error"/>, so that
/// output can be piped. Colour only where a terminal shows it and <c>NO_COLOR</c> is not set.
/// </summary>
internal sealed class Terminal(TextWriter output, TextWriter error)
{
    private const string Reset = "\e[0m";

    /// <summary>Results.</summary>
    public TextWriter Output { get; } = output;

    /// <summary>Progress, notes and errors.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>Whether a terminal shows <see cref="Output"/>.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Whether a terminal shows <see cref="Error"/>.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether colour is wanted at all.</summary>
    public bool Colour { get; init; }

    /// <summary>Columns of the terminal; wide where there is none.</summary>
    public int Width { get; init; } = 160;

    /// <summary>Dim text for <see cref="Error"/>.</summary>
    public string Dim(string text) => Style(text, "\e[2m");

    /// <summary>Text of something that worked, for <see cref="Error"/>.</summary>
    public string Good(string text) => Style(text, "\e[32m");

    /// <summary>Text of something that failed, for <see cref="Error"/>.</summary>
    public string Bad(string text) => Style(text, "\e[31m");

    /// <summary>Text that stands out, for <see cref="Error"/>.</summary>
    public string Strong(string text) => Style(text, "\e[1m");

    /// <summary>The same terminal with everything on <see cref="Output"/>, for a verb that tells a story.</summary>
    public Terminal Together() => new(Output, Output) { OutputIsTerminal = OutputIsTerminal, ErrorIsTerminal = OutputIsTerminal, Colour = Colour, Width = Width };

    /// <summary>Writes a table without frame to <see cref="Output"/>.</summary>
    public void WriteTable(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().NoBorder();
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading, new Style(decoration: Decoration.Bold))).NoWrap().PadRight(2));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(OneLine(cell, 200))));
        }

        // The console pads cells to the column's width; a pipe does not want the blanks at the end of lines.
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var console = Console(text, OutputIsTerminal && Colour);
        console.Write(table);
        foreach (var line in text.ToString().TrimEnd('\n').Split('\n'))
        {
            Output.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>
    /// Text of a model, a tool or a server, made safe for a terminal: control characters, which could move the cursor, set
    /// the title or fake a prompt, become visible. Unchanged where no terminal reads it.
    /// </summary>
    public static string Printable(string text, bool terminal)
    {
        if (!terminal || !text.AsSpan().ContainsAnyExcept(Harmless))
        {
            return text;
        }

        var safe = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            safe.Append(character switch
            {
                '\n' or '\t' => character,
                '\r' => '\n',
                < ' ' => (char)('\u2400' + character),
                '\u007f' => '\u2421',
                >= '\u0080' and < '\u00a0' => '\ufffd',

                // Marks that reorder what follows them hide text from the reader.
                (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') => '\ufffd',
                _ => character,
            });
        }

        return safe.ToString();
    }

    /// <summary>One line of at most <paramref name="length"/> characters, safe for a terminal.</summary>
    public static string OneLine(string text, int length)
    {
        var cut = text.Length > length * 2 ? text[..(length * 2)] : text;
        var line = string.Join(' ', Printable(cut, terminal: true).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= length && cut.Length == text.Length)
        {
            return line;
        }

        var end = Math.Min(line.Length, length - 1);
        return string.Concat(line.AsSpan(0, end > 0 && char.IsHighSurrogate(line[end - 1]) ? end - 1 : end), "…");
    }

    private static readonly System.Buffers.SearchValues<char> Harmless = System.Buffers.SearchValues.Create(
        "\n\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    private string Style(string text, string code) => Colour && ErrorIsTerminal ? code + text + Reset : text;

    private IAnsiConsole Console(TextWriter writer, bool ansi)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = ansi ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = ansi ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = Width;
        return console;
    }
}
