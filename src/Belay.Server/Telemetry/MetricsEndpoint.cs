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

    /// <summary>For everybody.</summary>
    public static OpenEndpoint Open(CollectedMetrics metrics) => new(Path, http => WriteAsync(http, metrics));

    /// <summary>For keys of the operator's account: names of models and tools of every account are in it.</summary>
    public static Operation Authenticated(CollectedMetrics metrics, string account) =>
        new("GetMetrics", HttpMethods.Get, Path, Operation.ControlBodyBytes, (call, _) =>
        {
            OperatorAccount.Demand(call.Caller, account);
            return WriteAsync(call.Http, metrics);
        });

    private static Task WriteAsync(HttpContext http, CollectedMetrics metrics)
    {
        http.Response.ContentType = PrometheusText.ContentType;
        return http.Response.WriteAsync(metrics.ToText(), http.RequestAborted);
    }
}
