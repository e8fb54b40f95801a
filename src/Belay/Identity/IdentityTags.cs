using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>The tags of credential providers and workload identities.</summary>
public sealed class IdentityTags(TokenVault vault, WorkloadIdentities identities)
{
    /// <summary>Whether an ARN is of a kind that belongs here.</summary>
    public static bool Covers(string resourceArn) => CredentialProviderArn.TryParse(resourceArn) is not null || WorkloadIdentityArn.TryParse(resourceArn) is not null;

    /// <summary>Adds tags; a key that exists gets the new value.</summary>
    public Task TagAsync(Scope scope, string resourceArn, IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken) =>
        ProviderOf(scope, resourceArn) is { } provider ? vault.Resources.TagAsync(scope, provider, tags, cancellationToken)
        : IdentityOf(scope, resourceArn) is { } identity ? identities.Resources.TagAsync(scope, identity, tags, cancellationToken)
        : throw Missing(resourceArn);

    /// <summary>Removes tags; keys that are not there are ignored.</summary>
    public Task UntagAsync(Scope scope, string resourceArn, IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        ProviderOf(scope, resourceArn) is { } provider ? vault.Resources.UntagAsync(scope, provider, keys, cancellationToken)
        : IdentityOf(scope, resourceArn) is { } identity ? identities.Resources.UntagAsync(scope, identity, keys, cancellationToken)
        : throw Missing(resourceArn);

    /// <summary>The tags of a resource.</summary>
    public async Task<IReadOnlyDictionary<string, string>> TagsAsync(Scope scope, string resourceArn, CancellationToken cancellationToken) =>
        ProviderOf(scope, resourceArn) is { } provider ? (await vault.Resources.RequireAsync(scope, provider, cancellationToken)).Tags
        : IdentityOf(scope, resourceArn) is { } identity ? (await identities.Resources.RequireAsync(scope, identity, cancellationToken)).Tags
        : throw Missing(resourceArn);

    // What belongs to another account or region is answered as what does not exist.
    private static string? ProviderOf(Scope scope, string arn) => CredentialProviderArn.TryParse(arn) is { } parsed && parsed.Scope == scope ? parsed.Name : null;

    private static string? IdentityOf(Scope scope, string arn) => WorkloadIdentityArn.TryParse(arn) is { } parsed && parsed.Scope == scope ? parsed.Name : null;

    private static ServiceException Missing(string resourceArn) => new(FaultCode.ResourceNotFoundException, $"The resource {resourceArn} does not exist.");
}
