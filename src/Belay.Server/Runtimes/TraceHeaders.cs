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
            if (http.Request.Headers.TryGetValue(name, out var value) && value.Count > 0)
            {
                http.Response.Headers[name] = value;
            }
        }
    }
}
