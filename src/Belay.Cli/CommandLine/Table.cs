using System.Text;

namespace Belay.Cli.CommandLine;

/// <summary>A column of a <see cref="Table"/>.</summary>
/// <param name="Heading">What stands above it; empty for none.</param>
/// <param name="Right">Whether it is aligned to the right, as numbers are.</param>
/// <param name="Whole">Whether it keeps its width when the terminal is too narrow; numbers and ids that someone copies do.</param>
/// <param name="Id">Whether both ends of its texts tell them apart, so that what does not fit is left out of the middle.</param>
/// <param name="Leaves">When the terminal is too narrow for all columns, those with the lowest number are left out first; 0 for one that stays.</param>
internal sealed record Column(string Heading, bool Right = false, bool Whole = false, bool Id = false, int Leaves = 0);

/// <summary>What a cell says about its text; shown as colour where there is any.</summary>
internal enum Tone
{
    /// <summary>Nothing.</summary>
    Plain,

    /// <summary>It went well.</summary>
    Good,

    /// <summary>It went wrong.</summary>
    Bad,

    /// <summary>It matters less.</summary>
    Dim,

    /// <summary>It stands out.</summary>
    Strong,
}

/// <summary>A cell of a <see cref="Table"/>.</summary>
/// <param name="Text">May come from anyone: what could move a cursor is made visible.</param>
/// <param name="Tone">What it says about the text.</param>
/// <param name="Before">What this program draws before the text; kept as it is.</param>
internal readonly record struct Cell(string? Text, Tone Tone = Tone.Plain, string Before = "")
{
    /// <summary>A plain cell.</summary>
    public static implicit operator Cell(string? text) => new(text);
}

/// <summary>
/// A table without frame, one line for each row. On a terminal it is made to fit, see <see cref="TableFit"/>, and a line beside the results
/// says which columns are left out. Elsewhere nothing is cut.
/// </summary>
internal sealed class Table(params IReadOnlyList<Column> columns)
{
    private const int LongestCell = 10_000;

    // Texts with what is drawn before them.
    private readonly List<IReadOnlyList<Cell>> _rows = [];

    /// <summary>Adds a row with a cell for each column; an empty or absent text leaves the cell empty.</summary>
    public void Add(params IReadOnlyList<Cell> cells) =>
        _rows.Add([.. cells.Select(cell => cell with { Text = cell.Before + Terminal.OneLine(cell.Text ?? "", LongestCell) })]);

    /// <summary>Writes headings, where there are any, and rows.</summary>
    public void WriteTo(Terminal terminal)
    {
        var heading = columns.Any(column => column.Heading.Length > 0);
        var rows = heading ? _rows.Prepend([.. columns.Select(column => new Cell(column.Heading, Tone.Strong))]) : _rows;
        var values = Enumerable.Range(0, columns.Count).Select(index => _rows.Max(row => (int?)TextCells.Width(row[index].Text!)) ?? 0).ToArray();
        var natural = columns.Select((column, index) => Math.Max(values[index], TextCells.Width(column.Heading))).ToArray();
        var (widths, left) = terminal.OutputIsTerminal ? TableFit.Fit(columns, natural, values, terminal.Width) : (natural, []);
        foreach (var row in rows)
        {
            terminal.Output.WriteLine(Line(terminal, row, widths));
        }

        if (left.Count > 0)
        {
            terminal.Error.WriteLine(terminal.Dim($"Left out to fit: {string.Join(", ", left.Select(column => column.Heading))}. --wide shows all, --json everything."));
        }
    }

    private string Line(Terminal terminal, IReadOnlyList<Cell> row, int[] widths)
    {
        var line = new StringBuilder();
        var left = terminal.OutputIsTerminal ? terminal.Width : int.MaxValue;
        var blanks = 0;
        for (var index = 0; index < columns.Count; index++)
        {
            if (widths[index] == 0)
            {
                continue;
            }

            var text = Cut(columns[index], row[index].Text!, widths[index]);
            var missing = widths[index] - TextCells.Width(text);
            blanks += columns[index].Right ? missing : 0;
            if (text.Length > 0)
            {
                // When even narrow columns are too wide, the line ends where the terminal does; half a number would be another one.
                if (left - blanks <= 0 || (columns[index].Right && TextCells.Width(text) > left - blanks))
                {
                    break;
                }

                text = Cut(columns[index], text, left - blanks);
                line.Append(' ', blanks).Append(terminal.Show(text, row[index].Tone));
                left -= blanks + TextCells.Width(text);
                blanks = 0;
            }

            blanks += TableFit.Gap + (columns[index].Right ? 0 : missing);
        }

        return line.ToString();
    }

    private static string Cut(Column column, string text, int cells) => column.Id ? TextCells.FitEnds(text, cells) : TextCells.Fit(text, cells);
}
