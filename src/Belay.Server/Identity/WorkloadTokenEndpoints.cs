using Belay.Contracts;
using Belay.Identity;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Identity;

/// <summary>The data operations of workloads: their tokens, and the keys that these are good for.</summary>
internal static class WorkloadTokenEndpoints
{
    private const string Root = "/identities";

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(WorkloadTokens tokens, TokenVault vault) =>
    [
        new("GetWorkloadAccessToken", HttpMethods.Post, Root + "/GetWorkloadAccessToken", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetWorkloadAccessTokenRequest);
            var token = await tokens.IssueAsync(call.Caller.Scope, request.WorkloadName, userId: null, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { WorkloadAccessToken = token }, BelayJson.Default.GetWorkloadAccessTokenResponse);
        }),
        new("GetWorkloadAccessTokenForJWT", HttpMethods.Post, Root + "/GetWorkloadAccessTokenForJWT", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetWorkloadAccessTokenForJWTRequest);
            var token = await tokens.IssueForJwtAsync(call.Caller.Scope, request.WorkloadName, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { WorkloadAccessToken = token }, BelayJson.Default.GetWorkloadAccessTokenForJWTResponse);
        }),
        new("GetWorkloadAccessTokenForUserId", HttpMethods.Post, Root + "/GetWorkloadAccessTokenForUserId", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetWorkloadAccessTokenForUserIdRequest);
            var token = await tokens.IssueAsync(call.Caller.Scope, request.WorkloadName, request.UserId, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { WorkloadAccessToken = token }, BelayJson.Default.GetWorkloadAccessTokenForUserIdResponse);
        }),
        new("GetResourceApiKey", HttpMethods.Post, Root + "/api-key", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetResourceApiKeyRequest);
            _ = await tokens.ReadAsync(call.Caller.Scope, request.WorkloadIdentityToken, cancellationToken);
            var key = await vault.GetKeyAsync(call.Caller.Scope, request.ResourceCredentialProviderName, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { ApiKey = key }, BelayJson.Default.GetResourceApiKeyResponse);
        }),
    ];
}
