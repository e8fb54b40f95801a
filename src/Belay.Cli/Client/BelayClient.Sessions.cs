using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Client;

/// <content>What the native API says about what agents did: sessions, traces, logs, usage.</content>
internal sealed partial class BelayClient
{
    private const string SentEvents = "text/event-stream";
    private const int LargestPage = 100;
    private const int LargestLogPage = 1000;

    /// <summary>ListSessions: sessions page by page, the latest activity first, until the reader has enough.</summary>
    public IAsyncEnumerable<JsonElement> ListSessionsAsync(IReadOnlyList<(string Name, string? Value)> filter, int limit, CancellationToken cancellationToken) =>
        PagesAsync("list the sessions", "/belay/v1/sessions", "sessions", filter, limit, cancellationToken);

    /// <summary>ListTraces: traces page by page, the newest first, until the reader has enough.</summary>
    public IAsyncEnumerable<JsonElement> ListTracesAsync(IReadOnlyList<(string Name, string? Value)> filter, int limit, CancellationToken cancellationToken) =>
        PagesAsync("list the traces", "/belay/v1/traces", "traces", filter, limit, cancellationToken);

    /// <summary>GetSession.</summary>
    public Task<JsonElement> GetSessionAsync(string harnessId, string sessionId, CancellationToken cancellationToken) =>
        NativeAsync($"get session {sessionId}", Session(harnessId, sessionId), cancellationToken);

    /// <summary>ForkSession.</summary>
    public Task<JsonElement> ForkSessionAsync(string harnessId, string sessionId, JsonObject body, CancellationToken cancellationToken) =>
        AnswerAsync(
            $"fork session {sessionId}", HttpMethod.Post, Connection.Control, $"/belay/v1/harnesses/{Escape(harnessId)}/sessions/{Escape(sessionId)}/forks", body, cancellationToken);

    /// <summary>GetTrace.</summary>
    public Task<JsonElement> GetTraceAsync(string traceId, string? harnessId, string? sessionId, CancellationToken cancellationToken) =>
        NativeAsync($"get trace {Terminal.OneLine(traceId, 64)}", $"/belay/v1/traces/{Escape(traceId)}{Query(("harnessId", harnessId), ("sessionId", sessionId))}", cancellationToken);

    /// <summary>GetUsage.</summary>
    public Task<JsonElement> GetUsageAsync(IReadOnlyList<(string Name, string? Value)> parameters, CancellationToken cancellationToken) =>
        NativeAsync("get the usage", $"/belay/v1/usage{Query([.. parameters])}", cancellationToken);

    /// <summary>ReadLogs: the newest lines, the oldest of them first, and whether there are older ones.</summary>
    public async Task<(IReadOnlyList<JsonElement> Lines, bool More)> ReadLogsAsync(IReadOnlyList<(string Name, string? Value)> filter, int limit, CancellationToken cancellationToken)
    {
        var lines = new List<JsonElement>();
        string? before = null;
        do
        {
            var size = Math.Min(limit - lines.Count, LargestLogPage).ToString(CultureInfo.InvariantCulture);
            var page = await NativeAsync("read the logs", $"/belay/v1/logs{Query([.. filter, ("maxResults", size), ("before", before)])}", cancellationToken);
            lines.InsertRange(0, page.Items("lines"));
            before = page.Number("nextBefore")?.ToString(CultureInfo.InvariantCulture);
        }
        while (before is not null && lines.Count < limit);

        return (lines, before is not null);
    }

    /// <summary>
    /// ReadLogs as a stream: lines as they happen, until the connection ends. Who comes back with the same position gets what follows it.
    /// </summary>
    public IAsyncEnumerable<JsonElement> FollowLogsAsync(
        IReadOnlyList<(string Name, string? Value)> filter, StreamPosition position, CancellationToken cancellationToken) =>
        FollowAsync("follow the logs", $"/belay/v1/logs{Query([.. filter])}", position, cancellationToken);

    /// <summary>
    /// ReadEvents as a stream: the events of a session as they happen, until the connection ends. Who comes back with the same position gets what follows it.
    /// </summary>
    public IAsyncEnumerable<JsonElement> FollowEventsAsync(string harnessId, string sessionId, StreamPosition position, CancellationToken cancellationToken) =>
        FollowAsync($"follow session {sessionId}", $"{Session(harnessId, sessionId)}/events", position, cancellationToken);

