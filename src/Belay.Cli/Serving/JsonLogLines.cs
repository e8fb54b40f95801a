using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Belay.Server.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Belay.Cli.Serving;

/// <summary>
/// Log lines for programs: one JSON object a line with <c>time</c>, <c>level</c>, <c>category</c>, <c>event</c>, <c>message</c>, what the
/// scopes say (<c>requestId</c>, <c>harnessId</c>, <c>sessionId</c>, <c>traceId</c>), and <c>exception</c> where there is one.
/// </summary>
internal sealed class JsonLogLines(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>Its name among the formatters.</summary>
    public const string FormatterName = "belay-json";

    // The lines are for JSON readers, not HTML; and without line breaks in strings, which JSON escapes in any case.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("level", LogLevels.NameOf(logEntry.LogLevel));
            json.WriteString("category", logEntry.Category);
            json.WriteString("event", logEntry.EventId.Name);
            json.WriteString("message", logEntry.Formatter(logEntry.State, logEntry.Exception));
            foreach (var (name, value) in Scopes(scopeProvider))
            {
                json.WriteString(name, value);
            }

            if (logEntry.Exception is { } exception)
            {
                json.WriteString("exception", exception.ToString());
            }

            json.WriteEndObject();
        }

        textWriter.Write(Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        textWriter.Write('\n');
    }

    // Only what our own scopes name: the framework's hold connection ids that lead nowhere. The innermost wins.
    private static Dictionary<string, string> Scopes(IExternalScopeProvider? provider)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        provider?.ForEachScope(
            static (scope, into) =>
            {
                foreach (var (name, value) in scope as IEnumerable<KeyValuePair<string, object?>> ?? [])
                {
                    if (name is "requestId" or "harnessId" or "sessionId" or "traceId" && value is string text)
                    {
                        into[name] = text;
                    }
                }
            },
            found);
        return found;
    }
}
