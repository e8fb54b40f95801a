using System.Globalization;
using System.Text;
using Spectre.Console.Rendering;

namespace Belay.Cli.CommandLine;

/// <summary>How wide text is on a terminal, in cells: East Asian characters and most pictures take two, marks on other characters none.</summary>
internal static class TextCells
{
    /// <summary>Width of one line of printable text.</summary>
    public static int Width(string text) => Ascii.IsValid(text) ? text.Length : text.EnumerateRunes().Sum(Width);

    /// <summary>At most so many cells of a text; what is cut off is shown as <c>…</c>.</summary>
    public static string Fit(string text, int cells)
    {
        if (Width(text) <= cells)
        {
            return text;
        }

        var kept = new StringBuilder();
        var left = cells - 1;
        foreach (var rune in text.EnumerateRunes())
        {
            left -= Width(rune);
            if (left < 0)
            {
                break;
            }

            kept.Append(rune);
        }

        return kept.Append('…').ToString();
    }

    /// <summary>At most so many cells of a text, from both of its ends; what is left out between them is shown as <c>…</c>.</summary>
    public static string FitEnds(string text, int cells)
    {
        if (Width(text) <= cells || cells < 3)
        {
            return Fit(text, cells);
        }

        var front = Fit(text, cells - ((cells - 1) / 2));
        var left = cells - Width(front);
        var runes = text.EnumerateRunes().Reverse().TakeWhile(rune => (left -= Width(rune)) >= 0).Reverse();
        return front + string.Concat(runes);
    }

    private static int Width(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format => 0,

        // The library measures each half of a surrogate pair; letters up there are narrow, ideographs and pictures wide.
        _ when !rune.IsBmp => rune.Value is >= 0x1F300 and < 0x40000 ? 2 : 1,
        _ => new Segment(rune.ToString()).CellCount(),
    };
}
