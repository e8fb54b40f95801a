using System.Globalization;
using Belay.Server.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Belay.Cli.Serving;

/// <summary>
/// Log lines for people: time, level, category and message, the session where one is meant, and an exception, all in one line, so that whoever
/// reads a part of the log misses nothing.
/// </summary>
internal sealed class TextLogLines(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>Its name among the formatters.</summary>
    public const string FormatterName = "belay-text";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {Short(logEntry.LogLevel)}: {logEntry.Category} {message}");
        if (LogScopes.Of(scopeProvider).GetValueOrDefault("sessionId") is { } session && !message.Contains(session, StringComparison.Ordinal))
        {
            line += $" (session {session})";
        }

        if (logEntry.Exception is { } exception)
        {
            line += $" {exception}";
        }

        textWriter.Write(OneLine(line));
        textWriter.Write('\n');
    }

    // Callers choose some of what is written; none of it may look like a line of its own, or move a cursor.
    private static string OneLine(string text) =>
        text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.AsSpan().ContainsAnyInRange('\u007f', '\u009f')
            ? string.Concat(text.ReplaceLineEndings(" ").Select(character => char.IsControl(character) ? ' ' : character))
            : text;

    private static string Short(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        LogLevel.Critical => "crit",
        _ => LogLevels.NameOf(level),
    };
}
