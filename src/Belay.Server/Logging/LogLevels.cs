using Microsoft.Extensions.Logging;

namespace Belay.Server.Logging;

/// <summary>What a server logs at least, changeable while it runs.</summary>
/// <param name="level">Level at the start.</param>
public sealed class LogLevels(LogLevel level)
{
    private static readonly Dictionary<string, LogLevel> ByName = Enum.GetValues<LogLevel>().ToDictionary(NameOf, StringComparer.Ordinal);
    private volatile LogLevel _level = level;

    /// <summary>The level now.</summary>
    public LogLevel Level
    {
        get => _level;
        set => _level = value;
    }

    /// <summary>Every name, the most talkative first.</summary>
    public static IEnumerable<string> Names => ByName.OrderBy(pair => pair.Value).Select(pair => pair.Key);

    /// <summary>The name of a level, such as <c>information</c>.</summary>
    public static string NameOf(LogLevel level) => level.ToString().ToLowerInvariant();

    /// <summary>The level of a name; null when there is none.</summary>
    public static LogLevel? Find(string name) => ByName.TryGetValue(name, out var level) ? level : null;

    /// <summary>Whether a message is written.</summary>
    public bool Writes(string? category, LogLevel level)
    {
        // The framework's own lines below a warning may quote what a request sent, and a start that fails is said in words by
        // whoever started the server.
        var least = category switch
        {
            "Microsoft.Extensions.Hosting.Internal.Host" => LogLevel.None,
            not null when category.StartsWith("Microsoft.", StringComparison.Ordinal) && _level < LogLevel.Warning => LogLevel.Warning,
            _ => _level,
        };
        return level >= least && level != LogLevel.None;
    }
}
