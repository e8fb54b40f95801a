using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>ReadEvents: a page, or a stream of server-sent events that can be taken up again at any event.</summary>
public static class EventEndpoints
{
    private const int DefaultPageSize = 100;

    /// <summary>Bytes of events after which a page ends.</summary>
    private const long PageBytes = 8 * 1024 * 1024;

    // As deep as anything that is stored.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionReader reader, SessionEventStreams streams, Subscriptions subscriptions, TimeProvider time) =>
    [
        new("ReadEvents", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/events", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ReadEventsRequest);
            var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
            await JournalEndpoints.ReadableAsync(reader, key, cancellationToken);
            var after = After(request.LastEventId ?? request.After);
            if (!ServerSentEvents.AreAskedFor(call.Http.Request))
            {
                var events = streams.ReadAsync(key, after, follow: false, CancellationToken.None, cancellationToken);
                await call.RespondAsync(StatusCodes.Status200OK, await PageAsync(reader, events, request.MaxResults ?? DefaultPageSize, cancellationToken), BelayJson.Default.ReadEventsResponse);
                return;
            }

            using var entered = subscriptions.Enter(key.Scope.Account);
            var told = streams.ReadAsync(key, after, request.Follow ?? true, subscriptions.Closing, cancellationToken);
            await JournalEndpoints.GuardAsync(reader, () => call.StreamAsync(
                told.Select(item => new ServerSentEvent(item.WireId, item.Event.EventType, json => Write(json, item))), time, cancellationToken));
        })
        { About = () => new("Reads the events of a session's invocations: a page, or as server-sent events what there is and what comes, from any event on.", BelayJson.Default.ReadEventsRequest, BelayJson.Default.ReadEventsResponse) { Event = BelayJson.Default.SessionEvent, Faults = [FaultCode.ResourceNotFoundException] } },
    ];

    /// <summary>Writes an event as the record of the contract, its data as InvokeHarness sends it.</summary>
    internal static void Write(Utf8JsonWriter json, ToldEvent told)
    {
        json.WriteStartObject();
        if (told.WireId is { } id)
        {
            json.WriteString("id", id);
        }

        json.WriteString("type", told.Event.EventType);
        if (told.InvocationId is { } invocation)
        {
            json.WriteString("invocationId", invocation);
        }

        json.WritePropertyName("data");
        JsonSerializer.Serialize(json, told.Event, TypeOf(told.Event));
        json.WriteEndObject();
    }

    /// <summary>Where a reader stands that has a certain event; at the beginning when it has none.</summary>
    internal static SessionEventId After(string? id) => id is not null && SessionEventId.TryParse(id, out var after) ? after : SessionEventId.Start;

    private static async Task<ReadEventsResponse> PageAsync(SessionReader reader, IAsyncEnumerable<ToldEvent> told, int size, CancellationToken cancellationToken)
    {
        var events = new List<SessionEvent>();
        var bytes = 0L;
        string? next = null;
        await JournalEndpoints.GuardAsync(reader, async () =>
        {
            try
            {
                await foreach (var item in told.WithCancellation(cancellationToken))
                {
                    if (events.Count == size || bytes >= PageBytes)
                    {
                        next = events[^1].Id;
                        break;
                    }

                    var data = Data(item.Event);
                    bytes += data.Length;
                    events.Add(new() { Id = item.WireId, Type = item.Event.EventType, InvocationId = item.InvocationId, Data = JsonElement.Parse(data.Span, Deep) });
                }
            }
            catch (JournalUnknownEntryException) when (events.Count > 0)
            {
                // What can be read is worth having; the next page says why there is no more.
                next = events[^1].Id;
            }
        });
        return new() { Events = events, NextAfter = next };
    }

    private static ReadOnlyMemory<byte> Data(InvocationEvent item)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, OperationCall.WriterOptions);
        JsonSerializer.Serialize(json, item, TypeOf(item));
        return buffer.WrittenMemory;
    }

    private static JsonTypeInfo TypeOf(InvocationEvent item) =>
        BelayJson.Default.GetTypeInfo(item.GetType()) ?? throw new UnreachableException($"{item.GetType().Name} has no form on the wire.");
}
