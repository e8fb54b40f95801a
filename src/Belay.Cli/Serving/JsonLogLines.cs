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
/// scopes say (<c>requestId</c>, <c>harnessId</c>, <c>sessionId</c>, <c>traceId</c>), of a request <c>operation</c>, <c>status</c> and
/// <c>milliseconds</c>, and <c>exception</c> where there is one.
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
            foreach (var (name, value) in LogScopes.Of(scopeProvider))
            {
                json.WriteString(name, value);
            }

            WriteRequest(json, logEntry.State);
            if (logEntry.Exception is { } exception)
            {
                json.WriteString("exception", exception.ToString());
            }

            json.WriteEndObject();
        }

        textWriter.Write(Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        textWriter.Write('\n');
    }

    // What a line about a request says in its message, so that lines can be chosen by it.
    private static void WriteRequest<TState>(Utf8JsonWriter json, TState state)
    {
        foreach (var (name, value) in state as IEnumerable<KeyValuePair<string, object?>> ?? [])
        {
            switch (name, value)
            {
                case ("Operation", string operation):
                    json.WriteString("operation", operation);
                    break;
                case ("Status", int status):
                    json.WriteNumber("status", status);
                    break;
                case ("Milliseconds", long milliseconds):
                    json.WriteNumber("milliseconds", milliseconds);
                    break;
                default:
                    break;
            }
        }
    }
}
