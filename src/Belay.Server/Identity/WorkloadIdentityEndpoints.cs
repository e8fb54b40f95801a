using Belay.Contracts;
using Belay.Identity;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Identity;

/// <summary>The control operations on workload identities.</summary>
internal static class WorkloadIdentityEndpoints
{
    private const string Root = "/identities";
    private const int DefaultPageSize = 20;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(WorkloadIdentities workloads, IPageTokens tokens) =>
    [
        new("CreateWorkloadIdentity", HttpMethods.Post, Root + "/CreateWorkloadIdentity", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.CreateWorkloadIdentityRequest);
            var made = await workloads.CreateAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(StatusCodes.Status201Created, made, BelayJson.Default.CreateWorkloadIdentityResponse);
        }),
        new("GetWorkloadIdentity", HttpMethods.Post, Root + "/GetWorkloadIdentity", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetWorkloadIdentityRequest);
            var identity = await workloads.GetAsync(call.Caller.Scope, request.Name, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, identity, BelayJson.Default.GetWorkloadIdentityResponse);
        }),
        new("UpdateWorkloadIdentity", HttpMethods.Post, Root + "/UpdateWorkloadIdentity", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.UpdateWorkloadIdentityRequest);
            var updated = await workloads.UpdateAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK,
                new()
                {
                    Name = updated.Name,
                    WorkloadIdentityArn = updated.WorkloadIdentityArn,
                    AllowedResourceOauth2ReturnUrls = updated.AllowedResourceOauth2ReturnUrls,
                    CreatedTime = updated.CreatedTime,
                    LastUpdatedTime = updated.LastUpdatedTime,
                },
                BelayJson.Default.UpdateWorkloadIdentityResponse);
        }),
        new("DeleteWorkloadIdentity", HttpMethods.Post, Root + "/DeleteWorkloadIdentity", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.DeleteWorkloadIdentityRequest);
            await workloads.DeleteAsync(call.Caller.Scope, request.Name, cancellationToken);
            await call.RespondAsync(StatusCodes.Status204NoContent);
        }),
        new("ListWorkloadIdentities", HttpMethods.Post, Root + "/ListWorkloadIdentities", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListWorkloadIdentitiesRequest);
            var limit = request.MaxResults ?? DefaultPageSize;
            var paging = new Paging(call, tokens, "");
            var page = await workloads.ListAsync(call.Caller.Scope, limit, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK, new() { WorkloadIdentities = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListWorkloadIdentitiesResponse);
        }),
    ];
}
