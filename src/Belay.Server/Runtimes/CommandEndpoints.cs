using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Runtimes;
using Belay.Harnesses;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Runtimes;

/// <summary>InvokeAgentRuntimeCommand and StopRuntimeSession, on the sessions of a harness.</summary>
public static class CommandEndpoints
{
    private const int DefaultTimeoutSeconds = 300;
    private const int MaxTimeoutSeconds = 3600;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(HarnessCatalog catalog, SessionHost sessions, IdSource ids) =>
    [
        new("InvokeAgentRuntimeCommand", HttpMethods.Post, "/runtimes/{agentRuntimeArn}/commands", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = Checked(call.Bind(BelayJson.Default.InvokeAgentRuntimeCommandRequest, Problems), Problems);
            var timeout = request.Body.Timeout ?? DefaultTimeoutSeconds;
            var sessionId = request.RuntimeSessionId ?? ids.NewUuid();
            var arn = SessionTarget.HarnessArnOf(call.Caller.Scope, request.AgentRuntimeArn, request.AccountId);
            var served = await catalog.ServeAsync(call.Caller.Scope, arn, request.Qualifier, cancellationToken);
            InvocationResolver.ThrowIfUnservable(served.Harness);
            var key = new SessionKey(call.Caller.Scope, served.Harness.HarnessId, sessionId);
            await using var command = await sessions.RunCommandAsync(key, served.Harness, request.Body.Command, timeout, cancellationToken);
            TraceHeaders.Answer(call, sessionId);
            var stream = await call.StartEventStreamAsync();
            await foreach (var chunk in command.ReadAsync(cancellationToken))
            {
                await stream.WriteAsync("chunk", chunk, BelayJson.Default.ResponseChunk, cancellationToken);
                await stream.FlushAsync(cancellationToken);
            }
        }),
        new("StopRuntimeSession", HttpMethods.Post, "/runtimes/{agentRuntimeArn}/stopruntimesession", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = Checked(call.Bind(BelayJson.Default.StopRuntimeSessionRequest, Problems), Problems);
            var sessionId = request.RuntimeSessionId;
            var arn = SessionTarget.HarnessArnOf(call.Caller.Scope, request.AgentRuntimeArn, accountId: null);
            var served = await catalog.ServeAsync(call.Caller.Scope, arn, request.Qualifier, cancellationToken);
            InvocationResolver.ThrowIfUnservable(served.Harness);
            await sessions.StopAsync(new(call.Caller.Scope, served.Harness.HarnessId, sessionId), request.ClientToken, cancellationToken);
            TraceHeaders.Answer(call, sessionId);
            await call.RespondAsync(StatusCodes.Status200OK, new() { RuntimeSessionId = sessionId }, BelayJson.Default.StopRuntimeSessionResponse);
        }),
    ];

    private static IEnumerable<FieldProblem> Problems(InvokeAgentRuntimeCommandRequest request)
    {
        foreach (var problem in SessionTarget.Problems(request.AgentRuntimeArn, request.AccountId, request.RuntimeSessionId))
        {
            yield return problem;
        }

        // The body itself is absent when it broke the shape.
        if (request.Body?.Timeout is < 1 or > MaxTimeoutSeconds)
        {
            yield return new("body.timeout", $"must be 1 to {MaxTimeoutSeconds} seconds.");
        }
    }

    private static IEnumerable<FieldProblem> Problems(StopRuntimeSessionRequest request) =>
        SessionTarget.Problems(request.AgentRuntimeArn, accountId: null, request.RuntimeSessionId);

    private static T Checked<T>(T request, Func<T, IEnumerable<FieldProblem>> problemsOf) =>
        problemsOf(request).ToList() is { Count: > 0 } problems ? throw ServiceException.Invalid(problems) : request;
}
