using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Usages;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Usages;

/// <summary>GetUsage.</summary>
public static class UsageEndpoints
{
    private static readonly TimeSpan DefaultTime = TimeSpan.FromHours(24);

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionLists lists, TimeProvider time) =>
    [
        new("GetUsage", HttpMethods.Get, "/belay/v1/usage", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetUsageRequest);
            var until = request.Until ?? time.GetUtcNow();
            var since = request.Since ?? until - DefaultTime;
            if (since >= until)
            {
                throw ServiceException.Invalid([new FieldProblem("since", "must be before until")]);
            }

            var groups = (request.GroupBy ?? "").Split(',');
            var query = new UsageQuery(since, until, request.Interval, groups.Contains("harness"), groups.Contains("actor"), groups.Contains("model"));
            var rows = await lists.UsageAsync(call.Caller.Scope, request.HarnessId, request.ActorId, query, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Since = since, Until = until, Rows = rows }, BelayJson.Default.GetUsageResponse);
        })
        { About = () => new("Sums what was used over time, by harness, actor or model.", BelayJson.Default.GetUsageRequest, BelayJson.Default.GetUsageResponse) },
    ];
}
