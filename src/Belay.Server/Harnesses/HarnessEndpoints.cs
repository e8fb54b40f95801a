using System.Globalization;
using Belay.Contracts;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Harnesses;

/// <summary>The control operations on harnesses, their versions and their endpoints.</summary>
public static class HarnessEndpoints
{
    private const string Harnesses = "/harnesses";
    private const string Harness = "/harnesses/{harnessId}";
    private const string Versions = "/harnesses/{harnessId}/versions";
    private const string Endpoints = "/harnesses/{harnessId}/endpoints";
    private const string Endpoint = "/harnesses/{harnessId}/endpoints/{endpointName}";
    private const int DefaultPageSize = 50;

    /// <summary>All control operations of harnesses, tags and resource policies included.</summary>
    public static IEnumerable<Operation> Operations(HarnessCatalog catalog, IdentityTags identity, IPageTokens tokens) =>
    [
        new("CreateHarness", HttpMethods.Post, Harnesses, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var belay = SettingsHeader.Read(call.Http.Request);
            var request = call.Bind(
                BelayJson.Default.CreateHarnessRequest, request => HarnessRules.Create(request, catalog.Settings).Concat(HarnessCatalog.SettingsProblems(belay, "belay")));
            var harness = await catalog.CreateAsync(call.Caller.Scope, request, belay, cancellationToken);
            await call.RespondAsync(StatusCodes.Status201Created, new() { Harness = harness }, BelayJson.Default.CreateHarnessResponse);
        }),
        new("GetHarness", HttpMethods.Get, Harness, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetHarnessRequest);
            var harness = await catalog.GetAsync(call.Caller.Scope, request.HarnessId, request.HarnessVersion, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Harness = harness }, BelayJson.Default.GetHarnessResponse);
        }),
        new("UpdateHarness", HttpMethods.Patch, Harness, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var belay = SettingsHeader.Read(call.Http.Request);
            var request = call.Bind(
                BelayJson.Default.UpdateHarnessRequest, request => HarnessRules.Update(request, catalog.Settings).Concat(HarnessCatalog.SettingsProblems(belay, "belay")));
            var harness = await catalog.UpdateAsync(call.Caller.Scope, request, belay, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Harness = harness }, BelayJson.Default.UpdateHarnessResponse);
        }),
        new("DeleteHarness", HttpMethods.Delete, Harness, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.DeleteHarnessRequest);
            var harness = await catalog.DeleteAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Harness = harness }, BelayJson.Default.DeleteHarnessResponse);
        }),
        new("ListHarnesses", HttpMethods.Get, Harnesses, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListHarnessesRequest);
            var limit = request.MaxResults ?? DefaultPageSize;
            var paging = PagesOf(call, tokens, limit, "");
            var page = await catalog.ListAsync(call.Caller.Scope, limit, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK, new() { Harnesses = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListHarnessesResponse);
        }),
        new("ListHarnessVersions", HttpMethods.Get, Versions, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListHarnessVersionsRequest);
            var limit = request.MaxResults ?? DefaultPageSize;
            var paging = PagesOf(call, tokens, limit, request.HarnessId);
            var page = await catalog.ListVersionsAsync(call.Caller.Scope, request.HarnessId, limit, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK, new() { HarnessVersions = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListHarnessVersionsResponse);
        }),
        new("CreateHarnessEndpoint", HttpMethods.Post, Endpoints, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.CreateHarnessEndpointRequest);
            var endpoint = await catalog.CreateEndpointAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(StatusCodes.Status201Created, new() { Endpoint = endpoint }, BelayJson.Default.CreateHarnessEndpointResponse);
        }),
        new("GetHarnessEndpoint", HttpMethods.Get, Endpoint, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetHarnessEndpointRequest);
            var endpoint = await catalog.GetEndpointAsync(call.Caller.Scope, request.HarnessId, request.EndpointName, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Endpoint = endpoint }, BelayJson.Default.GetHarnessEndpointResponse);
        }),
        new("UpdateHarnessEndpoint", HttpMethods.Patch, Endpoint, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.UpdateHarnessEndpointRequest);
            var endpoint = await catalog.UpdateEndpointAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Endpoint = endpoint }, BelayJson.Default.UpdateHarnessEndpointResponse);
        }),
        new("DeleteHarnessEndpoint", HttpMethods.Delete, Endpoint, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.DeleteHarnessEndpointRequest);
            var endpoint = await catalog.DeleteEndpointAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Endpoint = endpoint }, BelayJson.Default.DeleteHarnessEndpointResponse);
        }),
        new("ListHarnessEndpoints", HttpMethods.Get, Endpoints, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListHarnessEndpointsRequest);
            var limit = request.MaxResults ?? DefaultPageSize;
            var paging = PagesOf(call, tokens, limit, request.HarnessId);
            var page = await catalog.ListEndpointsAsync(call.Caller.Scope, request.HarnessId, limit, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK, new() { Endpoints = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListHarnessEndpointsResponse);
        }),
        .. TagEndpoints.Operations(catalog, identity),
    ];

    // The page size counts, too: the published operation says so.
    private static Paging PagesOf(OperationCall call, IPageTokens tokens, int limit, string harnessId) =>
        new(call, tokens, string.Create(CultureInfo.InvariantCulture, $"{harnessId}?maxResults={limit}"));
}