    /// <summary>StartInvocation, detached: it goes on without this program.</summary>
    public Task<JsonElement> StartInvocationAsync(string harnessId, string? qualifier, string sessionId, JsonObject body, CancellationToken cancellationToken) => AnswerAsync(
        "invoke the harness",
        HttpMethod.Post,
        Connection.Data,
        $"{Session(harnessId, sessionId)}/invocations{Query(("qualifier", qualifier))}",
        Detached(body),
        cancellationToken);

    /// <summary>SteerInvocation.</summary>
    public Task SteerInvocationAsync(string harnessId, string sessionId, string steerId, string text, CancellationToken cancellationToken) => AnswerAsync(
        $"steer session {sessionId}",
        HttpMethod.Post,
        Connection.Data,
        $"{Session(harnessId, sessionId)}/steer",
        new JsonObject { ["steerId"] = steerId, ["text"] = text },
        cancellationToken);

    /// <summary>CancelInvocation.</summary>
    public Task<JsonElement> CancelInvocationAsync(string harnessId, string sessionId, CancellationToken cancellationToken) =>
        AnswerAsync($"cancel session {sessionId}", HttpMethod.Post, Connection.Data, $"{Session(harnessId, sessionId)}/cancel", null, cancellationToken);

    private async IAsyncEnumerable<JsonElement> FollowAsync(
        string attempt, string pathAndQuery, StreamPosition position, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (string, string?)[] headers = [("Accept", SentEvents), ("Last-Event-ID", position.LastEventId)];
        using var response = await SendAsync(attempt, HttpMethod.Get, Connection.Control, pathAndQuery, null, headers, cancellationToken);
        if (response.Content.Headers.ContentType?.MediaType != SentEvents)
        {
            throw NotBelay(attempt, Connection.Control, $"it answered {response.Content.Headers.ContentType?.MediaType ?? "without a content type"} where a stream of events was due");
        }

        position.Connected();
        await using var bytes = await response.Content.ReadAsStreamAsync(cancellationToken);
        var parser = SseParser.Create(bytes, (_, data) => Encoding.UTF8.GetString(data));
        await foreach (var item in parser.EnumerateAsync(cancellationToken))
        {
            if (item.EventType == "error")
            {
                var body = Parse(attempt, Connection.Control, Encoding.UTF8.GetBytes(item.Data));
                throw Fault(attempt, body.Text("__type")?.Split('#')[^1] ?? "InternalServerException", body, refused: false);
            }

            yield return Parse(attempt, Connection.Control, Encoding.UTF8.GetBytes(item.Data));

            // Only now has the reader taken it.
            position.LastEventId = parser.LastEventId.Length > 0 ? parser.LastEventId : position.LastEventId;
        }
    }

    private async IAsyncEnumerable<JsonElement> PagesAsync(
        string attempt, string path, string member, IReadOnlyList<(string Name, string? Value)> filter, int limit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            var size = Math.Min(limit, LargestPage).ToString(CultureInfo.InvariantCulture);
            var page = await NativeAsync(attempt, $"{path}{Query([.. filter, ("maxResults", size), ("nextToken", next)])}", cancellationToken);
            foreach (var item in page.Items(member))
            {
                yield return item;
                if (--limit == 0)
                {
                    yield break;
                }
            }

            next = page.Text("nextToken");
        }
        while (next is not null);
    }

    private static JsonObject Detached(JsonObject body)
    {
        var detached = body.DeepClone().AsObject();
        detached["detach"] = true;
        return detached;
    }

    private static string Session(string harnessId, string sessionId) => $"/belay/v1/harnesses/{Escape(harnessId)}/sessions/{Escape(sessionId)}";

    private Task<JsonElement> NativeAsync(string attempt, string pathAndQuery, CancellationToken cancellationToken) =>
        AnswerAsync(attempt, HttpMethod.Get, Connection.Control, pathAndQuery, null, cancellationToken);
}

/// <summary>Where a reader of a stream stands.</summary>
internal sealed class StreamPosition
{
    /// <summary>Id of the last event that was taken; null before the first.</summary>
    public string? LastEventId { get; set; }

    /// <summary>Told when a server has answered with a stream.</summary>
    public required Action Connected { get; init; }
}
