using Belay.Server.Wire;
using Belay.Telemetry;

namespace Belay.Server.Runtimes;

/// <summary>Headers of the data plane that an answer has: the session, and the trace under which the request can be found again.</summary>
internal static class TraceHeaders
{
    /// <summary>Header that names the session.</summary>
    public const string SessionId = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";

    private const string Parent = "traceparent";
    private const string Amazon = "X-Amzn-Trace-Id";
    private static readonly string[] Echoed = [Parent, "tracestate", Amazon, "baggage"];

    /// <summary>
    /// Names session and trace. <c>tracestate</c> and <c>baggage</c> are the request's. The trace is the request's own span where one is recorded;
    /// else what the request said, and the id of its trace in <c>X-Amzn-Trace-Id</c> when it said nothing.
    /// </summary>
    public static void Answer(OperationCall call, string sessionId)
    {
        var headers = call.Http.Response.Headers;
        headers[SessionId] = sessionId;
        foreach (var name in Echoed)
        {
            // A value that is not printable ASCII may come in and cannot go out.
            if (call.Http.Request.Headers[name] is { Count: > 0 } values && values.All(value => value is not null && value.All(one => one is >= ' ' and <= '~')))
            {
                headers[name] = values;
            }
        }

        if (call.Span is not null)
        {
            headers[Parent] = call.Trace.ToTraceParent();
            headers[Amazon] = call.Trace.ToAmazon();
            call.Span.SetTag(TelemetryNames.Attributes.SessionId, sessionId);
        }
        else if (!headers.ContainsKey(Parent) && !headers.ContainsKey(Amazon))
        {
            headers[Amazon] = call.Trace.ToAmazon();
        }
    }
}
