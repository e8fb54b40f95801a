using Belay.Agents;
using Belay.Contracts;
using Belay.Harnesses;
using Belay.Server.Runtimes;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Invocations;

/// <summary>InvokeHarness: what can be refused is refused before the 200; the rest is the stream.</summary>
public static class InvocationEndpoints
{
    private const int FirstEvents = 8;

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
        var left = FirstEvents;
        for (; await next; next = accepted.WaitAsync(cancellationToken))
        {
            // What is there goes out together; nothing waits for what is not there yet, and the first words not for many others.
            while (accepted.TryRead(out var item))
            {
                await StreamFrames.WriteAsync(stream, item, cancellationToken);
                if (--left == 0)
                {
                    await stream.FlushAsync(cancellationToken);
                }
            }

            await stream.FlushAsync(cancellationToken);
        }
    }
}
