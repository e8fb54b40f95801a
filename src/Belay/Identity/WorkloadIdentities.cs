using Belay.Contracts.Faults;
using Belay.Contracts.Identity;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>The workload identities of every account: who may ask for keys. Safe for concurrent use.</summary>
public sealed class WorkloadIdentities(IDocumentStore store, TimeProvider time, IdSource ids)
{
    /// <summary>Workload identities of an account and region.</summary>
    public const int MaxIdentities = 11_000;

    private const int UniqueIdCharacters = 16;

    private readonly IdentityCollection<WorkloadIdentityDocument> _identities =
        new(store, "workload-identities", IdentityJson.Default.WorkloadIdentityDocument, "workload identity", MaxIdentities);

    /// <summary>The identities as resources with tags.</summary>
    internal IdentityCollection<WorkloadIdentityDocument> Resources => _identities;

    /// <summary>Makes an identity.</summary>
    public async Task<CreateWorkloadIdentityResponse> CreateAsync(Scope scope, CreateWorkloadIdentityRequest request, CancellationToken cancellationToken)
    {
        IdentityCollection<WorkloadIdentityDocument>.RefuseTags(request.Tags);
        var now = Now();
        var identity = new WorkloadIdentityDocument
        {
            Name = request.Name,
            UniqueId = ids.NewAlphanumeric(UniqueIdCharacters),
            ReturnUrls = request.AllowedResourceOauth2ReturnUrls,
            CreatedAt = now,
            UpdatedAt = now,
            Tags = request.Tags ?? new Dictionary<string, string>(),
        };

        // The published operation knows no conflict.
        return await _identities.TryAddAsync(scope, request.Name, identity, cancellationToken)
            ? new()
            {
                Name = identity.Name,
                WorkloadIdentityArn = new WorkloadIdentityArn(scope, identity.Name).ToString(),
                AllowedResourceOauth2ReturnUrls = identity.ReturnUrls,
            }
            : throw ServiceException.Invalid([new FieldProblem("name", "is taken by another workload identity")]);
    }

    /// <summary>An identity.</summary>
    public async Task<GetWorkloadIdentityResponse> GetAsync(Scope scope, string name, CancellationToken cancellationToken) =>
        Show(scope, await _identities.RequireAsync(scope, name, cancellationToken));

    /// <summary>Replaces the return URLs of an identity, if new ones are given.</summary>
    public async Task<GetWorkloadIdentityResponse> UpdateAsync(Scope scope, UpdateWorkloadIdentityRequest request, CancellationToken cancellationToken) =>
        Show(scope, await _identities.ChangeAsync(
            scope, request.Name, old => old with { ReturnUrls = request.AllowedResourceOauth2ReturnUrls ?? old.ReturnUrls, UpdatedAt = Now() }, cancellationToken));

    /// <summary>Deletes an identity; its tokens are worth nothing from then on.</summary>
    public Task DeleteAsync(Scope scope, string name, CancellationToken cancellationToken) => _identities.DeleteAsync(scope, name, cancellationToken);

    /// <summary>A page of identities, by name.</summary>
    public async Task<Page<WorkloadIdentityType>> ListAsync(Scope scope, int count, string? after, CancellationToken cancellationToken)
    {
        var page = await _identities.ListAsync(scope, count, after, cancellationToken);
        return new(
            [.. page.Items.Select(identity => new WorkloadIdentityType { Name = identity.Name, WorkloadIdentityArn = new WorkloadIdentityArn(scope, identity.Name).ToString() })],
            page.Next);
    }

    private static GetWorkloadIdentityResponse Show(Scope scope, WorkloadIdentityDocument identity) => new()
    {
        Name = identity.Name,
        WorkloadIdentityArn = new WorkloadIdentityArn(scope, identity.Name).ToString(),
        AllowedResourceOauth2ReturnUrls = identity.ReturnUrls,
        CreatedTime = identity.CreatedAt,
        LastUpdatedTime = identity.UpdatedAt,
    };

    private DateTimeOffset Now()
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
    }
}
