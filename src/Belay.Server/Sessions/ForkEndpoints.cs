using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Sessions;
using Belay.Harnesses;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>ForkSession.</summary>
public static class ForkEndpoints
{
    /// <summary>The operation.</summary>
    public static Operation Operation(HarnessCatalog catalog, InvocationResolver resolver, SessionForks forks, IdSource ids) =>
        new("ForkSession", HttpMethods.Post, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/forks", Wire.Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ForkSessionRequest, request => InvocationResolver.ForkProblems(request.Model, request.SystemPrompt));
            var (harness, settings) = await catalog.GetWithSettingsAsync(call.Caller.Scope, request.HarnessId, version: null, cancellationToken);
            var system = resolver.CheckFork(new(harness, "DEFAULT", settings), request.Model, request.SystemPrompt);
            var forked = await forks.ForkAsync(
                new(call.Caller.Scope, request.HarnessId, request.SessionId), new(request.NewSessionId ?? ids.NewUuid(), request.At, request.Model, system), cancellationToken);
            var response = new ForkSessionResponse
            {
                HarnessId = request.HarnessId,
                SessionId = forked.Session.SessionId,
                ForkedFrom = new() { SessionId = request.SessionId, Entry = forked.At.Sequence },
                Waiting = forked.Waiting,
                Workspace = forked.Files is { } files ? new() { Entry = files.Sequence, SavedAt = files.SavedAt, Files = files.Files, Bytes = files.Bytes } : null,
            };
            await call.RespondAsync(StatusCodes.Status201Created, response, BelayJson.Default.ForkSessionResponse);
        })
        {
            About = () => new("Makes a session that shares the past of another one up to an entry, and goes on from there.", BelayJson.Default.ForkSessionRequest, BelayJson.Default.ForkSessionResponse)
            {
                Status = StatusCodes.Status201Created,
                Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException, FaultCode.AccessDeniedException],
            },
        };
}
