using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Belay.Testing.Clients;

/// <summary>Reads events as the standard says: fields until an empty line, comments ignored, lines of data joined.</summary>
public static class ServerSentEventReader
{
    /// <summary>One event; its id is the last that was sent.</summary>
    public sealed record Event(string? Id, string Name, JsonElement Data);

    /// <summary>The events of a body, as they come.</summary>
    public static async IAsyncEnumerable<Event> ReadAsync(Stream body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(body);
        var (id, name, data) = ((string?)null, "message", new List<string>());
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0 && data.Count > 0)
            {
                yield return new(id, name, JsonElement.Parse(string.Join('\n', data)));
                (name, data) = ("message", []);
            }
            else if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = line[4..];
            }
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                name = line[7..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                data.Add(line[6..]);
            }
        }
    }
}
