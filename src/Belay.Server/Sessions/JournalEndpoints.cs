using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>ReadJournal and ReadLogs: pages, or streams of server-sent events.</summary>
public static class JournalEndpoints
{
    private const int DefaultPageSize = 100;

    /// <summary>Bytes of bodies after which a page of a journal ends.</summary>
    private const long PageBytes = 8 * 1024 * 1024;

    private static readonly TimeSpan DefaultLogTime = TimeSpan.FromHours(1);

    // Far above what may enter, as in the journal itself: what was stored can be read.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionReader reader, SessionStreams streams, Subscriptions subscriptions, TimeProvider time) =>
    [
        new("ReadJournal", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/journal", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ReadJournalRequest);
            var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
            var row = await ReadableAsync(reader, key, cancellationToken);
            if (!ServerSentEvents.AreAskedFor(call.Http.Request))
            {
                var page = await PageAsync(reader, streams, key, request, row.LastSequence, cancellationToken);
                await call.RespondAsync(StatusCodes.Status200OK, page, BelayJson.Default.ReadJournalResponse);
                return;
            }

            using var entered = subscriptions.Enter(key.Scope.Account);
            var entries = streams.EntriesAsync(key, request.LastEventId ?? request.After ?? 0, request.Follow ?? true, subscriptions.Closing, cancellationToken);
            await GuardAsync(reader, () => call.StreamAsync(
                entries.Select(entry => ServerSentEvent.Of(entry.Entry.Sequence, "entry", Entry(entry), BelayJson.Default.JournalEntry)), time, cancellationToken));
        })
        { About = () => new("Reads a session's journal: a page, or as server-sent events what there is and what comes.", BelayJson.Default.ReadJournalRequest, BelayJson.Default.ReadJournalResponse) { Event = BelayJson.Default.JournalEntry, Faults = [FaultCode.ResourceNotFoundException] } },
        new("ReadLogs", HttpMethods.Get, "/belay/v1/logs", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ReadLogsRequest);
            var scope = call.Caller.Scope;
            var filter = new LogFilter(
                request.HarnessId, request.SessionId, request.Since ?? time.GetUtcNow() - DefaultLogTime, request.Until, request.Level ?? LogLineLevel.Info, request.Query);
            if (!ServerSentEvents.AreAskedFor(call.Http.Request))
            {
                var lines = await streams.LinesAsync(scope, filter, request.MaxResults ?? DefaultPageSize, request.Before, cancellationToken);
                await call.RespondAsync(StatusCodes.Status200OK, lines, BelayJson.Default.ReadLogsResponse);
                return;
            }

            using var entered = subscriptions.Enter(scope.Account);
            var follow = (request.Follow ?? true) && request.Until is null;
            await call.StreamAsync(
                streams.LinesAsync(scope, filter, request.LastEventId, follow, subscriptions.Closing, cancellationToken)
                    .Select(item => ServerSentEvent.Of(item.Position, "line", item.Line, BelayJson.Default.LogLine)),
                time,
                cancellationToken);
        })
        { About = () => new("Reads what agents did, a line for each step: a page, or as server-sent events what there is and what comes.", BelayJson.Default.ReadLogsRequest, BelayJson.Default.ReadLogsResponse) { Event = BelayJson.Default.LogLine } },
    ];

    private static async Task<ReadJournalResponse> PageAsync(SessionReader reader, SessionStreams streams, SessionKey key, ReadJournalRequest request, long end, CancellationToken cancellationToken)
    {
        var entries = new List<JournalEntry>();
        var last = request.LastEventId ?? request.After ?? 0;
        var bytes = 0L;
        await GuardAsync(reader, async () =>
        {
            try
            {
                await foreach (var entry in streams.EntriesAsync(key, last, follow: false, CancellationToken.None, cancellationToken))
                {
                    entries.Add(Entry(entry));
                    last = entry.Entry.Sequence;
                    bytes += entry.Json.Length;
                    if (entries.Count == (request.MaxResults ?? DefaultPageSize) || bytes >= PageBytes)
                    {
                        return;
                    }
                }

                if (last < end)
                {
                    throw new JournalDamagedException(key, last + 1, "it is missing.");
                }
            }
            catch (JournalUnknownEntryException) when (entries.Count > 0)
            {
                // What can be read is worth having; the next page says why there is no more.
            }
        });
        return new() { Entries = entries, NextAfter = last < end ? last : null };
    }

    private static JournalEntry Entry(OpenedEntry entry) => new()
    {
        Sequence = entry.Entry.Sequence,
        At = entry.Entry.At,
        Kind = entry.Stored.Kind.ToString(),
        Hash = Convert.ToHexStringLower(entry.Stored.Hash.Span),
        Body = JsonElement.Parse(entry.Json.Span, Deep),
    };

    /// <summary>The row of a session that exists and was not erased.</summary>
    internal static async Task<SessionRow> ReadableAsync(SessionReader reader, SessionKey key, CancellationToken cancellationToken)
    {
        var row = await reader.RowAsync(key, cancellationToken);
        return row.ActorRef is { } actorRef && await reader.Sealer.FindAsync(key.Scope, actorRef, cancellationToken) is null
            ? throw Fault(new JournalErasedException(key, row.LastSequence))
            : row;
    }

    /// <summary>Reads a journal. What is damaged is ours to mend and quarantined; the rest is for the caller to know.</summary>
    internal static async Task GuardAsync(SessionReader reader, Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (JournalDamagedException damage)
        {
            throw reader.Damaged(damage);
        }
        catch (JournalException problem)
        {
            throw Fault(problem);
        }
    }

    private static ServiceException Fault(JournalException problem) => ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
}
