using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Invocations;

/// <summary>StartInvocation, SteerInvocation and CancelInvocation: runs that need no client to stay.</summary>
public static class RunEndpoints
{
    private const string Session = "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}";

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(HarnessCatalog catalog, InvocationResolver resolver, SessionHost sessions) =>
    [
        new("StartInvocation", HttpMethods.Post, Session + "/invocations", Operation.InvokeBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.StartInvocationRequest, start => resolver.Problems(Invoke(start, call.Caller)));
            var invoke = Invoke(request, call.Caller);
            var served = await catalog.ServeAsync(call.Caller.Scope, invoke.HarnessArn, request.Qualifier, cancellationToken);
            var invocation = resolver.Resolve(served, invoke) with { Trace = call.Trace };
            var key = new SessionKey(call.Caller.Scope, served.Harness.HarnessId, request.SessionId);
            if (request.Detach != true)
            {
                await using var read = await sessions.InvokeAsync(key, invocation, cancellationToken);
                await InvocationEndpoints.StreamAsync(call, read, request.SessionId, cancellationToken);
                return;
            }

            await using var accepted = await sessions.InvokeAsync(key, invocation with { Detached = true }, cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status202Accepted, new() { InvocationId = accepted.InvocationId, SessionId = request.SessionId }, BelayJson.Default.StartInvocationResponse);
        })
        { About = () => new("Starts an invocation that goes on without its client, when detach is true; else it is InvokeHarness.", BelayJson.Default.StartInvocationRequest, BelayJson.Default.StartInvocationResponse) { Status = StatusCodes.Status202Accepted, Faults = [FaultCode.ResourceNotFoundException, FaultCode.RuntimeClientError, FaultCode.ServiceQuotaExceededException] } },
        new("SteerInvocation", HttpMethods.Post, Session + "/steer", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.SteerInvocationRequest);
            await sessions.SteerAsync(new(call.Caller.Scope, request.HarnessId, request.SessionId), request.SteerId, request.Text, cancellationToken);
            await call.RespondAsync(StatusCodes.Status204NoContent);
        })
        { About = () => new("Hands a message to the running invocation; its next model call takes it.", BelayJson.Default.SteerInvocationRequest, null) { Status = StatusCodes.Status204NoContent, Faults = [FaultCode.ResourceNotFoundException] } },
        new("CancelInvocation", HttpMethods.Post, Session + "/cancel", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.CancelInvocationRequest);
            var id = await sessions.CancelAsync(new(call.Caller.Scope, request.HarnessId, request.SessionId), cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { InvocationId = id }, BelayJson.Default.CancelInvocationResponse);
        })
        { About = () => new("Cancels the running invocation, and answers when its end is stored; the session stays usable.", BelayJson.Default.CancelInvocationRequest, BelayJson.Default.CancelInvocationResponse) { Faults = [FaultCode.ResourceNotFoundException] } },
    ];

    // Members may be missing in a request that is only asked for its problems.
    private static InvokeHarnessRequest Invoke(StartInvocationRequest request, Caller caller) => new()
    {
        HarnessArn = new HarnessArn(caller.Scope, request.HarnessId).ToString(),
        RuntimeSessionId = request.SessionId,
        Messages = request.Messages,
        Model = request.Model,
        SystemPrompt = request.SystemPrompt,
        Tools = request.Tools,
        Skills = request.Skills,
        AllowedTools = request.AllowedTools,
        MaxIterations = request.MaxIterations,
        MaxTokens = request.MaxTokens,
        TimeoutSeconds = request.TimeoutSeconds,
        ActorId = request.ActorId,
    };
}
