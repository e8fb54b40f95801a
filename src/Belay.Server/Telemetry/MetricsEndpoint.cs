using System.Net;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Telemetry;

/// <summary>
/// <c>GET /metrics</c> for Prometheus: open to everybody who reaches a server that listens on loopback only, or whose operator says so; else to
/// those who sign their request with a key of the operator's account.
/// </summary>
internal static class MetricsEndpoint
{
    private const string Path = "/metrics";
    private static readonly string[] Forwarding = ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"];

    /// <summary>For everybody who may ask.</summary>
    /// <param name="metrics">What is told.</param>
    /// <param name="onlyHere">Whether the request must name this machine and have come here directly. A web page that gave its own name the address of
    /// this machine names itself, and a proxy says for whom it asks.</param>
    public static OpenEndpoint Open(CollectedMetrics metrics, bool onlyHere) => new(Path, http => !onlyHere || IsFromHere(http.Request)
        ? WriteAsync(http, metrics)
        : throw SigV4Verifier.Denied("These numbers are for requests from this machine that name it by its loopback address; Telemetry:OpenMetrics opens them to everybody."));

    /// <summary>For keys of the operator's account: names of models and tools of every account are in it.</summary>
    public static Operation Authenticated(CollectedMetrics metrics, string account) =>
        new("GetMetrics", HttpMethods.Get, Path, Operation.ControlBodyBytes, (call, _) =>
        {
            OperatorAccount.Demand(call.Caller, account);
            return WriteAsync(call.Http, metrics);
        });

    private static bool IsFromHere(HttpRequest request) =>
        (request.Host.Host == "localhost" || (IPAddress.TryParse(request.Host.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)))
        && !Forwarding.Any(request.Headers.ContainsKey);

    private static Task WriteAsync(HttpContext http, CollectedMetrics metrics)
    {
        http.Response.ContentType = PrometheusText.ContentType;
        return http.Response.WriteAsync(metrics.ToText(), http.RequestAborted);
    }
}
