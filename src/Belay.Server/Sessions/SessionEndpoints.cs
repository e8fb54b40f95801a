using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>ListSessions, GetSession, ListTraces and GetTrace.</summary>
public static class SessionEndpoints
{
    private const int DefaultPageSize = 20;
    private static readonly TimeSpan DefaultTraceTime = TimeSpan.FromHours(12);

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionLists lists, IPageTokens tokens, TimeProvider time) =>
    [
        new("ListSessions", HttpMethods.Get, "/belay/v1/sessions", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListSessionsRequest);
            var filter = new SessionFilter(request.HarnessId, request.SessionId, request.ActorId, request.State, request.Since, request.Until)
            {
                StopReason = request.StopReason,
                Fault = request.Fault,
            };
            var paging = new Paging(call, tokens, Paging.Of(
                request.HarnessId, request.SessionId, request.ActorId, request.State?.ToString(), request.StopReason?.ToString(), request.Fault?.ToString(), Paging.Of(request.Since), Paging.Of(request.Until)));
            var page = await lists.SessionsAsync(call.Caller.Scope, filter, request.MaxResults ?? DefaultPageSize, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Sessions = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListSessionsResponse);
        })
        { About = () => new("Lists sessions, the latest activity first.", BelayJson.Default.ListSessionsRequest, BelayJson.Default.ListSessionsResponse) },
        new("GetSession", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetSessionRequest);
            var session = await lists.SessionAsync(new(call.Caller.Scope, request.HarnessId, request.SessionId), cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, session, BelayJson.Default.GetSessionResponse);
        })
        { About = () => new("Shows a session: what it does, what it used and cost, why it ended.", BelayJson.Default.GetSessionRequest, BelayJson.Default.GetSessionResponse) { Faults = [FaultCode.ResourceNotFoundException] } },
        new("ListTraces", HttpMethods.Get, "/belay/v1/traces", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListTracesRequest);
            var paging = new Paging(call, tokens, Paging.Of(request.HarnessId, request.SessionId, Paging.Of(request.Since), Paging.Of(request.Until)));
            var page = await lists.TracesAsync(
                call.Caller.Scope,
                request.HarnessId,
                request.SessionId,
                request.Since ?? time.GetUtcNow() - DefaultTraceTime,
                request.Until,
                request.MaxResults ?? DefaultPageSize,
                paging.After(request.NextToken),
                cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Traces = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListTracesResponse);
        })
        { About = () => new("Lists invocations as traces, the newest first.", BelayJson.Default.ListTracesRequest, BelayJson.Default.ListTracesResponse) },
        new("GetTrace", HttpMethods.Get, "/belay/v1/traces/{traceId}", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetTraceRequest);
            try
            {
                var traces = await lists.TraceAsync(call.Caller.Scope, request.TraceId, request.HarnessId, request.SessionId, cancellationToken);
                await call.RespondAsync(StatusCodes.Status200OK, new() { Traces = traces }, BelayJson.Default.GetTraceResponse);
            }
            catch (JournalUnknownEntryException problem)
            {
                throw ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
            }
        })
        { About = () => new("Shows what the invocations of a trace did, step by step.", BelayJson.Default.GetTraceRequest, BelayJson.Default.GetTraceResponse) { Faults = [FaultCode.ResourceNotFoundException] } },
    ];
}
