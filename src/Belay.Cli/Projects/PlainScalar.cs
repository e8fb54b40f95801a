using System.Text.RegularExpressions;

namespace Belay.Cli.Projects;

/// <summary>What a scalar without quotes is in YAML 1.2's core schema.</summary>
internal enum PlainKind
{
    /// <summary>Text, because nothing else fits.</summary>
    Text,

    /// <summary>Nothing, <c>~</c> or <c>null</c>.</summary>
    Null,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Truth,

    /// <summary>A number that JSON writes in the same way.</summary>
    Number,

    /// <summary>A number or truth value that JSON has not, or writes differently: <c>007</c>, <c>0x1F</c>, <c>.inf</c>, <c>True</c>.</summary>
    Foreign,
}

/// <summary>Tells what a plain scalar is. <c>yes</c>, <c>no</c>, <c>on</c> and <c>off</c> are text, as YAML 1.2 has it.</summary>
internal static partial class PlainScalar
{
    /// <summary>What a plain scalar is where no member says.</summary>
    public static PlainKind KindOf(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => PlainKind.Null,
        "true" or "false" => PlainKind.Truth,
        "True" or "TRUE" or "False" or "FALSE" => PlainKind.Foreign,
        _ when IsNumber(text) => PlainKind.Number,
        _ when YamlNumber().IsMatch(text) => PlainKind.Foreign,
        _ => PlainKind.Text,
    };

    /// <summary>Whether a text is a number of JSON.</summary>
    public static bool IsNumber(string text) => text.Length <= 64 && JsonNumber().IsMatch(text);

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex JsonNumber();

    [GeneratedRegex(@"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\z", RegexOptions.CultureInvariant)]
    private static partial Regex YamlNumber();
}
