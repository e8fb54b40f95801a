using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Storage;

namespace Belay.Harnesses;

/// <content>Endpoints: named pointers to versions.</content>
public sealed partial class HarnessCatalog
{
    /// <summary>Makes an endpoint that stays on its version until it is updated; answers it as CREATING.</summary>
    public Task<HarnessEndpoint> CreateEndpointAsync(Scope scope, CreateHarnessEndpointRequest request, CancellationToken cancellationToken)
    {
        Refuse([.. NotDefault(request.EndpointName), .. HarnessRules.Tags(request.Tags, "tags")]);
        var (harnessId, name) = (request.HarnessId, request.EndpointName);
        return ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var token = await _tokens.FindAsync(
                scope, "CreateHarnessEndpoint", request.ClientToken, request with { ClientToken = null }, BelayJson.Default.CreateHarnessEndpointRequest, cancellationToken);
            if (token.Resource is not null)
            {
                return (await ReadEndpointAsync(scope, harnessId, name, cancellationToken))?.Value
                    ?? throw new ServiceException(FaultCode.ConflictException, "The endpoint that this client token made has been deleted. Use a new token for a new endpoint.");
            }

            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var target = request.TargetVersion is { } wanted ? Number(wanted) : head.Value.LatestVersion;
            await RequireServableAsync(scope, harnessId, target, cancellationToken);
            RequireNotDeleting(head.Value, "given an endpoint");
            var prefix = CatalogKeys.Below(harnessId);
            var existing = await store.ListAsync(scope, CatalogKeys.Endpoints, prefix, null, settings.MaxEndpoints, cancellationToken);
            if (await ReadEndpointAsync(scope, harnessId, name, cancellationToken) is not null)
            {
                throw new ServiceException(FaultCode.ConflictException, $"Harness {harnessId} already has an endpoint with the name {name}.");
            }

            if (existing.Count >= settings.MaxEndpoints)
            {
                throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {settings.MaxEndpoints} endpoints per harness has been reached.");
            }

            var endpoint = NewEndpoint(scope, head.Value, name, target, request.Description, Now());
            var batch = Touch(head).Add(CatalogKeys.Endpoint(harnessId, name), endpoint, CatalogJson.Default.HarnessEndpoint);
            AddTags(batch, harnessId, name, request.Tags);
            AddWork(batch, harnessId);
            return await WriteAsync(scope, batch, token, name, cancellationToken) ? endpoint : null;
        }, cancellationToken);
    }

    /// <summary>One endpoint.</summary>
    public async Task<HarnessEndpoint> GetEndpointAsync(Scope scope, string harnessId, string endpointName, CancellationToken cancellationToken)
    {
        await RequireHeadAsync(scope, harnessId, cancellationToken);
        return (await ReadEndpointAsync(scope, harnessId, endpointName, cancellationToken) ?? throw NoEndpoint(harnessId, endpointName)).Value;
    }

    /// <summary>Moves an endpoint to another version, forwards or back, or describes it anew; answers it as UPDATING.</summary>
    public Task<HarnessEndpoint> UpdateEndpointAsync(Scope scope, UpdateHarnessEndpointRequest request, CancellationToken cancellationToken)
    {
        Refuse(NotDefault(request.EndpointName));
        if (request is { TargetVersion: null, Description: null })
        {
            Refuse([new FieldProblem("targetVersion", "or description must be present")]);
        }

        var (harnessId, name) = (request.HarnessId, request.EndpointName);
        return ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var token = await _tokens.FindAsync(
                scope, "UpdateHarnessEndpoint", request.ClientToken, request with { ClientToken = null }, BelayJson.Default.UpdateHarnessEndpointRequest, cancellationToken);
            if (token.Resource is not null)
            {
                return await GetEndpointAsync(scope, harnessId, name, cancellationToken);
            }

            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var old = await ReadEndpointAsync(scope, harnessId, name, cancellationToken) ?? throw NoEndpoint(harnessId, name);
            // One of the two versions is always there: an endpoint that never served still has its target.
            var target = Number(request.TargetVersion ?? old.Value.LiveVersion ?? old.Value.TargetVersion!);
            await RequireServableAsync(scope, harnessId, target, cancellationToken);
            RequireNotDeleting(head.Value, "changed");
            if (old.Value.Status is HarnessStatus.Creating or HarnessStatus.Updating or HarnessStatus.Deleting)
            {
                throw new ServiceException(FaultCode.ConflictException, $"Endpoint {name} of harness {harnessId} cannot be updated while its status is {WireName(old.Value.Status)}.");
            }

            var endpoint = MoveTo(old.Value, target, Now()) with { Description = request.Description ?? old.Value.Description };
            var batch = Touch(head).Put(CatalogKeys.Endpoint(harnessId, name), endpoint, CatalogJson.Default.HarnessEndpoint, old.Etag);
            AddWork(batch, harnessId);
            return await WriteAsync(scope, batch, token, name, cancellationToken) ? endpoint : null;
        }, cancellationToken);
    }

    /// <summary>Begins to delete an endpoint; answers it as DELETING, also when the request is the repetition of one whose endpoint
    /// is gone by now.</summary>
    public Task<HarnessEndpoint> DeleteEndpointAsync(Scope scope, DeleteHarnessEndpointRequest request, CancellationToken cancellationToken)
    {
        Refuse(NotDefault(request.EndpointName));
        var (harnessId, name) = (request.HarnessId, request.EndpointName);
        return ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var token = await _tokens.FindAsync(
                scope, "DeleteHarnessEndpoint", request.ClientToken, request with { ClientToken = null }, BelayJson.Default.DeleteHarnessEndpointRequest, cancellationToken);
            if (token.Resource is { } answered)
            {
                // The published answer needs an endpoint, and soon there is none: the first answer is what the token stands for.
                return JsonSerializer.Deserialize(answered, CatalogJson.Default.HarnessEndpoint);
            }

            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var old = await ReadEndpointAsync(scope, harnessId, name, cancellationToken) ?? throw NoEndpoint(harnessId, name);
            var endpoint = old.Value;
            if (endpoint.Status is HarnessStatus.Creating or HarnessStatus.Updating)
            {
                throw new ServiceException(FaultCode.ConflictException, $"Endpoint {name} of harness {harnessId} cannot be deleted while its status is {WireName(endpoint.Status)}.");
            }

            if (endpoint.Status != HarnessStatus.Deleting)
            {
                endpoint = endpoint with { Status = HarnessStatus.Deleting, TargetVersion = null, FailureReason = null, UpdatedAt = Now() };
            }

            var batch = Touch(head).Put(CatalogKeys.Endpoint(harnessId, name), endpoint, CatalogJson.Default.HarnessEndpoint, old.Etag);
            AddWork(batch, harnessId);
            var answer = JsonSerializer.Serialize(endpoint, CatalogJson.Default.HarnessEndpoint);
            return await WriteAsync(scope, batch, token, answer, cancellationToken) ? endpoint : null;
        }, cancellationToken);
    }

    /// <summary>A page of endpoints, <c>DEFAULT</c> first.</summary>
    public async Task<Page<HarnessEndpoint>> ListEndpointsAsync(Scope scope, string harnessId, int limit, string? after, CancellationToken cancellationToken)
    {
        await RequireHeadAsync(scope, harnessId, cancellationToken);
        var prefix = CatalogKeys.Below(harnessId);
        var documents = await store.ListAsync(scope, CatalogKeys.Endpoints, prefix, After(prefix, after), limit + 1, cancellationToken);
        return new(
            [.. documents.Take(limit).Select(document => JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.HarnessEndpoint)!)],
            documents.Count > limit ? documents[limit - 1].Key.Id[prefix.Length..] : null);
    }

    private static IEnumerable<FieldProblem> NotDefault(string endpointName)
    {
        if (endpointName == CatalogKeys.DefaultEndpoint)
        {
            yield return new("endpointName", "must not be DEFAULT, which is reserved: it follows the newest version by itself");
        }
    }

    private static ServiceException NoEndpoint(string harnessId, string name) =>
        new(FaultCode.ResourceNotFoundException, $"Endpoint {name} of harness {harnessId} does not exist.");

    private static void RequireNotDeleting(HarnessHead head, string verb)
    {
        if (head.Status is HarnessStatus.Deleting or HarnessStatus.DeleteFailed)
        {
            throw new ServiceException(FaultCode.ConflictException, $"Harness {head.HarnessId} cannot be {verb} while its status is {WireName(head.Status)}.");
        }
    }

    private static HarnessEndpoint NewEndpoint(Scope scope, HarnessHead head, string name, int target, string? description, DateTimeOffset now) => new()
    {
        HarnessId = head.HarnessId,
        HarnessName = head.HarnessName,
        EndpointName = name,
        Arn = new HarnessArn(scope, head.HarnessId, name).ToString(),
        Status = HarnessStatus.Creating,
        CreatedAt = now,
        UpdatedAt = now,
        TargetVersion = Text(target),
        Description = description,
    };

    /// <summary>On the way to a version. An endpoint that never served a version is still being created.</summary>
    private static HarnessEndpoint MoveTo(HarnessEndpoint endpoint, int target, DateTimeOffset now) => endpoint with
    {
        Status = endpoint.LiveVersion is null ? HarnessStatus.Creating : HarnessStatus.Updating,
        TargetVersion = Text(target),
        FailureReason = null,
        UpdatedAt = now,
    };

    /// <summary>Begins a batch that fails when anything about the harness has changed since its head was read.</summary>
    private static CatalogBatch Touch(Stored<HarnessHead> head) =>
        new CatalogBatch().Put(CatalogKeys.Head(head.Value.HarnessId), head.Value, CatalogJson.Default.HarnessHead, head.Etag);

    private async Task<Stored<HarnessEndpoint>?> ReadEndpointAsync(Scope scope, string harnessId, string name, CancellationToken cancellationToken) =>
        await ReadAsync(scope, CatalogKeys.Endpoint(harnessId, name), CatalogJson.Default.HarnessEndpoint, cancellationToken);

    private async Task RequireServableAsync(Scope scope, string harnessId, int version, CancellationToken cancellationToken)
    {
        var state = await ReadAsync(scope, CatalogKeys.Version(harnessId, version), CatalogJson.Default.VersionState, cancellationToken)
            ?? throw NoVersion(harnessId, Text(version));
        if (state.Value.Status is HarnessStatus.CreateFailed or HarnessStatus.UpdateFailed)
        {
            throw new ServiceException(FaultCode.ResourceNotFoundException, $"Version {version} of harness {harnessId} cannot be served: {WireName(state.Value.Status)}.");
        }
    }
}
