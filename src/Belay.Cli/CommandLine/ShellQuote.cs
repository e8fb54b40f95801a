namespace Belay.Cli.CommandLine;

/// <summary>Quotes words for a POSIX shell.</summary>
internal static class ShellQuote
{
    /// <summary>A word in single quotes, whatever it holds.</summary>
    public static string Always(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A word, in quotes where it needs them.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(character => char.IsAsciiLetterOrDigit(character) || "_-./=:,@%+".Contains(character, StringComparison.Ordinal))
            ? word
            : Always(word);
}
