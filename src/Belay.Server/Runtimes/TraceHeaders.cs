using System.Text;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Runtimes;

/// <summary>Headers of the data plane that an answer repeats.</summary>
internal static class TraceHeaders
{
    /// <summary>Header that names the session.</summary>
    public const string SessionId = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";

    private static readonly string[] Echoed = ["traceparent", "tracestate", "X-Amzn-Trace-Id", "baggage"];

    /// <summary>Repeats the trace headers of the request and names the session.</summary>
    public static void Echo(HttpContext http, string sessionId)
    {
        http.Response.Headers[SessionId] = sessionId;
        foreach (var name in Echoed)
        {
            // A value that is not ASCII may come in and cannot go out.
            if (http.Request.Headers[name] is { Count: > 0 } values && values.All(value => value is not null && Ascii.IsValid(value)))
            {
                http.Response.Headers[name] = values;
            }
        }
    }
}
