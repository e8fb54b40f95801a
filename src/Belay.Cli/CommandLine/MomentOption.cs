using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Belay.Cli.CommandLine;

/// <summary>
/// An option that names a moment: a time ago (<c>90s</c>, <c>30m</c>, <c>12h</c>, <c>2d</c>, <c>1w</c>), or a date or time of ISO 8601, which
/// is UTC unless it has an offset.
/// </summary>
internal sealed partial class MomentOption
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss",
    ];

    private readonly Option<string?> _option;

    /// <summary>An option of this name.</summary>
    public MomentOption(string name, string description)
    {
        _option = new Option<string?>(name) { Description = description, HelpName = "WHEN" };
        _option.Validators.Add(Check);
    }

    /// <summary>What examples of help texts say about values.</summary>
    public const string Values = "WHEN is a time ago (30m, 12h, 2d), or a date or time in UTC (2026-11-21, 2026-11-21T08:00:00Z).";

    /// <summary>Adds the option to a verb.</summary>
    public void AddTo(Command command) => command.Add(_option);

    /// <summary>Whether the option is given.</summary>
    public bool IsGiven(CommandResult result) => result.GetResult(_option) is not null;

    /// <summary>The moment; null when the option is left out.</summary>
    public DateTimeOffset? Read(ParseResult parsed, TimeProvider time) => parsed.GetValue(_option) is { } text ? Parse(text, time.GetUtcNow()) : null;

    /// <summary>The moment as a parameter of a request; null when the option is left out.</summary>
    public string? Parameter(ParseResult parsed, TimeProvider time) => Read(parsed, time) is { } at ? Wire(at) : null;

    /// <summary>A moment as requests have it.</summary>
    public static string Wire(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>What a text means; null when it is no moment, or one outside of the calendar.</summary>
    public static DateTimeOffset? Parse(string text, DateTimeOffset now)
    {
        if (Ago().Match(text) is { Success: true } ago)
        {
            var seconds = long.Parse(ago.Groups["count"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) * ago.Groups["unit"].Value switch
            {
                "s" => 1,
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => 7 * 24 * 60 * 60,
            };
            return seconds <= (now - DateTimeOffset.UnixEpoch).TotalSeconds ? now.AddSeconds(-seconds) : DateTimeOffset.UnixEpoch;
        }

        return DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
    }

    private static void Check(OptionResult result)
    {
        // Whether it can be read does not depend on the time.
        if (result.GetValueOrDefault<string?>() is { } text && Parse(text, DateTimeOffset.UnixEpoch) is null)
        {
            result.AddError(
                $"{result.Option.Name} is \"{Terminal.OneLine(text, 40)}\", which is no time: give a time ago such as 30m, 12h or 2d (units s, m, h, d, w), or a date or time of ISO 8601 such as 2026-11-21 or 2026-11-21T08:00:00Z.");
        }
    }

    [GeneratedRegex("^(?<count>[0-9]{1,9})(?<unit>[smhdw])\\z")]
    private static partial Regex Ago();
}
