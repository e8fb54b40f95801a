using Belay.Contracts;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Harnesses;

/// <summary>The control operations on tags and resource policies. Harnesses and their endpoints carry both; credential providers and workload identities, tags.</summary>
internal static class TagEndpoints
{
    private const string Tags = "/tags/{resourceArn}";
    private const string Policy = "/resourcepolicy/{resourceArn}";

    public static IEnumerable<Operation> Operations(HarnessCatalog catalog, IdentityTags identity) =>
    [
        new("TagResource", HttpMethods.Post, Tags, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.TagResourceRequest);
            await (IdentityTags.Covers(request.ResourceArn)
                ? identity.TagAsync(call.Caller.Scope, request.ResourceArn, request.Tags, cancellationToken)
                : catalog.TagAsync(call.Caller.Scope, request.ResourceArn, request.Tags, cancellationToken));
            await call.RespondAsync(StatusCodes.Status204NoContent);
        }),
        new("UntagResource", HttpMethods.Delete, Tags, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.UntagResourceRequest);
            await (IdentityTags.Covers(request.ResourceArn)
                ? identity.UntagAsync(call.Caller.Scope, request.ResourceArn, request.TagKeys, cancellationToken)
                : catalog.UntagAsync(call.Caller.Scope, request.ResourceArn, request.TagKeys, cancellationToken));
            await call.RespondAsync(StatusCodes.Status204NoContent);
        }),
        new("ListTagsForResource", HttpMethods.Get, Tags, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListTagsForResourceRequest);
            var tags = await (IdentityTags.Covers(request.ResourceArn)
                ? identity.TagsAsync(call.Caller.Scope, request.ResourceArn, cancellationToken)
                : catalog.TagsAsync(call.Caller.Scope, request.ResourceArn, cancellationToken));
            await call.RespondAsync(StatusCodes.Status200OK, new() { Tags = tags }, BelayJson.Default.ListTagsForResourceResponse);
        }),
        new("PutResourcePolicy", HttpMethods.Put, Policy, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.PutResourcePolicyRequest);
            var policy = await catalog.PutPolicyAsync(call.Caller.Scope, request.ResourceArn, request.Policy, cancellationToken);
            await call.RespondAsync(StatusCodes.Status201Created, new() { Policy = policy }, BelayJson.Default.PutResourcePolicyResponse);
        }),
        new("GetResourcePolicy", HttpMethods.Get, Policy, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetResourcePolicyRequest);
            var policy = await catalog.GetPolicyAsync(call.Caller.Scope, request.ResourceArn, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Policy = policy }, BelayJson.Default.GetResourcePolicyResponse);
        }),
        new("DeleteResourcePolicy", HttpMethods.Delete, Policy, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.DeleteResourcePolicyRequest);
            await catalog.DeletePolicyAsync(call.Caller.Scope, request.ResourceArn, cancellationToken);
            await call.RespondAsync(StatusCodes.Status204NoContent);
        }),
    ];
}
