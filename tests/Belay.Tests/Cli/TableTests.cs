using System.Globalization;
using Belay.Cli.CommandLine;

namespace Belay.Tests.Cli;

public sealed class TableTests
{
    [Fact]
    public void Columns_AreAligned()
    {
        Assert.Equal(
            """
            NAME      CALLS  NOTE
            hello         7  short
            somebody  1,234

            """,
            Write(1000, terminal: false, ["hello", "7", "short"], ["somebody", "1,234", ""]));
    }

    [Fact]
    public void Pipe_GetsEverything()
    {
        var text = new string('x', 5000);

        Assert.Contains(text, Write(20, terminal: false, ["a", "1", text]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(40)]
    [InlineData(25)]
    [InlineData(10)]
    [InlineData(1)]
    public void Terminal_GetsLinesThatFit(int width)
    {
        var written = Write(width, terminal: true, ["a-name-that-is-long", "1,234", new string('x', 100)], ["漢字漢字漢字漢字漢字漢字", "5", "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"]);

        var lines = written.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(lines, line => Assert.InRange(TextCells.Width(line), 1, width));
    }

    [Fact]
    public void WidestColumn_GivesWayFirst() => Assert.Equal(
        """
        NAME   CALLS  NOTE
        hello  1,234  xxxxxx…

        """,
        Write(21, terminal: true, ["hello", "1,234", "xxxxxxxxxxxxxxxx"]));

    [Theory]
    [InlineData(
        64,
        """
        SESSION                     HARNESS            CALLS        COST
        session-0123456789-abcdefg  my-harne…aracters  1,234  0.0123 USD

        """)]
    [InlineData(
        58,
        """
        SESSION                     HARNESS                   COST
        session-0123456789-abcdefg  my-harnes…aracters  0.0123 USD
        Left out to fit: CALLS. --wide shows all, --json everything.

        """)]
    public void NarrowTerminal_ShortensIdsThenLeavesColumnsOut_AndSaysWhich(int width, string expected)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var table = new Table(
            new("SESSION", Whole: true, Id: true), new("HARNESS", Id: true, Leaves: 2), new("ACTOR", Leaves: 9), new("CALLS", Right: true, Leaves: 1), new("COST", Right: true));
        table.Add("session-0123456789-abcdefg", "my-harness-of-many-characters", "", "1,234", "0.0123 USD");

        table.WriteTo(new Terminal(output, output) { OutputIsTerminal = true, Width = width });

        Assert.Equal(expected, output.ToString());
    }

    [Theory]
    [InlineData("abcdefghij", 7, "abc…hij")]
    [InlineData("abcdefghij", 6, "abc…ij")]
    [InlineData("漢字漢字漢字", 8, "漢字…字")]
    [InlineData("abc", 2, "a…")]
    [InlineData("abc", 3, "abc")]
    public void FitEnds_LeavesOutTheMiddle(string text, int cells, string expected) => Assert.Equal(expected, TextCells.FitEnds(text, cells));

    [Fact]
    public void Wide_CutsNothing()
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var table = new Table(new("A", Leaves: 1), new("B"));
        table.Add(new string('x', 100), new string('y', 100));

        table.WriteTo(new Terminal(output, output) { OutputIsTerminal = true, Width = 80 }.Endless());

        Assert.Equal($"A{new string(' ', 101)}B\n{new string('x', 100)}  {new string('y', 100)}\n", output.ToString());
    }

    [Theory]
    [InlineData("plain", 5)]
    [InlineData("漢字", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("🙂", 2)]
    [InlineData("ｆｕｌｌ", 8)]
    public void Width_IsWhatATerminalTakes(string text, int cells) => Assert.Equal(cells, TextCells.Width(text));

    [Theory]
    [InlineData("漢字漢字", 5, "漢字…")]
    [InlineData("漢字漢字", 4, "漢…")]
    [InlineData("🙂🙂", 3, "🙂…")]
    [InlineData("abc", 3, "abc")]
    public void Fit_CutsBetweenCharacters(string text, int cells, string expected) => Assert.Equal(expected, TextCells.Fit(text, cells));

    [Fact]
    public void HostileText_CannotReachTheTerminal()
    {
        var written = Write(200, terminal: true, ["\e[2J\e]0;title\a", "\r\n\u009b31m", "a\u202eb\nc"]);

        Assert.DoesNotContain(written, character => char.IsControl(character) && character != '\n');
        Assert.DoesNotContain('\u202e', written);
        Assert.Equal(2, written.TrimEnd('\n').Split('\n').Length);
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void Colour_NeedsATerminalAndTheWish(bool isTerminal, bool colour, bool expected)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var table = new Table(new Column("A"));
        table.Add(new Cell("bad", Tone.Bad));

        table.WriteTo(new Terminal(output, output) { OutputIsTerminal = isTerminal, Colour = colour });

        Assert.Equal(expected, output.ToString().Contains('\e', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(132, "90", 132)]
    [InlineData(0, "90", 90)]
    [InlineData(0, "", 80)]
    [InlineData(0, "-5", 80)]
    [InlineData(0, "wide", 80)]
    public void TerminalWidth_IsItsOwnElseThatOfColumns(int window, string columns, int expected) =>
        Assert.Equal(expected, Terminal.WidthOf(window, new Dictionary<string, string> { ["COLUMNS"] = columns }));

    [Theory]
    [InlineData("", "", "en_US.UTF-8", true)]
    [InlineData("", "C.utf8", "C", true)]
    [InlineData("C", "", "en_US.UTF-8", false)]
    [InlineData("", "", "", false)]
    public void Glyphs_NeedALocaleOfUtf8(string all, string type, string lang, bool expected) =>
        Assert.Equal(expected, Terminal.WritesUtf8(new Dictionary<string, string> { ["LC_ALL"] = all, ["LC_CTYPE"] = type, ["LANG"] = lang }));

    private static string Write(int width, bool terminal, params string[][] rows)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var table = new Table(new("NAME"), new("CALLS", Right: true), new("NOTE"));
        foreach (var row in rows)
        {
            table.Add([.. row.Select(cell => (Cell)cell)]);
        }

        table.WriteTo(new Terminal(output, output) { OutputIsTerminal = terminal, Width = width });
        return output.ToString();
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData("", "xterm", true)]
    [InlineData("1", "xterm", false)]
    [InlineData("0", null, false)]
    [InlineData(null, "dumb", false)]
    public void Colour_IsRefusedByNoColorAndByDumbTerminals(string? noColor, string? term, bool expected)
    {
        var environment = new Dictionary<string, string?> { ["NO_COLOR"] = noColor, ["TERM"] = term };

        Assert.Equal(expected, Terminal.WantsColour(environment.Where(one => one.Value is not null).ToDictionary(one => one.Key, one => one.Value!)));
    }
}
