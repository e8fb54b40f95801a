using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Belay.Cli.Client;

/// <content>Replays of sessions.</content>
internal sealed partial class BelayClient
{
    /// <summary>ReplaySession as a stream: events of the replayed streams when they are asked for, each invocation, and last the verdict.</summary>
    public async IAsyncEnumerable<JsonElement> ReplayAsync(string harnessId, string sessionId, bool events, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var attempt = $"replay session {sessionId}";
        var path = $"/belay/v1/harnesses/{Escape(harnessId)}/sessions/{Escape(sessionId)}/replay{Query(("events", events ? "true" : null))}";
        using var response = await SendAsync(attempt, HttpMethod.Post, Connection.Control, path, null, [("Accept", SentEvents)], cancellationToken);
        if (response.Content.Headers.ContentType?.MediaType != SentEvents)
        {
            throw NotBelay(attempt, Connection.Control, $"it answered {response.Content.Headers.ContentType?.MediaType ?? "without a content type"} where a stream of events was due");
        }

        await using var bytes = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var item in SseParser.Create(bytes, (_, data) => Encoding.UTF8.GetString(data)).EnumerateAsync(cancellationToken))
        {
            var body = Parse(attempt, Connection.Control, Encoding.UTF8.GetBytes(item.Data));
            if (item.EventType == "error")
            {
                throw Fault(attempt, body.Text("__type")?.Split('#')[^1] ?? "InternalServerException", body, refused: false);
            }

            yield return body;
        }
    }
}
