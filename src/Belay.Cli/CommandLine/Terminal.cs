using System.Globalization;
using System.Text;

namespace Belay.Cli.CommandLine;

/// <summary>
/// Where a verb writes. Results go to <see cref="Output"/>, everything about getting them to <see cref="Error"/>, so that
/// output can be piped. Colour only where a terminal shows it, <c>NO_COLOR</c> is not set and <c>TERM</c> is not <c>dumb</c>.
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

    /// <summary>Columns of the terminal; means nothing where <see cref="Output"/> is none.</summary>
    public int Width { get; init; } = 160;

    /// <summary>Whether a terminal shows characters for drawing.</summary>
    public bool Glyphs { get; init; }

    /// <summary>Dim text for <see cref="Error"/>.</summary>
    public string Dim(string text) => Style(text, "\e[2m");

    /// <summary>Text of something that worked, for <see cref="Error"/>.</summary>
    public string Good(string text) => Style(text, "\e[32m");

    /// <summary>Text of something that failed, for <see cref="Error"/>.</summary>
    public string Bad(string text) => Style(text, "\e[31m");

    /// <summary>Text that stands out, for <see cref="Error"/>.</summary>
    public string Strong(string text) => Style(text, "\e[1m");

    /// <summary>The same terminal with everything on <see cref="Output"/>, for a verb that tells a story.</summary>
    public Terminal Together() => new(Output, Output) { OutputIsTerminal = OutputIsTerminal, ErrorIsTerminal = OutputIsTerminal, Colour = Colour, Width = Width, Glyphs = Glyphs };

    /// <summary>The same terminal with room for everything on a line, for who asks for that.</summary>
    public Terminal Endless() => new(Output, Error) { OutputIsTerminal = OutputIsTerminal, ErrorIsTerminal = ErrorIsTerminal, Colour = Colour, Width = int.MaxValue, Glyphs = Glyphs };

    /// <summary>Text for <see cref="Output"/>, in the colour of its tone.</summary>
    public string Show(string text, Tone tone) => !Colour || !OutputIsTerminal ? text : tone switch
    {
        Tone.Good => "\e[32m" + text + Reset,
        Tone.Bad => "\e[31m" + text + Reset,
        Tone.Dim => "\e[2m" + text + Reset,
        Tone.Strong => "\e[1m" + text + Reset,
        _ => text,
    };

    /// <summary>Writes <c>label  value</c> lines to <see cref="Output"/>, those without a value left out.</summary>
    public void WriteFacts(params IReadOnlyList<(string Label, string? Value)> facts)
    {
        foreach (var (label, value) in facts)
        {
            if (!string.IsNullOrEmpty(value))
            {
                Output.WriteLine($"{label,-12} {OneLine(value, 1000)}");
            }
        }
    }

    /// <summary>Columns of a terminal: as it says itself, else as <c>COLUMNS</c> says, else 80.</summary>
    public static int WidthOf(int window, IReadOnlyDictionary<string, string> environment) =>
        window > 0 ? window
        : environment.TryGetValue("COLUMNS", out var text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var columns) && columns > 0 ? columns
        : 80;

    /// <summary>Whether an environment wants colour: <c>NO_COLOR</c> with any text refuses it, and so does a terminal that is <c>dumb</c>.</summary>
    public static bool WantsColour(IReadOnlyDictionary<string, string> environment) =>
        environment.GetValueOrDefault("NO_COLOR", "").Length == 0 && environment.GetValueOrDefault("TERM") != "dumb";

    /// <summary>Whether the locale of an environment writes UTF-8.</summary>
    public static bool WritesUtf8(IReadOnlyDictionary<string, string> environment)
    {
        foreach (var name in (ReadOnlySpan<string>)["LC_ALL", "LC_CTYPE", "LANG"])
        {
            // The first that is set decides, as in every C library.
            if (environment.TryGetValue(name, out var locale) && locale.Length > 0)
            {
                return locale.Contains("UTF-8", StringComparison.OrdinalIgnoreCase) || locale.Contains("UTF8", StringComparison.OrdinalIgnoreCase);
            }
        }

        return false;
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
}
