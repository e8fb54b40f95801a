using System.Diagnostics;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Server.Runtimes;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Invocations;

/// <summary>InvokeHarness: what can be refused is refused before the 200; the rest is the stream.</summary>
public static class InvocationEndpoints
{
    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(HarnessCatalog catalog, InvocationResolver resolver, SessionHost sessions) =>
    [
        new("InvokeHarness", HttpMethods.Post, "/harnesses/invoke", Operation.InvokeBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.InvokeHarnessRequest, resolver.Problems);
            var served = await catalog.ServeAsync(call.Caller.Scope, request.HarnessArn, request.Qualifier, cancellationToken);
            var invocation = resolver.Resolve(served, request) with { Trace = call.Trace };
            var key = new SessionKey(call.Caller.Scope, served.Harness.HarnessId, request.RuntimeSessionId);
            await using var accepted = await sessions.InvokeAsync(key, invocation, cancellationToken);
            await StreamAsync(call, accepted, request.RuntimeSessionId, cancellationToken);
        }),
    ];

    /// <summary>Answers with the events of an invocation, to its end.</summary>
    internal static async Task StreamAsync(OperationCall call, AcceptedInvocation accepted, string sessionId, CancellationToken cancellationToken)
    {
        TraceHeaders.Answer(call, sessionId);

        // Headers that have something to travel with do not travel alone; else the client hears at once that its stream has begun.
        var next = accepted.WaitAsync(cancellationToken);
        var stream = await call.StartEventStreamAsync(flush: !next.IsCompleted);
        for (; await next; next = accepted.WaitAsync(cancellationToken))
        {
            // What is there goes out together; nothing waits for what is not there yet.
            while (accepted.TryRead(out var item))
            {
                await WriteAsync(stream, item, cancellationToken);
            }

            await stream.FlushAsync(cancellationToken);
        }
    }

    private static ValueTask WriteAsync(EventStreamResponse stream, InvocationEvent item, CancellationToken cancellationToken) => item switch
    {
        HarnessMessageStartEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMessageStartEvent, cancellationToken),
        HarnessContentBlockStartEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockStartEvent, cancellationToken),
        HarnessContentBlockDeltaEvent { Delta: { Text: not null } or { ToolUse: not null } } one => stream.WriteAsync(one.EventType, one, WritePiece, cancellationToken),
        HarnessContentBlockDeltaEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockDeltaEvent, cancellationToken),
        HarnessContentBlockStopEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessContentBlockStopEvent, cancellationToken),
        HarnessMessageStopEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMessageStopEvent, cancellationToken),
        HarnessMetadataEvent one => stream.WriteAsync(one.EventType, one, BelayJson.Default.HarnessMetadataEvent, cancellationToken),
        _ => throw new UnreachableException(),
    };

    // What a model says, piece by piece: the same bytes as the serialiser's.
    private static void WritePiece(Utf8JsonWriter json, HarnessContentBlockDeltaEvent piece)
    {
        json.WriteStartObject();
        json.WriteNumber("contentBlockIndex"u8, piece.ContentBlockIndex);
        json.WriteStartObject("delta"u8);
        if (piece.Delta.Text is { } text)
        {
            json.WriteString("text"u8, text);
        }
        else if (piece.Delta.ToolUse is { } call)
        {
            json.WriteStartObject("toolUse"u8);
            json.WriteString("input"u8, call.Input);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
