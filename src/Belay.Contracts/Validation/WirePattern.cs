using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;

namespace Belay.Contracts.Validation;

/// <summary>
/// The model's regular expressions, compiled once. The whole text must match. They are written for an engine whose <c>\d</c>,
/// <c>\w</c> and <c>\s</c> are ASCII, and they run on a stranger's text. Those that are flat need no engine; the others are
/// translated and run without backtracking: in time linear in a text whose length is checked before. A deadline would refuse valid
/// requests when the machine is busy.
/// </summary>
internal static class WirePattern
{
    private const string Blanks = @" \t\n\x0B\f\r";
    private static readonly ConcurrentDictionary<string, object> Compiled = new(StringComparer.Ordinal);

    /// <summary>Whether the whole text matches.</summary>
    public static bool Matches(string pattern, string text) =>
        Compiled.GetOrAdd(pattern, static key => (object?)FlatPattern.TryParse(key) ?? Compile(key)) switch
        {
            FlatPattern flat => flat.Matches(text),
            var regex => ((Regex)regex).IsMatch(text),
        };

    /// <summary>Compiles a pattern; throws when it is none, or when it cannot do without backtracking.</summary>
    internal static Regex Compile(string pattern) => new($@"\A(?:{Ascii(pattern)})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    private static string Ascii(string pattern)
    {
        var text = new StringBuilder(pattern.Length + 16);
        var inClass = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            var one = pattern[i];
            if (one != '\\' || i + 1 == pattern.Length)
            {
                inClass = one == '[' || (inClass && one != ']');
                text.Append(one);
                continue;
            }

            var escaped = pattern[++i];
            text.Append((escaped, inClass) switch
            {
                ('d', true) => "0-9",
                ('d', false) => "[0-9]",
                ('w', true) => "a-zA-Z0-9_",
                ('w', false) => "[a-zA-Z0-9_]",
                ('s', true) => Blanks,
                ('s', false) => $"[{Blanks}]",
                ('S', false) => $"[^{Blanks}]",
                _ => $@"\{escaped}",
            });
        }

        return text.ToString();
    }
}
