using System.Text;

namespace Belay.Sessions;

/// <summary>Foreign text as part of one line: bounded, without line ends or other control characters. Pure.</summary>
internal static class OneLine
{
    private const int Longest = 200;
    private const int LongestWhole = 1000;

    /// <summary>A piece of text that somebody else wrote.</summary>
    public static string Of(string text) => Cut(text, Longest);

    /// <summary>A whole line, which may have names in it that somebody else chose.</summary>
    public static string Bounded(string line) => Cut(line, LongestWhole);

    private static string Cut(string text, int longest)
    {
        var line = new StringBuilder(Math.Min(text.Length, longest) + 1);
        foreach (var rune in text.EnumerateRunes())
        {
            if (line.Length >= longest)
            {
                return line.Append('…').ToString();
            }

            var isSpace = Rune.IsControl(rune) || Rune.IsWhiteSpace(rune);
            if (!isSpace)
            {
                line.Append(rune);
            }
            else if (line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
        }

        return line.ToString().TrimEnd();
    }
}
